"""Gradients of the answer on the way from padding to the text (Sundararajan et al. 2017, arXiv 1703.01365)."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from tuneworks.core.contracts import LoadedBase
from tuneworks.core.explaining import Attribution, Explainer, Part, Question
from tuneworks.core.text import Text
from tuneworks.core.types import BaseUse
from tuneworks.language.segments import units
from tuneworks.statistics.attribution import Numbers, attributed, linear_head, values_by_base

STEPS = 16
RUNS_A_STEP = 3  # forward, and twice that back


class IntegratedGradients(Explainer):
    """For texts read by a network whose features a linear head adds up; its cost does not grow with the words."""

    reason = Text(
        "the model has a network, whose gradients tell of all words at once, however many there are",
        "该模型带有网络，计算梯度即可一次得知所有词的作用，与词数多少无关",
    )

    def cost(self, question: Question) -> float | None:
        if linear_head(question) is None or find_spec("torch") is None:
            return None
        bases = values_by_base(question)
        able = any(_able(base) for _, base, _ in bases)
        others = all(_able(base) or base.origins(values[0]) is not None for _, base, values in bases)
        return float(STEPS * RUNS_A_STEP) if able and others else None

    def explain(self, question: Question) -> list[Attribution]:
        return attributed(question, _able, _parts)


def _able(base: LoadedBase) -> bool:
    return base.has_network


def _parts(use: BaseUse, base: LoadedBase, value: Any, slopes: Numbers) -> list[Part]:
    from tuneworks.neural.integrated_gradients import integrated

    text = str(value or "")
    spans = units(text)
    if not spans:
        return []
    weights = integrated(base, text, spans, slopes, STEPS)
    return [Part(use.columns[0], float(w), text[a:b], a, b) for w, (a, b) in zip(weights, spans, strict=True)]
