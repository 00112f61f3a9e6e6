"""Where in an image the answer comes from: maps of an image encoder, weighted by the head (Zhou et al. 2016)."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from tuneworks.core.contracts import LoadedBase
from tuneworks.core.explaining import Attribution, Explainer, Part, Question
from tuneworks.core.text import Text
from tuneworks.core.types import BaseUse
from tuneworks.statistics.attribution import Numbers, attributed, linear_head, values_by_base


class ClassActivation(Explainer):
    """Features are means of maps, so what each place of a map adds to a linear head's sums is known."""

    reason = Text(
        "the model adds up means over its maps of the image, so what each place adds is known from one look",
        "该模型把图像特征图的均值相加，因此看一次图像即可得知每个位置的贡献",
    )

    def cost(self, question: Question) -> float | None:
        if linear_head(question) is None or not any(kind == "image" for kind in question.model.spec.kinds.values()):
            return None
        bases = values_by_base(question)
        if find_spec("torch") is None or not any(_able(base) for _, base, _ in bases):
            return None
        return 1.0 if all(_able(base) or base.origins(values[0]) is not None for _, base, values in bases) else None

    def explain(self, question: Question) -> list[Attribution]:
        return attributed(question, _able, _parts, exact=True)


def _able(base: LoadedBase) -> bool:
    from tuneworks.neural.image_folders import LoadedImageEncoder

    return isinstance(base, LoadedImageEncoder)


def _parts(use: BaseUse, base: Any, value: Any, slopes: Numbers) -> list[Part]:
    """A part for each place of the coarsest map."""
    places = base.activation(value, slopes)
    high, wide = places.shape
    return [
        Part(use.columns[0], float(places[y, x]), box=(x / wide, y / high, (x + 1) / wide, (y + 1) / high))
        for y in range(high)
        for x in range(wide)
    ]
