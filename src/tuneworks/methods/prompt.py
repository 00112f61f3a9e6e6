"""Soft prompts: a few vectors before each text learn, with the head; the encoder stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch

from tuneworks.core.ranges import Range
from tuneworks.core.spaces import Choice, Space
from tuneworks.core.types import Recipe
from tuneworks.neural.encoder import Encoder
from tuneworks.neural.gradient_method import GradientMethod
from tuneworks.neural.options import SHARED, TuningOptions
from tuneworks.neural.soft_prompts import put_into
from tuneworks.neural.tuning import Adapted
from tuneworks.neural.whole import beside_prompts, freeze

ALLOWED = {**SHARED, "tokens": Range(least=1, most=64)}


@dataclass(frozen=True)
class Options(TuningOptions):
    """Settings of ``prompt``: those of ``TuningOptions``; ``tokens``: how many vectors stand before a text."""

    tokens: int = 8
    allowed = ALLOWED


class Prompt(GradientMethod):
    """Puts vectors before a text's tokens as if they were words, and moves only these (Lester et al. 2021).

    They begin as the embeddings of words drawn at random, or as those of the version that is gone on from.
    """

    Options = Options
    needs_network = True
    pace = 20.0

    def space(self, recipe: Recipe) -> Mapping[str, Space]:
        return {**super().space(recipe), "recipe.options.tokens": Choice((4, 8, 16, 32))}

    def adapt(self, encoder: Encoder, options: Any) -> Adapted:
        freeze(encoder)
        prompts = encoder.prompts
        if prompts is None:
            prompts = put_into(encoder.model, _some_words(encoder, options.tokens))
            encoder.settings = _with_room(encoder, options.tokens)
        prompts.prompts.requires_grad = True
        return Adapted(lambda: beside_prompts(encoder))


def _some_words(encoder: Encoder, count: int) -> torch.Tensor:
    words: Any = encoder.model.get_input_embeddings()
    with torch.no_grad():
        return torch.Tensor(words(torch.randint(words.num_embeddings, (count,)).to(words.weight.device))).clone()


def _with_room(encoder: Encoder, tokens: int) -> Any:
    """The encoder's settings, with texts cut so that the prompts have positions too."""
    config: Any = encoder.model.config
    limit = getattr(config, "max_position_embeddings", None)
    longest = encoder.settings.max_length
    if limit is not None:
        longest = min(longest, limit - tokens - (int(config.pad_token_id) + 1 if "roberta" in config.model_type else 0))
    return replace(encoder.settings, max_length=longest)
