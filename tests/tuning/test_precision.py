"""Gradients in bfloat16 are nearly those of float32, reach the weights in float32, and change nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from transformers import BertConfig
from transformers.models.auto.modeling_auto import AutoModel

from tests.tiny import tiny_encoder, tiny_tokenizer
from tuneworks.core import registry
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.types import Recipe, Run, RunConfig
from tuneworks.flows.work import planned_from
from tuneworks.neural.batches import Batch, batch_of
from tuneworks.neural.encoder import Encoder
from tuneworks.neural.encoder_files import Settings
from tuneworks.neural.gradients import side_by_side
from tuneworks.neural.pieces import Piece
from tuneworks.neural.precision import ALIKE, MIXED, PRECISIONS, WHOLE, in_precision, mixed_or_not
from tuneworks.testing.samples import output_of, sample_data

PIECES = [Piece(number, [5 + (7 * number + token) % 300 for token in range(3 + number)]) for number in range(9)]


def encoder(layers: int = 3) -> Encoder:
    torch.manual_seed(0)
    config = BertConfig(
        hidden_size=32,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=64,
        vocab_size=400,
        max_position_embeddings=66,
        pad_token_id=0,
        initializer_range=0.2,
    )
    return Encoder(AutoModel.from_config(config), tiny_tokenizer(), Settings(max_length=24, normalise=False)).eval()


def gradients(made: Encoder, precision: str, batch: Batch) -> dict[str, Tensor]:
    made.zero_grad()
    weights = [weight for weight in made.parameters() if weight.requires_grad]

    def loss() -> Tensor:
        return nn.functional.cross_entropy(made.pooled(batch), torch.arange(len(PIECES)))

    with in_precision(made, precision) as halves:
        if halves is not None:
            halves.follow()
        side_by_side([loss], weights, asked=halves.of(weights) if halves else None)
    return {name: one.grad for name, one in made.named_parameters() if one.grad is not None}


def flat(named: dict[str, Tensor]) -> Tensor:
    return torch.cat([one.flatten() for one in named.values()])


def test_gradients_are_nearly_those_of_float32() -> None:
    made, batch = encoder(), batch_of(PIECES)
    assert len(batch.ids) % ALIKE  # zeros stand behind the stream
    whole, half = gradients(made, WHOLE, batch), gradients(made, MIXED, batch)
    assert set(half) == set(whole)
    assert {one.dtype for one in half.values()} == {torch.float32}
    error = float((flat(half) - flat(whole)).norm() / flat(whole).norm())
    assert 0 < error < 0.03


def test_doubles_follow_what_learns() -> None:
    made, batch = encoder(), batch_of(PIECES)
    with in_precision(made, MIXED) as halves:
        assert halves is not None
        halves.follow()
        before = made.pooled(batch).detach()
        with torch.no_grad():
            for weight in made.parameters():
                weight.mul_(1.5)
        halves.follow()
        after = made.pooled(batch).detach()
    with torch.no_grad():
        exact = made.pooled(batch)
    assert float((after - exact).norm() / exact.norm()) < 0.03
    assert float((before - exact).norm() / exact.norm()) > 0.1


def test_what_asks_for_no_gradients_is_computed_in_float32() -> None:
    made, batch = encoder(), batch_of(PIECES)
    with torch.inference_mode():
        alone = made.pooled(batch)
    with in_precision(made, MIXED), torch.inference_mode():
        beside = made.pooled(batch)
    assert torch.equal(alone, beside)
    assert {weight.dtype for weight in made.parameters()} == {torch.float32}
    assert made.halves is None


def test_only_what_learns_gets_gradients() -> None:
    made = encoder()
    for name, weight in made.named_parameters():
        weight.requires_grad = ".layer.2." in name
    found = gradients(made, MIXED, batch_of(PIECES))
    assert found
    assert all(".layer.2." in name for name in found)


def test_the_plan_states_what_is_faster_here(tmp_path: Path) -> None:
    data = sample_data("text-classification", 60)
    address = f"path:{tiny_encoder(tmp_path)}"
    full = registry.load("methods", "full")()
    asked = Recipe(address, "full")
    assert full.complete(asked, output_of(data)).options["mixed_precision"] == mixed_or_not()
    for named in PRECISIONS:
        asked = Recipe(address, "full", options={"mixed_precision": named})
        assert full.complete(asked, output_of(data)).options["mixed_precision"] == named
    with pytest.raises(InvalidConfig, match="mixed_precision"):
        full.Options(mixed_precision="fp16")


@pytest.mark.parametrize("planned", PRECISIONS)
def test_a_run_goes_on_in_the_precision_it_was_planned_with(planned: str) -> None:
    asked = RunConfig(dataset="tickets", recipe=Recipe(method="full"))
    config = replace(asked, recipe=replace(asked.recipe, options={"mixed_precision": planned}))
    assert (
        planned_from(Run("run-1", config, "interrupted", "2026-01-01T00:00:00+00:00", asked=asked)).recipe.options[
            "mixed_precision"
        ]
        == planned
    )
