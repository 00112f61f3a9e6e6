"""Labelled stretches of a text: N score arrays (L, C) over IOB2 tags, targets N arrays (L,) of tag numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneworks.core.answers import Answer, SpansAnswer
from tuneworks.core.asking import Examples, Row
from tuneworks.core.errors import InvalidInput
from tuneworks.core.records import to_plain
from tuneworks.core.text import Text
from tuneworks.core.types import Output, TaskSpec
from tuneworks.statistics.shapes.classes import counted, shares
from tuneworks.statistics.shapes.shape import Shape, Signature
from tuneworks.statistics.shapes.values import label, shown


class TokenClasses(Shape):
    """Each unit of an example is answered with a tag, together they are spans."""

    link = "softmax"

    def known(self, targets: Any) -> NDArray[np.bool_]:
        return np.array([bool((np.asarray(target) >= 0).any()) for target in targets], dtype=bool)

    def prior(self, output: Output, train: Examples, examples: Examples) -> Any:
        share = shares(np.concatenate(train.targets), output.size)
        return [np.tile(share, (len(units), 1)) for units in examples.units or ()]

    def truth(self, value: Any, row: Row, spec: TaskSpec) -> list[dict[str, Any]]:
        text = next((str(row[column]) for column in spec.inputs.values() if isinstance(row.get(column), str)), "")
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise _not_a_span(value, text)
        return sorted((_span(one, text) for one in map(to_plain, value)), key=lambda span: (span["start"], span["end"]))

    def error(self, answer: SpansAnswer, truth: Any) -> float:
        answered = {(span.start, span.end, span.label) for span in answer.spans}
        return float(answered != {(span["start"], span["end"], span["label"]) for span in truth})

    def signature(self, answers: Sequence[Answer], spec: TaskSpec) -> Signature:
        return counted(
            [[span.label for span in answer.spans] if isinstance(answer, SpansAnswer) else [] for answer in answers],
            spec,
        )

    def perfect(self, output: Output, examples: Examples) -> Any:
        sure = np.eye(output.size, dtype=np.float32)
        return [sure[target] for target in examples.targets]

    def guess(self, output: Output, examples: Examples, random: np.random.Generator) -> Any:
        return [random.dirichlet(np.ones(output.size), len(units)) for units in examples.units or ()]

    def labels(self, truth: Any) -> set[str]:
        return {str(span["label"]) for span in truth}


def _span(value: Any, text: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _not_a_span(value, text)
    start, end, name = (value.get(key, "") for key in ("start", "end", "label"))
    whole = all(isinstance(offset, int) and not isinstance(offset, bool) for offset in (start, end))
    if not whole or not 0 <= start < end <= len(text):
        raise _not_a_span(value, text)
    return {"start": start, "end": end, "label": label(name)}


def _not_a_span(value: Any, text: str) -> InvalidInput:
    return InvalidInput(
        Text(
            f"The true value must be a list of spans within the text of {len(text)} characters, got {shown(value)}.",
            f"正确值应为长度 {len(text)} 的文本内的片段列表，实为 {shown(value)}。",
        ),
        Text(
            'Send [{"start": 0, "end": 5, "label": "PERSON"}]: code points, end exclusive; [] says there is none.',
            '请发送 [{"start": 0, "end": 5, "label": "PERSON"}]：按码位计数，不含结束位置；[] 表示没有。',
        ),
    )
