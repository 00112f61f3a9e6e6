"""How much less sure the model is without a word, Chinese character or column (Zeiler and Fergus 2014)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tuneworks.core.asking import Examples
from tuneworks.core.explaining import Attribution, Explainer, Part, Question
from tuneworks.core.text import Text
from tuneworks.language.segments import stretches
from tuneworks.statistics.attribution import explainable, merged, shape_asked, shown

MOST_STRETCHES = 128
LEAVES_OUT = ("number", "category", "time")
Cut = tuple[str, Part, Any]  # role, what is left out, the value without it


class Occlusion(Explainer):
    """For any model of texts or tables: a run for each word, of long texts for each of ``MOST_STRETCHES`` stretches."""

    reason = Text(
        "the model is asked again without each part, and what it is less sure of by that is the part's weight",
        "逐一去掉每个部分后重新询问模型，答案把握下降的幅度就是该部分的权重",
    )

    def cost(self, question: Question) -> float | None:
        if not explainable(question) or question.examples.marks is not None:
            return None
        counts = [len(list(_cuts(question, number))) for number in range(len(question.examples))]
        return 1.0 + float(np.mean(counts)) if any(counts) else None

    def explain(self, question: Question) -> list[Attribution]:
        return [self._one(question, number) for number in range(len(question.examples))]

    def _one(self, question: Question, number: int) -> Attribution:
        shape, then = shape_asked(question), question.scores[number]
        whole = question.examples.take([number])
        cuts = list(_cuts(question, number))
        now = shape.explained(then, np.asarray(question.run(_cut(whole, cuts))))
        assert now is not None
        *after, without, total = now.tolist()
        parts = [replace(part, weight=total - a) for (_, part, _), a in zip(cuts, after, strict=True)]
        return Attribution(shape.score_name, total, without, False, merged(parts))


def _cuts(question: Question, number: int) -> Iterator[Cut]:
    """All that can be left out of an example."""
    spec = question.model.spec
    for role, values in question.examples.inputs.items():
        column, value = spec.inputs.get(role, role), values[number]
        kind = spec.kinds.get(column, "text")
        if kind == "text" and isinstance(value, str):
            for begin, end in stretches(value, MOST_STRETCHES):
                part = Part(column, 0.0, value[begin:end], begin, end)
                yield role, part, value[:begin] + value[end:]
        elif kind in LEAVES_OUT and role not in question.task.roles and value is not None:
            yield role, Part(column, 0.0, shown(value)), None


def _cut(whole: Examples, cuts: Sequence[Cut]) -> Examples:
    """The example without each of the cuts in turn, then without all of them, then whole."""
    many = whole.take([0] * (len(cuts) + 2))
    inputs = {role: list(values) for role, values in many.inputs.items()}
    for place, (role, part, value) in enumerate(cuts):
        inputs[role][place] = value
        inputs[role][-2] = None if part.start is None else ""
    return replace(many, inputs=inputs)
