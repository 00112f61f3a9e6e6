"""A stretch of a text, or none: N score arrays (L + 1, 2), the probabilities of its first and of its last unit.

Row 0 says there is no answer; targets (N, 2) count units from 1, 0 where there is none, -1 where none fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneworks.core.answers import Answer, PassageAnswer
from tuneworks.core.asking import Examples, Row
from tuneworks.core.errors import InvalidInput
from tuneworks.core.text import Text
from tuneworks.core.types import Output, TaskSpec
from tuneworks.language.segments import first_sentence
from tuneworks.statistics.references import LABEL, Reference, matches, references
from tuneworks.statistics.shapes.shape import Shape, Signature
from tuneworks.statistics.shapes.values import shown


class Spans(Shape):
    """Each example is answered with one stretch of its text, or with none."""

    link = "positions"
    simplest = Text("first sentence", "第一句话")

    def known(self, targets: Any) -> NDArray[np.bool_]:
        return np.asarray((np.asarray(targets).reshape(-1, 2) >= 0).all(axis=1), dtype=np.bool_)

    def prior(self, output: Output, train: Examples, examples: Examples) -> Any:
        texts = next(iter(examples.inputs.values()))
        return [
            _sure(_lead(pair.second, units), len(units))
            for pair, units in zip(texts, examples.units or (), strict=True)
        ]

    def truth(self, value: Any, row: Row, spec: TaskSpec) -> list[dict[str, Any]]:
        text = str(row.get(next(iter(spec.kinds), ""), "") or "")
        given = [Reference(value)] if isinstance(value, str) and value in text else references(value)
        if given is None:
            raise _not_an_answer(value, text)
        return [_stretch(one, value, text) for one in given]

    def error(self, answer: PassageAnswer, truth: Any) -> float:
        known = references(truth) or []
        if answer.text is None or not known:
            return float((answer.text is None) == bool(known))
        return float(not any(matches(answer, one) for one in known))

    def signature(self, answers: Sequence[Answer], spec: TaskSpec) -> Signature:
        numbers = [
            (float(answer.text is not None), float(len(answer.text or "")), answer.score)
            for answer in answers
            if isinstance(answer, PassageAnswer)
        ]
        return Signature(("answered", "length", "score"), np.array(numbers).reshape(-1, 3), counted=False)

    def perfect(self, output: Output, examples: Examples) -> Any:
        return [_sure(target, len(units)) for target, units in zip(examples.targets, examples.units or (), strict=True)]

    def guess(self, output: Output, examples: Examples, random: np.random.Generator) -> Any:
        return [random.dirichlet(np.ones(len(units) + 1), 2).T for units in examples.units or ()]


def _sure(ends: Sequence[int], units: int) -> NDArray[np.float32]:
    """Certainty of the first and last unit; of nothing where they are not known."""
    made = np.zeros((units + 1, 2), np.float32)
    for side, unit in enumerate(ends):
        if unit >= 0:
            made[unit, side] = 1.0
    return made


def _lead(text: str, units: Sequence[tuple[int, int]]) -> tuple[int, int]:
    end = len(first_sentence(text))
    inside = sum(unit_end <= end for _, unit_end in units)
    return min(1, inside), inside


def _stretch(one: Reference, value: Any, text: str) -> dict[str, Any]:
    start, end = one.place(text)
    if not 0 <= start < end <= len(text):
        raise _not_an_answer(value, text)
    return {"start": start, "end": end, "label": LABEL, "text": text[start:end]}


def _not_an_answer(value: Any, text: str) -> InvalidInput:
    return InvalidInput(
        Text(
            f"The true value must be a stretch of the text of {len(text)} characters, got {shown(value)}.",
            f"正确值应为长度 {len(text)} 的文本中的一段，实为 {shown(value)}。",
        ),
        Text(
            'Send its words as they stand there, or {"start": 0, "end": 5} (code points, end exclusive); [] says there '
            "is no answer.",
            '请发送文本中的原文，或 {"start": 0, "end": 5}（按码位计数，不含结束位置）；[] 表示没有答案。',
        ),
    )
