"""What features add to an answer, brought back to the parts of the input they come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneworks.core.contracts import LoadedBase
from tuneworks.core.explaining import Attribution, Part, Question
from tuneworks.core.types import BaseUse
from tuneworks.language.segments import units
from tuneworks.statistics.features import plain
from tuneworks.statistics.linear import LinearHead
from tuneworks.statistics.shapes.shape import Shape, shape_of
from tuneworks.statistics.views import blocks_of, values_of

LONGEST_SHOWN = 60
Numbers = NDArray[np.float64]
Origins = Sequence[tuple[int, tuple[int, int] | str]]
Attribute = Callable[[BaseUse, LoadedBase, Any, Numbers], list[Part]]


def shape_asked(question: Question) -> Shape:
    """The shape of the answers that are to be explained."""
    return shape_of(question.model.output.kind)


def explainable(question: Question) -> bool:
    """Whether one number stands for each of the answers."""
    scores = np.asarray(question.scores[:1]) if len(question.examples) else None
    return scores is not None and shape_asked(question).explained(question.scores[0], scores) is not None


def leaning_of(question: Question) -> Numbers:
    """How a linear head's sums speak for each of the answers (N, C)."""
    return shape_asked(question).leaning(np.asarray(question.scores))


def summed_values(each: Any, width: int, leaning: Numbers) -> tuple[Numbers, Numbers]:
    """Values (N, C (D + 1)) of trees' features for every sum, weighted: (N, D), and what is there without any (N,).

    Of two classes the trees tell one; the first has nothing.
    """
    made = np.asarray(each, dtype=np.float64).reshape(len(leaning), -1, width + 1)
    if made.shape[1] < leaning.shape[1]:
        made = np.concatenate([np.zeros_like(made), made], axis=1)
    summed = np.einsum("nc,ncd->nd", leaning, made)
    return summed[:, :-1], summed[:, -1]


def parts_of(use: BaseUse, base: LoadedBase, value: Any, added: Numbers) -> list[Part]:
    """What a value's features (D,) add, by column, or by the words and characters of its text."""
    origins = base.origins(value)
    assert origins is not None
    if base.joint:
        return parts_of_columns(value, origins, added)
    return parts_of_text(use.columns[0], str(value or ""), by_character(str(value or ""), origins, added))


def parts_of_columns(row: Mapping[str, Any], origins: Origins, added: Numbers) -> list[Part]:
    """A part a column: the sum of what its features add."""
    sums = dict.fromkeys(row, 0.0)
    for feature, column in origins:
        sums[str(column)] += float(added[feature])
    return [Part(column, weight, shown(row[column])) for column, weight in sums.items()]


def by_character(text: str, origins: Origins, added: Numbers) -> Numbers:
    """What each character of a text adds; a feature counts alike at each of its places, and on each character there.

    That is the Shapley value of a feature that is there only while all of its characters are.
    """
    times = Counter(feature for feature, _ in origins)
    made = np.zeros(len(text))
    solid = np.array([not character.isspace() for character in text], dtype=bool)
    for feature, place in origins:
        if added[feature] and isinstance(place, tuple):
            holds = solid[place[0] : place[1]]
            made[place[0] : place[1]] += added[feature] / times[feature] * holds / max(1, int(holds.sum()))
    return made


def parts_of_text(column: str, text: str, added: Numbers) -> list[Part]:
    """A part a word, Chinese character or mark: the sum of what its characters (len(text),) add."""
    return [Part(column, float(added[a:b].sum()), text[a:b], a, b) for a, b in units(text)]


def shown(value: Any) -> str:
    """A column's value in a few words."""
    if value is None:
        return ""
    written = f"{value:.6g}" if isinstance(value, float) else str(value)
    return written if len(written) <= LONGEST_SHOWN else written[: LONGEST_SHOWN - 1] + "…"


def merged(parts: Iterable[Part]) -> tuple[Part, ...]:
    """The parts, those at the same place added up, the strongest first."""
    sums: dict[tuple[Any, ...], tuple[Part, float]] = {}
    for part in parts:
        place = (part.column, part.start, part.end, part.box)
        _, before = sums.get(place, (part, 0.0))
        sums[place] = part, before + part.weight
    made = [Part(part.column, weight, part.shown, part.start, part.end, part.box) for part, weight in sums.values()]
    return tuple(sorted(made, key=lambda part: -abs(part.weight)))


def values_by_base(question: Question) -> list[tuple[BaseUse, LoadedBase, Sequence[Any]]]:
    """Each base with the N values it reads."""
    model = question.model
    return [(use, base, values_of(use, base, model.spec, question.examples)) for use, base in model.bases]


def linear_head(question: Question) -> LinearHead | None:
    """The model's head, where it adds up features of whole examples."""
    head = question.model.head
    if not isinstance(head, LinearHead) or not explainable(question):
        return None
    return head if head.adds_up(question.model, question.examples) else None


def attributed(
    question: Question, able: Callable[[LoadedBase], bool], attribute: Attribute, *, exact: bool = False
) -> list[Attribution]:
    """What the linear head adds up, by parts: ``attribute`` tells them for bases that are ``able``, others themselves.

    It is given a base's use, the base, a value, and how much a unit of each feature adds (D,).
    """
    head, model, leaning = linear_head(question), question.model, leaning_of(question)
    assert head is not None
    totals = leaning @ head.arrays["bias"].astype(np.float64)
    each: list[list[Part]] = [[] for _ in totals]
    blocks = blocks_of(model.bases, model.spec, model.output, question.examples)
    for (use, base, values), block, slopes in zip(values_by_base(question), blocks, head.slopes(leaning), strict=True):
        for number, value in enumerate(values):
            added = plain(block[[number]])[0] * slopes[number]
            totals[number] += added.sum()
            one = attribute(use, base, value, slopes[number]) if able(base) else parts_of(use, base, value, added)
            each[number] += one
    withouts = [total - sum(part.weight for part in parts) for total, parts in zip(totals, each, strict=True)]
    return summed(question, each, withouts, exact=exact)


def summed(
    question: Question, each: Sequence[Sequence[Part]], withouts: Sequence[float], *, exact: bool = False
) -> list[Attribution]:
    """Parts an example as attributions, counted in the sums of a head."""
    made = []
    for parts, without in zip(each, withouts, strict=True):
        total = float(without) + sum(part.weight for part in parts)
        made.append(Attribution(shape_asked(question).sum_name, total, float(without), exact, merged(parts)))
    return made
