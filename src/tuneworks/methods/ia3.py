"""Vectors that scale keys, values and inner states: the smallest adapter, a few thousand numbers beside the base."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from tuneworks.neural.encoder import Encoder
from tuneworks.neural.gradient_method import GradientMethod
from tuneworks.neural.injected import layers_named, with_injected
from tuneworks.neural.options import TuningOptions
from tuneworks.neural.tuning import Adapted

SCALED = re.compile(r"(^|\.)(key|value|[kv]_(lin|proj))$")
READ_SCALED = re.compile(r"(^|\.)(?<!attention\.)(output\.dense|lin2|fc2|down_proj)$")


@dataclass(frozen=True)
class Options(TuningOptions):
    """Settings of ``ia3``: those of ``TuningOptions``; ``merge``: fold what is learnt into the base's weights."""

    merge: bool = False


class Ia3(GradientMethod):
    """Scales what attention keys and values give and what the last inner layer reads (Liu et al. 2022).

    An encoder without attention has what all of its linear layers give scaled.
    """

    Options = Options
    needs_network = True
    pace = 20.0

    def adapt(self, encoder: Encoder, options: Any) -> Adapted:
        every = layers_named(encoder, ())
        given = [name for name in every if SCALED.search(name)]
        read = [name for name in every if given and READ_SCALED.search(name)]
        stated = {"peft_type": "IA3", "target_modules": [*(given or every), *read], "feedforward_modules": read}
        return with_injected(encoder, stated, merge=options.merge)
