"""Without padding and with fewer embedding rows, every known family says and learns what the stock model does."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from transformers import BertConfig, DistilBertConfig, RobertaConfig, XLMRobertaConfig
from transformers.models.auto.modeling_auto import AutoModel

from tests.tiny import tiny_tokenizer
from tuneworks.core.asking import Examples
from tuneworks.core.types import Pair
from tuneworks.neural.batches import Batch, batch_of
from tuneworks.neural.encoder import Encoder
from tuneworks.neural.encoder_files import Settings
from tuneworks.neural.flat import FAMILIES, by_padding
from tuneworks.neural.pieces import Piece
from tuneworks.neural.views import View, view_of
from tuneworks.neural.vocabulary import compacted

BERT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
SHARED: dict[str, Any] = {"vocab_size": 400, "max_position_embeddings": 66, "initializer_range": 0.2}
CONFIGURATIONS = {
    "bert": BertConfig(**BERT, **SHARED, pad_token_id=0),
    "distilbert": DistilBertConfig(dim=32, n_layers=2, n_heads=2, hidden_dim=64, **SHARED),
    "roberta": RobertaConfig(**BERT, **SHARED, pad_token_id=1),
    "xlm-roberta": XLMRobertaConfig(**BERT, **SHARED, pad_token_id=1),
}
TEXTS = ["where is my parcel", "the courier is late", "paid", "anna moved to paris", "card was refused twice " * 6]
UNITS = [[(0, 5), (6, 8)], [(0, 3)], [(0, 4)], [(0, 4), (5, 10), (14, 19)], [(0, 4), (100, 104)]]
STRETCHES = [[(0, 5), (6, 8)], [(0, 3), (4, 11)], [(0, 4), (0, 2)], [(0, 4), (14, 19)], [(0, 4), (130, 135)]]
LIMIT = 24
SEEN: dict[str, Callable[[Encoder], View]] = {
    "whole": lambda encoder: view_of("classes", encoder, [TEXTS], Examples({}, [])),
    "units": lambda encoder: view_of("token_classes", encoder, [TEXTS], Examples({}, [], units=UNITS)),
    "marks": lambda encoder: view_of("classes", encoder, [TEXTS], Examples({}, [], marks=STRETCHES)),
    "pairs": lambda encoder: view_of("similarity", encoder, [TEXTS, TEXTS[::-1]], Examples({}, [])),
    "passages": lambda encoder: view_of(
        "spans", encoder, [[Pair("where is", text) for text in TEXTS]], Examples({}, [], units=UNITS)
    ),
}


class Padded(Encoder):
    """The stock model as it stands: padded, masked, its own attention."""

    def forward(self, batch: Batch) -> Tensor:
        return by_padding(self.model, batch, self.pad)


@pytest.fixture(params=CONFIGURATIONS)
def both(request: pytest.FixtureRequest) -> tuple[Encoder, Encoder]:
    """One model twice, flat and padded, dropping nothing."""
    torch.manual_seed(0)
    model = AutoModel.from_config(CONFIGURATIONS[request.param])
    settings = Settings(max_length=LIMIT, normalise=False)
    padded = Padded(copy.deepcopy(model), tiny_tokenizer(), settings)
    padded.model.set_attn_implementation("eager")
    return Encoder(model, tiny_tokenizer(), settings).eval(), padded.eval()


def pieces(sizes: list[int]) -> list[Piece]:
    random = np.random.default_rng(0)
    return [Piece(number, random.integers(5, 400, size).tolist()) for number, size in enumerate(sizes)]


def learnt(encoder: Encoder, states: Callable[[], Tensor]) -> tuple[float, dict[str, Tensor]]:
    """A loss of states and its gradients by weight."""
    encoder.zero_grad()
    made = states()
    loss = nn.functional.cross_entropy(made, torch.arange(len(made)) % made.shape[1])
    loss.backward()
    return loss.item(), {name: one.grad for name, one in encoder.named_parameters() if one.grad is not None}


def assert_alike(ours: tuple[float, dict[str, Tensor]], theirs: tuple[float, dict[str, Tensor]]) -> None:
    assert ours[0] == pytest.approx(theirs[0], abs=1e-5)
    names = {name for name, one in theirs[1].items() if one.abs().max() > 0}
    assert names <= set(ours[1])
    for name in names:
        torch.testing.assert_close(ours[1][name], theirs[1][name], atol=1e-5, rtol=1e-4)


def test_every_known_family_is_tried_here() -> None:
    assert set(FAMILIES) == set(CONFIGURATIONS)


@pytest.mark.parametrize("sizes", [[3, 17, 3, 12, 1, 17], [9, 9, 9], [24]], ids=["mixed", "even", "alone"])
def test_token_states_and_gradients_are_the_stock_models(both: tuple[Encoder, Encoder], sizes: list[int]) -> None:
    batch = batch_of(pieces(sizes))
    assert_alike(*(learnt(encoder, lambda encoder=encoder: encoder(batch)) for encoder in both))


@pytest.mark.parametrize("seen", SEEN)
def test_all_that_a_network_sees_is_the_stock_models(both: tuple[Encoder, Encoder], seen: str) -> None:
    def states(encoder: Encoder) -> Tensor:
        view = SEEN[seen](encoder)
        found = view.states(batch_of(view.pieces))
        return torch.cat([found, -found], dim=1)

    assert_alike(*(learnt(encoder, lambda encoder=encoder: states(encoder)) for encoder in both))


def test_dropout_is_the_configurations(both: tuple[Encoder, Encoder]) -> None:
    flat, _ = both
    batch = batch_of(pieces([5, 9]))
    once = flat(batch)
    assert torch.equal(flat(batch), once)
    flat.train()
    assert not torch.allclose(flat(batch), flat(batch), atol=1e-3)


def test_with_only_the_rows_in_use_the_same_is_learnt_and_all_rows_are_kept(both: tuple[Encoder, Encoder]) -> None:
    ours, theirs = both
    batch = batch_of(pieces([4, 7, 2]))
    before = {name: one.clone() for name, one in ours.model.state_dict().items()}
    with compacted(ours, batch.pieces):
        rows = ours.model.get_input_embeddings().weight
        assert len(rows) == len({token for piece in batch.pieces for token in piece.ids} | {ours.pad})
        stepped(ours, batch)
    stepped(theirs, batch)
    after = ours.model.state_dict()
    assert list(after) == list(before)
    for name, one in theirs.model.state_dict().items():
        torch.testing.assert_close(after[name], one, atol=1e-5, rtol=1e-4)
    unused = sorted(set(range(400)) - {token for piece in batch.pieces for token in piece.ids})
    words = next(name for name in after if name.endswith("word_embeddings.weight"))
    assert torch.equal(after[words][unused], before[words][unused])
    assert not torch.equal(after[words], before[words])


def test_a_token_whose_row_is_not_held_is_an_error(both: tuple[Encoder, Encoder]) -> None:
    with compacted(both[0], pieces([4])), pytest.raises(IndexError):
        both[0](batch_of(pieces([4, 20])))


def stepped(encoder: Encoder, batch: Batch) -> None:
    """Some steps of plain gradient descent."""
    optimiser = torch.optim.SGD(encoder.parameters(), lr=0.1)
    for _ in range(3):
        optimiser.zero_grad()
        encoder(batch).square().mean().backward()
        optimiser.step()
