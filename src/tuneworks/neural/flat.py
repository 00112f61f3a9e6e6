"""Stock encoders on one flat stream of tokens: their own modules, attention within each piece, no padding, no mask.

Hugging Face models let their attention be named. Ours reads the runs of equal length that a stream consists of, so
that every other part of a layer sees real tokens only, and weights, names and adapters stay as they are. A model that
is called without runs attends as always.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from tuneworks.neural.batches import Batch, Run
from tuneworks.neural.dropout import dropped

ATTENTION = "flat"


def attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    runs: Sequence[Run] | None = None,
    **others: Any,
) -> tuple[Tensor, None]:
    """Attention of each of a stream's pieces to itself, in float32: (1, H, T, W) to (1, T, H, W).

    What stands behind the last piece, if anything does, gets zeros.
    """
    if runs is None:
        made: tuple[Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **others
        )
        return made
    streams = [tensor[0].transpose(0, 1).float() for tensor in (query, key, value)]
    seen = []
    for run in runs:
        asks, keys, values = (run.of(stream).transpose(1, 2) for stream in streams)
        each = _attention(asks, keys, values, dropout, scaling)
        seen.append(each.transpose(1, 2).flatten(0, 1))
    made = torch.cat(seen).to(query.dtype)
    return functional.pad(made, (0, 0, 0, 0, 0, query.shape[2] - len(made))).unsqueeze(0), None


def _attention(asks: Tensor, keys: Tensor, values: Tensor, dropout: float, scaling: float | None) -> Tensor:
    if not dropout:
        return functional.scaled_dot_product_attention(asks, keys, values, scale=scaling)
    scaling = asks.shape[-1] ** -0.5 if scaling is None else scaling
    shares = torch.softmax((asks * scaling) @ keys.transpose(-2, -1), dim=-1)
    return dropped(shares, dropout) @ values


AttentionInterface.register(ATTENTION, attend)
AttentionMaskInterface.register(ATTENTION, sdpa_mask)


@dataclass(frozen=True)
class Family:
    """Where a kind of model keeps its layers, and the number its first position has."""

    layers: Callable[[Any], Iterable[nn.Module]]
    first_position: Callable[[Any], int] = lambda config: 0


BERT = Family(lambda model: model.encoder.layer)
ROBERTA = Family(lambda model: model.encoder.layer, lambda config: int(config.pad_token_id) + 1)
FAMILIES: Mapping[str, Family] = {
    "bert": BERT,
    "distilbert": Family(lambda model: model.transformer.layer),
    **dict.fromkeys(("roberta", "xlm-roberta"), ROBERTA),
}
"""By model type."""


def made_flat(model: Any) -> bool:
    """Whether a model is of a known family; if so, it can be read flat from now on."""
    known = getattr(model.config, "model_type", "") in FAMILIES and not getattr(model.config, "is_decoder", False)
    if known:
        model.set_attn_implementation(ATTENTION)
    return known


def layers_of(model: Any) -> list[nn.Module]:
    """The layers of a model of a known family, lowest first."""
    return list(FAMILIES[model.config.model_type].layers(model))


def embedded(model: Any, batch: Batch) -> Tensor:
    """The embeddings (T, D) that a model of a known family has for the stream."""
    family = FAMILIES[model.config.model_type]
    positions = batch.positions + family.first_position(model.config)
    states: Tensor = model.embeddings(input_ids=batch.ids[None], position_ids=positions[None])
    return states[0]


def through(layers: Iterable[nn.Module], states: Tensor, batch: Batch) -> Tensor:
    """The stream's states (T, D) after these layers."""
    states = states[None]
    for layer in layers:
        states = layer(states, attention_mask=None, runs=batch.runs)
    return states[0]


def layers_by_padding(model: Any, batch: Batch, pad: int, numbers: Sequence[int]) -> list[Tensor]:
    """The stream's states (T, D) after those layers (1 the lowest) of a model of any family."""
    ids, inside = batch.padded(pad)
    hidden = model(input_ids=ids, attention_mask=inside.long(), output_hidden_states=True).hidden_states
    return [hidden[number][inside] for number in numbers]


def by_padding(model: Any, batch: Batch, pad: int) -> Tensor:
    """The stream's states (T, D) of a model of any family, padded and masked inside."""
    ids, inside = batch.padded(pad)
    mask = None if len(batch.runs) == 1 else inside.long()
    states: Tensor = model(input_ids=ids, attention_mask=mask).last_hidden_state
    return states[inside]
