"""Low-rank adapters in the encoder's layers: a small file beside the untouched base, nearly as strong as full."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuneworks.core.ranges import Range
from tuneworks.core.spaces import Choice, Space
from tuneworks.core.types import Recipe
from tuneworks.neural.encoder import Encoder
from tuneworks.neural.gradient_method import GradientMethod
from tuneworks.neural.injected import layers_named, with_injected
from tuneworks.neural.options import SHARED, TuningOptions
from tuneworks.neural.tuning import Adapted

ALLOWED = {**SHARED, "rank": Range(least=1), "alpha": Range(above=0), "adapter_dropout": Range(least=0, below=1)}


@dataclass(frozen=True)
class Options(TuningOptions):
    """Settings of ``lora``: those of ``TuningOptions``, and the adapter's.

    ``rank``, ``alpha``: an adapter adds ``alpha / rank`` times the product of two matrices of that rank.
    ``adapter_dropout``: share dropped before them. ``targets``: ends of the names of the layers that have one (all
    linear ones where empty). ``dora``: length and direction of the weights learn apart. ``merge``: fold it into the
    base's weights.
    """

    rank: int = 8
    alpha: float = 16.0
    adapter_dropout: float = 0.0
    targets: tuple[str, ...] = ()
    dora: bool = False
    merge: bool = False
    allowed = ALLOWED


class Lora(GradientMethod):
    """Adds a product of two thin matrices to each weight; only these and the head learn (Hu et al. 2021)."""

    Options = Options
    needs_network = True
    pace = 5.0

    def space(self, recipe: Recipe) -> Mapping[str, Space]:
        return {**super().space(recipe), "recipe.options.rank": Choice((4, 8, 16, 32))}

    def adapt(self, encoder: Encoder, options: Any) -> Adapted:
        stated = {
            "peft_type": "LORA",
            "r": options.rank,
            "lora_alpha": options.alpha,
            "lora_dropout": options.adapter_dropout,
            "use_dora": options.dora,
            "target_modules": layers_named(encoder, options.targets),
        }
        return with_injected(encoder, stated, merge=options.merge)
