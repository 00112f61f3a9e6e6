"""Questions answered with a stretch of a given text, or with none where it does not say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneworks.core.answers import Answer, PassageAnswer
from tuneworks.core.asking import Examples, Row, Task
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.evaluation import Evaluation, Tally
from tuneworks.core.ranges import Range, check_values
from tuneworks.core.text import Text
from tuneworks.core.types import Column, Output, Pair, TaskSpec
from tuneworks.language.segments import units as units_of
from tuneworks.statistics.passages import METRICS, PassageRows, evaluate_passages, passage_tallies
from tuneworks.statistics.references import references
from tuneworks.statistics.roles import check_inputs, named, only

NAMES = {
    "question": ("question", "query", "问题", "提问"),
    "context": ("context", "passage", "document", "paragraph", "text", "上下文", "文章", "段落", "正文", "文本"),
    "target": ("answers", "answer", "答案", "回答"),
}
UNKNOWN = -1
KEPT_TEXTS = 4096


@dataclass(frozen=True)
class Options:
    """Settings of ``question-answering``.

    ``longest``: the most words (Chinese characters) of an answer. ``null_margin``: how many times as probable as the
    best answer it must be that there is none, for none to be given.
    """

    longest: int = 64
    null_margin: float = 1.0

    def __post_init__(self) -> None:
        check_values(self, {"longest": Range(least=1), "null_margin": Range(above=0)}, "spec.options.")


class QuestionAnswering(Task):
    """Reads a question and a text, answers with the text's most probable stretch; questions on one text stay together.

    True answers are words of the text, stretches of it, several of these, or SQuAD's lists of texts and their starts.
    """

    Options = Options
    roles = MappingProxyType({"question": ("text", "category"), "context": ("text", "category")})
    read = ("context",)
    target_kinds = ("text", "spans", "category", "labels")
    default_base = "ngrams"
    default_method = "head"

    def complete(self, spec: TaskSpec, columns: Sequence[Column], rows: Sequence[Row]) -> TaskSpec:
        inputs = spec.inputs or self._inputs(spec, columns)
        check_inputs(columns, inputs, self.roles)
        if spec.target:
            target = named(columns, spec.target, self.target_kinds, role="target")
        else:
            target = _column(columns, self.target_kinds, role="target", exclude=(*inputs.values(), "split"))
        metric = spec.metric or "answer_f1"
        if metric not in METRICS:
            raise InvalidConfig(
                Text(f"There is no metric named {metric!r} for this task.", f"此任务没有名为 {metric!r} 的指标。"),
                Text(f"Choose one of: {', '.join(METRICS)}.", f"可选指标：{'、'.join(METRICS)}。"),
            )
        split = spec.split or f"group({inputs['context']})"
        return replace(spec, target=target, inputs=inputs, metric=metric, split=split)

    def output(self, spec: TaskSpec) -> Output:
        return Output("spans", 2)

    def examples(self, spec: TaskSpec, rows: Sequence[Row]) -> Examples:
        pairs = [Pair(*(str(row.get(spec.inputs[role]) or "") for role in ("question", "context"))) for row in rows]
        units = [_units(pair.second) for pair in pairs]
        targets = None
        if rows and all(spec.target in row for row in rows):
            truths = [row[spec.target or ""] for row in rows]
            found = [_target(truth, pair, own) for truth, pair, own in zip(truths, pairs, units, strict=True)]
            targets = np.array(found, np.int64).reshape(-1, 2)
        return Examples({"context": pairs}, rows, targets, units)

    def decode(self, spec: TaskSpec, scores: Any, examples: Examples) -> list[Answer]:
        options = Options(**spec.options)
        return [
            _answer(score, pair.second, units, options)
            for score, pair, units in zip(scores, examples.inputs["context"], examples.units or (), strict=True)
        ]

    def tally(self, spec: TaskSpec, scores: Any, examples: Examples) -> Mapping[str, Tally]:
        return passage_tallies(self._passages(spec, scores, examples))

    def score(self, spec: TaskSpec, scores: Any, examples: Examples) -> Evaluation:
        return evaluate_passages(self._passages(spec, scores, examples), spec=spec, rows=examples.rows)

    def sample(self, rows: int, seed: int) -> tuple[Sequence[Column], list[Row]]:
        random = np.random.default_rng(seed)
        return (Column("question", "text"), Column("context", "text"), Column("answers", "spans")), [
            _sample_row(random) for _ in range(rows)
        ]

    def _inputs(self, spec: TaskSpec, columns: Sequence[Column]) -> dict[str, str]:
        made: dict[str, str] = {}
        for role, kinds in self.roles.items():
            others = (*made.values(), "split", *([spec.target] if spec.target else NAMES["target"]))
            made[role] = _column(columns, kinds, role=role, exclude=others)
        return made

    def _passages(self, spec: TaskSpec, scores: Any, examples: Examples) -> PassageRows:
        answers = [answer for answer in self.decode(spec, scores, examples) if isinstance(answer, PassageAnswer)]
        truths = [references(row.get(spec.target or "")) or [] for row in examples.rows]
        return PassageRows(answers, truths, [pair.second for pair in examples.inputs["context"]])


@lru_cache(KEPT_TEXTS)
def _units(text: str) -> tuple[tuple[int, int], ...]:
    """A context's units; many questions are asked of one."""
    return tuple(units_of(text))


def _column(columns: Sequence[Column], kinds: Sequence[str], *, role: str, exclude: Sequence[str]) -> str:
    """The column of the role's kinds that bears one of its usual names, else the only one there is."""
    fitting = {column.name for column in columns if column.kind in kinds and column.name not in exclude}
    known = [name for name in NAMES[role] if name in fitting]
    return known[0] if known else only(columns, kinds, role=role, exclude=exclude)


def _target(truth: Any, pair: Pair, units: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """First and last unit of the first true answer that stands in the text, from 1; 0 where there is none."""
    known = references(truth)
    if known is None or (known and not units):
        return UNKNOWN, UNKNOWN
    for one in known:
        begin, end = one.place(pair.second)
        inside = [number for number, (a, b) in enumerate(units, start=1) if a < end and b > begin]
        if begin >= 0 and inside:
            return inside[0], inside[-1]
    return (UNKNOWN, UNKNOWN) if known else (0, 0)


def _answer(scores: Any, text: str, units: Sequence[tuple[int, int]], options: Options) -> PassageAnswer:
    """The most probable legal stretch, or none where that is probable enough."""
    both = np.asarray(scores, dtype=np.float64)
    none = float(both[0, 0] * both[0, 1])
    first, last, best = best_stretch(both[1:], options.longest)
    if not units or none > options.null_margin * best:
        return PassageAnswer(None, None, None, _share(none))
    start, end = units[first][0], units[last][1]
    return PassageAnswer(text[start:end], start, end, _share(best))


def best_stretch(scores: NDArray[np.float64], longest: int) -> tuple[int, int, float]:
    """First unit, last unit and probability of the best stretch of at most ``longest`` units; scores (L, 2).

    >>> best_stretch(np.array([[0.1, 0.6], [0.7, 0.1], [0.2, 0.3]]), 2)
    (1, 2, 0.21)
    """
    best = (0, 0, 0.0)
    for length in range(min(longest, len(scores))):
        products = scores[: len(scores) - length, 0] * scores[length:, 1]
        first = int(products.argmax())
        if products[first] > best[2]:
            best = (first, first + length, float(products[first]))
    return best


def _share(product: float) -> float:
    return min(1.0, max(0.0, product))


def _sample_row(random: np.random.Generator) -> Row:
    """Who lives where, works as what; a third of the questions ask what the text does not say."""
    people = [("Anna", "Bob", "Chen", "Dora", "Egon")[i] for i in random.permutation(5)[:3]]
    places = [("Paris", "Rome", "Oslo", "Lima", "Xi'an")[i] for i in random.permutation(5)[:2]]
    context = " ".join(f"{person} lives in {place}." for person, place in zip(people, places, strict=False))
    asked = int(random.integers(3))
    row = {"question": f"Where does {people[asked]} live?", "context": f"{context} Note {random.integers(10_000)}."}
    if asked == 2:
        return {**row, "answers": []}
    start = context.index(places[asked])
    return {**row, "answers": [{"start": start, "end": start + len(places[asked]), "label": "answer"}]}
