"""Train the whole encoder with its head: dearest, strongest where there are many rows."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor, nn

from tuneworks.core.asking import Examples
from tuneworks.core.contracts import Job, Method, Parts, Step
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.ranges import OneOf, Range, check_values
from tuneworks.core.text import Text
from tuneworks.core.types import Output, Recipe
from tuneworks.neural.batches import Batch, Piece
from tuneworks.neural.encoder import SETTINGS_FILE, WEIGHTS_FILE, Encoder, weights_of
from tuneworks.neural.loop import Schedule, Training
from tuneworks.neural.losses import LOSSES
from tuneworks.neural.workers import side_by_side
from tuneworks.statistics import linear
from tuneworks.statistics.calibration import fit_temperature, softmax
from tuneworks.statistics.features import split_units

EPOCHS = 3
LEARNING_RATES = {"classes": 3e-4, "token_classes": 2e-4}
ROWS_A_BATCH = 32
LARGE_VOCABULARY = 100_000
TOKENS_AT_ONCE = 512
START_UNITS = 40_000
ALLOWED: dict[str, Range | OneOf] = {
    "weight_decay": Range(least=0),
    "dropout": Range(least=0, below=1),
    "warm_up": Range(least=0, most=1),
    "clip": Range(above=0),
    "class_weights": OneOf(("balanced",)),
    "patience": Range(least=1),
    "minimum_delta": Range(least=0),
}


@dataclass(frozen=True)
class Options:
    """Settings of ``full``.

    ``dropout``: share dropped before the head. ``warm_up``: share of steps the learning rate rises. ``clip``: largest
    gradient norm. ``class_weights``: "balanced" weighs classes alike. ``patience``, ``minimum_delta``: early stopping
    on the deciding metric. ``train_embeddings``: whether word embeddings are tuned (default: where the vocabulary is
    below 100,000). ``start_from_linear``: begin with the linear head of the frozen features.
    """

    weight_decay: float = 0.01
    dropout: float = 0.1
    warm_up: float = 0.1
    clip: float = 1.0
    class_weights: str | None = None
    patience: int = 2
    minimum_delta: float = 0.0
    train_embeddings: bool | None = None
    start_from_linear: bool = True

    def __post_init__(self) -> None:
        check_values(self, ALLOWED, "recipe.options.")


class Full(Method):
    """AdamW with warm-up and decay on batches of like length; keeps the weights that validate best."""

    Options = Options
    output_kinds = ("classes", "token_classes")
    needs_network = True

    def complete(self, recipe: Recipe, output: Output) -> Recipe:
        rate = LEARNING_RATES[output.kind]
        made = super().complete(recipe, output)
        return replace(made, epochs=recipe.epochs or EPOCHS, learning_rate=recipe.learning_rate or rate)

    def fit(self, job: Job) -> Generator[Step, None, Parts]:
        options = Options(**job.recipe.options)
        use, encoder = _one_encoder(job)
        torch.manual_seed(job.recipe.seed)
        network = Network(encoder, job.output.size, options.dropout)
        _freeze_embeddings(encoder, options)
        if options.start_from_linear:
            yield from _start(network, job)
        train, validation = _Side(encoder, job, job.train), _Side(encoder, job, job.validation)
        weights = _class_weights(job, options)
        loss_of = LOSSES[job.output.kind]

        def loss(batch: Batch) -> Tensor:
            return loss_of(network(batch, job.output.per_unit), train.targets(batch), weights)

        training = Training(
            network,
            train.pieces,
            loss,
            measure=lambda: job.measure(validation.scores(network), job.validation),
            schedule=_schedule(job, options, train.pieces),
            pad=encoder.pad,
        )
        yield from training.steps()
        logits = validation.logits(network)
        known = validation.flat >= 0
        temperature = fit_temperature(logits[known], validation.flat[known])
        return _parts(network, use.folder, temperature)

    def load(self, files: Mapping[str, Path]) -> linear.LinearHead:
        return linear.load_head(files)


class Network(nn.Module):
    """The encoder (as it is pooled for training: not normalised) and a linear head."""

    def __init__(self, encoder: Encoder, size: int, dropout: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.encoder.settings = replace(encoder.settings, normalise=False)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(encoder.width, size)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)

    def forward(self, batch: Batch, per_unit: bool) -> Tensor:
        """Logits of a batch's units or examples (M, C)."""
        states = self.encoder.unit_states(batch) if per_unit else self.encoder.pooled(batch)
        logits: Tensor = self.head(self.dropout(states))
        return logits


class _Side:
    """One split as pieces and flat targets, with the logits of a network on it."""

    def __init__(self, encoder: Encoder, job: Job, examples: Examples) -> None:
        self._encoder, self._per_unit, self._size = encoder, job.output.per_unit, job.output.size
        texts = next(iter(examples.inputs.values()))
        self.pieces: list[Piece] = encoder.pieces(
            [str(text or "") for text in texts], examples.units if self._per_unit else None
        )
        parts = examples.targets
        self._lengths = [len(units) for units in examples.units or ()]
        self._starts = np.cumsum([0, *self._lengths])
        self.flat = np.concatenate(parts).astype(np.int64) if self._per_unit else np.asarray(parts, np.int64)
        self._targets = torch.from_numpy(self.flat)

    def rows(self, batch: Batch) -> list[int]:
        """The flat position of each unit or example in a batch."""
        if not self._per_unit:
            return batch.examples
        return [int(self._starts[piece.example]) + unit for piece in batch.pieces for unit, _ in piece.units]

    def targets(self, batch: Batch) -> Tensor:
        return self._targets[self.rows(batch)]

    def logits(self, network: Network) -> np.ndarray:
        made = np.zeros((len(self.flat), self._size), np.float32)

        def answer(batch: Batch) -> None:
            made[self.rows(batch)] = network(batch, self._per_unit).numpy()

        for _ in side_by_side(answer, self._encoder.batches(self.pieces, TOKENS_AT_ONCE)):
            pass
        return made

    def scores(self, network: Network) -> Any:
        made = softmax(self.logits(network))
        return split_units(made, self._lengths) if self._per_unit else made


def _one_encoder(job: Job) -> tuple[Any, Encoder]:
    able = [(use, base) for use, base in job.bases if base.has_network]
    if len(job.bases) != 1 or not able:
        named = ", ".join(use.address for use, _ in job.bases)
        raise InvalidConfig(
            Text(
                f"Full tuning needs one base with a network; given: {named}.",
                f"完整微调需要一个带网络的基础模型，当前为：{named}。",
            ),
            Text(
                "Choose one encoder with --base, or use --method head.",
                "请用 --base 选择一个编码器，或使用 --method head。",
            ),
        )
    use, base = able[0]
    return use, base.network()


def _freeze_embeddings(encoder: Encoder, options: Options) -> None:
    words = encoder.model.get_input_embeddings()
    train = options.train_embeddings
    words.weight.requires_grad = words.num_embeddings < LARGE_VOCABULARY if train is None else train


def _start(network: Network, job: Job) -> Generator[Step, None, None]:
    """Set the head to softmax regression on the frozen encoder's own (not normalised) features of some rows."""
    average = np.mean([len(units) for units in job.train.units or ((0,),)])
    count = min(len(job.train), int(START_UNITS / average) if job.output.per_unit else START_UNITS)
    random = np.random.default_rng(job.recipe.seed)
    some = job.train.take(sorted(random.permutation(len(job.train))[:count].tolist()))
    side = _Side(network.encoder, job, some)
    states = np.zeros((len(side.flat), network.encoder.width), np.float32)
    network.eval()

    def encode(batch: Batch) -> int:
        made = network.encoder.unit_states(batch) if job.output.per_unit else network.encoder.pooled(batch)
        states[side.rows(batch)] = made.numpy()
        return len(batch.pieces)

    done = 0
    for encoded in side_by_side(encode, network.encoder.batches(side.pieces, TOKENS_AT_ONCE)):
        done += encoded
        yield Step(done, len(side.pieces), Text("frozen features for the head's start", "为分类头计算冻结特征"))
    known = side.flat >= 0
    task, scales = linear.problem([states[known]], side.flat[known], job.output.size)
    head = linear.to_head(task, linear.fit(task, 1.0), scales)
    with torch.no_grad():
        network.head.weight.copy_(torch.from_numpy(head["weight_0"].T))
        network.head.bias.copy_(torch.from_numpy(head["bias"]))


def _class_weights(job: Job, options: Options) -> Tensor | None:
    if options.class_weights is None:
        return None
    targets = np.concatenate(job.train.targets) if job.output.per_unit else np.asarray(job.train.targets)
    counts = np.bincount(targets[targets >= 0], minlength=job.output.size)
    return torch.tensor(counts.sum() / (job.output.size * np.maximum(counts, 1)), dtype=torch.float32)


def _schedule(job: Job, options: Options, pieces: list[Piece]) -> Schedule:
    recipe = job.recipe
    mean = float(np.mean([len(piece.ids) for piece in pieces]))
    rate = recipe.learning_rate or LEARNING_RATES[job.output.kind]
    return Schedule(
        epochs=recipe.epochs or EPOCHS,
        batch_tokens=recipe.batch_tokens or round(ROWS_A_BATCH * mean),
        learning_rate=rate,
        head_learning_rate=rate,
        weight_decay=options.weight_decay,
        warm_up=options.warm_up,
        clip=options.clip,
        patience=options.patience,
        minimum_delta=options.minimum_delta,
        seed=recipe.seed,
    )


def _parts(network: Network, folder: str, temperature: float) -> Parts:
    prefix = f"{folder}/" if folder else ""
    weight = network.head.weight.detach().numpy().T / temperature
    head = {"weight_0": np.ascontiguousarray(weight), "bias": network.head.bias.detach().numpy() / temperature}
    return {
        linear.FILE: linear.save_head({name: array.astype(np.float32) for name, array in head.items()}),
        f"{prefix}{WEIGHTS_FILE}": save(weights_of(network.encoder), metadata={"format": "pt"}),
        f"{prefix}{SETTINGS_FILE}": network.encoder.settings.to_json(),
    }
