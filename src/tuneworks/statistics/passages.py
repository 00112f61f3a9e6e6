"""The evaluation of extractive question answering: exact match and F1 of words, the best over several references.

Both are taken after SQuAD's normalisation (Rajpurkar et al. 2016), see ``references.simplified``; F1 counts words, each
Chinese character alone. A question without an answer scores 1 where none is given, else 0 (Rajpurkar et al. 2018).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy import ndarray

from tuneworks.core.answers import PassageAnswer
from tuneworks.core.evaluation import Evaluation, Mistake, Table, Tally
from tuneworks.core.text import Text
from tuneworks.core.types import TaskSpec
from tuneworks.statistics.classification import chosen_metric
from tuneworks.statistics.intervals import intervals, must_have_rows
from tuneworks.statistics.references import Reference, simplified, tokens

METRICS = {
    "answer_f1": Text("answer F1", "答案 F1"),
    "exact_match": Text("exact match", "完全匹配率"),
    "answerable_accuracy": Text("accuracy of answered or not", "有无答案判断准确率"),
}
WORST_MISTAKES = 20
AROUND = 40
COLUMNS = (
    Text("questions", "问题"),
    Text("rows", "行数"),
    Text("answered", "给出答案的占比"),
    METRICS["exact_match"],
    METRICS["answer_f1"],
)


@dataclass(frozen=True)
class PassageRows:
    """N answers, what each could truly be (nothing: there is no answer), and the texts they were looked for in."""

    answers: Sequence[PassageAnswer]
    truths: Sequence[Sequence[Reference]]
    contexts: Sequence[str]

    def texts(self, row: int) -> list[str]:
        """The words of a row's true answers."""
        return [one.words(self.contexts[row]) for one in self.truths[row]]


def passage_tallies(held_out: PassageRows) -> dict[str, Tally]:
    """``METRICS`` as tallies, one row a question."""
    sums = _sums(held_out)
    return {name: Tally(sums, _mean_of(column)) for column, name in enumerate(METRICS)}


def evaluate_passages(held_out: PassageRows, *, spec: TaskSpec, rows: Sequence[Mapping[str, Any]]) -> Evaluation:
    """Scores with intervals, a table of questions with and without answer, and the mistakes."""
    must_have_rows(len(held_out.answers))
    tallies = passage_tallies(held_out)
    sums = tallies["answer_f1"].sums
    return Evaluation(
        metric=chosen_metric(spec.metric or "answer_f1", tallies),
        rows=len(held_out.answers),
        scores=intervals(tallies),
        tables=(_by_answerable(held_out, sums),),
        mistakes=_mistakes(held_out, sums, spec, rows),
    )


def overlap_f1(answer: str, truth: str) -> float:
    """F1 of the words two answers share.

    >>> overlap_f1("the blue car", "a blue bus"), overlap_f1("北京市", "北京")
    (0.5, 0.8)
    """
    answered, true = Counter(tokens(answer)), Counter(tokens(truth))
    shared = (answered & true).total()
    if not answered or not true:
        return float(answered == true)
    return 2 * shared / (answered.total() + true.total())


def _sums(held_out: PassageRows) -> ndarray:
    """F1, exact match and right about there being an answer, and the count, of each row (N, 4)."""
    made = np.ones((len(held_out.answers), 4), dtype=np.float32)
    for row, answer in enumerate(held_out.answers):
        texts = held_out.texts(row)
        made[row, 2] = (answer.text is not None) == bool(texts)
        if answer.text is None or not texts:
            made[row, :2] = made[row, 2]
            continue
        made[row, 0] = max(overlap_f1(answer.text, text) for text in texts)
        made[row, 1] = max(simplified(answer.text) == simplified(text) for text in texts)
    return made


def _mean_of(column: int) -> Any:
    return lambda totals: totals[:, column] / totals[:, -1]


def _by_answerable(held_out: PassageRows, sums: ndarray) -> Table:
    answerable = np.array([bool(truth) for truth in held_out.truths])
    answered = np.array([answer.text is not None for answer in held_out.answers])
    kinds = (
        (Text("with an answer in the text", "文中有答案"), answerable),
        (Text("without an answer", "文中无答案"), ~answerable),
        (Text("all", "全部"), np.ones(len(answerable), dtype=bool)),
    )
    rows = tuple(
        (
            name,
            int(chosen.sum()),
            float(answered[chosen].mean()),
            float(sums[chosen, 1].mean()),
            float(sums[chosen, 0].mean()),
        )
        for name, chosen in kinds
        if chosen.any()
    )
    return Table("answerable", Text("With and without an answer", "有答案与无答案的问题"), COLUMNS, rows)


def _mistakes(
    held_out: PassageRows, sums: ndarray, spec: TaskSpec, rows: Sequence[Mapping[str, Any]]
) -> tuple[Mistake, ...]:
    """The questions answered in other words than any reference's: least overlap first, then most confident."""
    wrong = [row for row in range(len(sums)) if sums[row, 1] < 1]
    wrong.sort(key=lambda row: (sums[row, 0], -held_out.answers[row].score))
    context = spec.inputs["context"]
    made = []
    for row in wrong[:WORST_MISTAKES]:
        answer, texts = held_out.answers[row], held_out.texts(row)
        inputs = {column: rows[row].get(column) for column in spec.inputs.values()}
        inputs[context] = _around(held_out, row)
        made.append(Mistake(inputs, texts[0] if texts else None, answer.text, answer.score))
    return tuple(made)


def _around(held_out: PassageRows, row: int) -> str:
    """The text about the true answer and the given one, the rest left out."""
    context, answer = held_out.contexts[row], held_out.answers[row]
    places = [one.place(context) for one in held_out.truths[row][:1]]
    places += [(answer.start, answer.end)] if answer.start is not None and answer.end is not None else []
    known = [(start, end) for start, end in places if end > start]
    if not known:
        return _cut(context, 0, 2 * AROUND)
    begin, end = min(start for start, _ in known), max(end for _, end in known)
    if end - begin > 6 * AROUND:
        return " … ".join(_cut(context, start - AROUND, end + AROUND) for start, end in sorted(known))
    return _cut(context, begin - AROUND, end + AROUND)


def _cut(text: str, begin: int, end: int) -> str:
    return ("…" if begin > 0 else "") + text[max(0, begin) : end] + ("…" if end < len(text) else "")
