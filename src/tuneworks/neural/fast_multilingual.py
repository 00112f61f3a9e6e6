"""A convolutional sentence encoder in 16 languages, ten times as fast as a transformer of its quality.

It is the Universal Sentence Encoder multilingual, version 3 (Yang et al. 2019, arXiv 1907.04307). Token embeddings are
kept as codes of one byte and turned into numbers as they are looked up; three branches of convolutions over 2, 3 and 5
tokens stand beside them; a sentence is the sum of its token states over the square root of their number, through a
small network of dense layers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from tuneworks.neural.adapters import with_adapter
from tuneworks.neural.batches import Batch
from tuneworks.neural.devices import device
from tuneworks.neural.encoder import Encoder
from tuneworks.neural.encoder_files import FAST_TYPE, WEIGHTS_FILE, load_settings, load_tokenizer


@dataclass(frozen=True)
class Sizes:
    """The network's dimensions; ``shards``: how many scales the embedding codes of consecutive tokens take turns in."""

    vocabulary: int = 128_010
    shards: int = 17
    embedding: int = 512
    channels: int = 256
    kernels: Sequence[int] = (2, 3, 5)
    hidden_size: int = 512
    inner: int = 320
    epsilon: float = 1e-12
    pad_token_id: int = 0

    def to_json(self) -> str:
        return json.dumps({"model_type": FAST_TYPE, **asdict(self)}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Sizes:
        stated = json.loads(text)
        return cls(**{name: value for name, value in stated.items() if name != "model_type"})


class FastEncoder(Encoder):
    """The network and its tokenizer; token states are as wide as the sentence's features."""

    model: Network

    def forward(self, batch: Batch) -> Tensor:
        """What each token adds to its sentence (T, D)."""
        ids, inside = batch.padded(self.pad)
        states: Tensor = self.model.project(self.model(ids, inside)[inside])
        return states

    def pooled(self, batch: Batch) -> Tensor:
        """Features of a batch's examples (B, D)."""
        ids, inside = batch.padded(self.pad)
        made = self.model.sentences(self.model(ids, inside), inside)[batch.ranks]
        return functional.normalize(made, dim=1) if self.settings.normalise else made

    def both(self, batch: Batch) -> tuple[Tensor, Tensor]:
        return self.pooled(batch), self.unit_states(batch)


class Network(nn.Module):
    """Token ids to contextual states (B, T, E + branches x channels), and those to sentences (B, D)."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.config = sizes
        together = sizes.channels * len(sizes.kernels)
        self.embeddings = Codes(sizes)
        self.projection = nn.Linear(sizes.embedding, together)
        self.projection_norm = nn.LayerNorm(together, sizes.epsilon)
        self.branches = nn.ModuleList(Branch(sizes.channels, kernel) for kernel in sizes.kernels)
        self.norm = nn.LayerNorm(sizes.embedding + together, sizes.epsilon)
        self.project = nn.Linear(sizes.embedding + together, sizes.hidden_size)
        self.dense = Dense(sizes)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        inside = mask.unsqueeze(-1).to(torch.float32)
        embedded = self.embeddings(ids) * inside
        parts = self.projection_norm(self.projection(embedded)).split(self.config.channels, dim=-1)
        seen = [branch(part * inside, inside) for branch, part in zip(self.branches, parts, strict=True)]
        states: Tensor = self.norm(torch.cat([embedded, *seen], dim=-1)) * inside
        return states

    def sentences(self, states: Tensor, mask: Tensor) -> Tensor:
        """Sentences of token states: the projected sum over the root of the length, through the dense layers."""
        length = mask.sum(1, keepdim=True)
        summed = functional.linear(states.sum(dim=1), self.project.weight) + length * self.project.bias
        made: Tensor = self.dense(summed / length.sqrt())
        return made

    def get_input_embeddings(self) -> Codes:
        return self.embeddings


class Codes(nn.Module):
    """Embeddings as bytes: ``code * weight + low``, where a token's scale is that of its shard (id modulo shards).

    ``weight`` (shards,), the scales, is what of it could be tuned; the codes stay as they are.
    """

    codes: Tensor
    low: Tensor

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.register_buffer("codes", torch.zeros(sizes.vocabulary, sizes.embedding, dtype=torch.uint8))
        self.register_buffer("low", torch.zeros(sizes.shards))
        self.weight = nn.Parameter(torch.ones(sizes.shards))

    @property
    def num_embeddings(self) -> int:
        return len(self.codes)

    def forward(self, ids: Tensor) -> Tensor:
        shard = ids % len(self.weight)
        made: Tensor = self.codes[ids] * self.weight[shard].unsqueeze(-1) + self.low[shard].unsqueeze(-1)
        return made


class Branch(nn.Module):
    """Two convolutions over ``kernel`` neighbouring tokens, each added to what it read."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.kernel = kernel
        self.layers = nn.ModuleList(nn.Linear(kernel * channels, channels) for _ in range(2))

    def forward(self, states: Tensor, inside: Tensor) -> Tensor:
        before = (self.kernel - 1) // 2
        length = states.shape[1]
        for layer in self.layers:
            padded = functional.pad(states, (0, 0, before, self.kernel - 1 - before))
            windows = torch.cat([padded[:, at : at + length] for at in range(self.kernel)], dim=-1)
            states = (functional.relu(layer(windows)) + states) * inside
        return states


class Dense(nn.Module):
    """Dense layers without biases, each also fed by what lies two layers below."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        wide, inner = sizes.hidden_size, sizes.inner
        self.first = nn.Linear(wide, inner, bias=False)
        self.second, self.past_first = nn.Linear(inner, inner, bias=False), nn.Linear(wide, inner, bias=False)
        self.third = nn.Linear(inner, wide, bias=False)
        self.last, self.past_third = nn.Linear(wide, wide, bias=False), nn.Linear(inner, wide, bias=False)

    def forward(self, summed: Tensor) -> Tensor:
        second = functional.relu(self.past_first(summed) + self.second(functional.relu(self.first(summed))))
        third = functional.relu(self.third(second))
        return torch.tanh(self.past_third(second) + self.last(third))


def load_fast_encoder(files: Mapping[str, Path]) -> FastEncoder:
    """The encoder from its files: ``config.json``, ``model.safetensors``, ``tokenizer.json`` and ``encoder.json``."""
    model = Network(load_sizes(files["config.json"]))
    model.load_state_dict(load_file(files[WEIGHTS_FILE]))
    model.eval()
    made: FastEncoder = with_adapter(FastEncoder(model, load_tokenizer(files), load_settings(files)), files)
    return made.to(device())


def load_sizes(path: Path) -> Sizes:
    """The dimensions that a configuration file states."""
    return Sizes.from_json(path.read_text(encoding="utf-8"))
