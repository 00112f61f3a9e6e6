"""Train the whole encoder with its head: dearest, strongest where there are many rows."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor

from tuneworks.core.contracts import Head, Job, Method, Parts, Step
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.ranges import OneOf, Range, check_values
from tuneworks.core.text import Text
from tuneworks.core.types import Output, Recipe
from tuneworks.neural.batches import Batch, Piece
from tuneworks.neural.encoder import SETTINGS_FILE, WEIGHTS_FILE, Encoder, weights_of
from tuneworks.neural.loop import Schedule, Training
from tuneworks.neural.losses import LOSSES
from tuneworks.neural.sides import Network, Side, Unit, known, link_of, targets_of, unit_of
from tuneworks.neural.workers import side_by_side
from tuneworks.statistics import linear, positions
from tuneworks.statistics.features import Floats

EPOCHS = 3
LEARNING_RATES = {
    "classes": 3e-4,
    "token_classes": 2e-4,
    "multi_label": 3e-4,
    "number": 2e-4,
    "similarity": 1e-4,
    "spans": 2e-4,
}
ROWS_A_BATCH = 32
MOST_BATCH_TOKENS = 4096
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
    output_kinds = tuple(LEARNING_RATES)
    reads = ("text",)
    needs_network = True

    def complete(self, recipe: Recipe, output: Output) -> Recipe:
        rate = LEARNING_RATES[output.kind]
        made = super().complete(recipe, output)
        return replace(made, epochs=recipe.epochs or EPOCHS, learning_rate=recipe.learning_rate or rate)

    def fit(self, job: Job) -> Generator[Step, None, Parts]:
        options = Options(**job.recipe.options)
        folder, encoder = _one_encoder(job)
        torch.manual_seed(job.recipe.seed)
        unit = unit_of(job.output, job.train)
        train, validation = Side(encoder, job, job.train, unit), Side(encoder, job, job.validation, unit)
        network = Network(train.view, job.output.size, options.dropout)
        _freeze_embeddings(encoder, options)
        weights, loss_of = _weights(job, options), LOSSES[link_of(job.output)]
        if options.start_from_linear:
            yield from _start(network, job, unit)

        def loss(batch: Batch) -> Tensor:
            return loss_of(network(train.view, batch), train.truth(batch, weights))

        training = Training(
            network,
            train.view.pieces,
            loss,
            measure=lambda: job.measure(validation.scores(network), job.validation),
            schedule=_schedule(job, options, train.view.pieces),
            pad=encoder.pad,
        )
        if options.start_from_linear:
            yield Step(1, 1, Text("start validated", "起点验证"), {"validation": training.measure_start()})
        yield from training.steps()
        return _parts(network, validation, folder)

    def load(self, files: Mapping[str, Path]) -> Head:
        return positions.load_head(files)


def _one_encoder(job: Job) -> tuple[str, Encoder]:
    """The folder and the network of the one base there may be."""
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
    return use.folder, base.network()


def _freeze_embeddings(encoder: Encoder, options: Options) -> None:
    words = encoder.model.get_input_embeddings()
    train = options.train_embeddings
    words.weight.requires_grad = words.num_embeddings < LARGE_VOCABULARY if train is None else train


def _start(network: Network, job: Job, unit: Unit) -> Generator[Step, None, None]:
    """Set the head to linear regression on the frozen encoder's own (not normalised) states of some rows."""
    average = np.mean([len(units) for units in job.train.units or ((0,),)])
    count = min(len(job.train), int(START_UNITS / average) if job.output.per_unit else START_UNITS)
    random = np.random.default_rng(job.recipe.seed)
    some = job.train.take(sorted(random.permutation(len(job.train))[:count].tolist()))
    side = Side(network.encoder, job, some, unit)
    states = np.zeros((int(side.view.starts[-1]), side.view.width), np.float32)
    network.eval()

    def encode(batch: Batch) -> int:
        states[side.view.rows(batch)] = side.view.states(batch).numpy()
        return len(batch.pieces)

    done = 0
    for encoded in side_by_side(encode, network.encoder.batches(side.view.pieces, TOKENS_AT_ONCE)):
        done += encoded
        yield Step(done, len(side.view.pieces), Text("frozen features for the head's start", "为输出层计算冻结特征"))
    rows, targets = side.view.regression(states, side.targets)
    able = known(targets)
    task, scales = linear.problem([rows[able]], targets[able], job.output.size, link=link_of(job.output))
    head = linear.to_head(task, linear.fit(task, 1.0), scales)
    with torch.no_grad():
        network.head.weight.copy_(torch.from_numpy((side.view.fitted(head["weight_0"]) / unit.deviation).T))
        network.head.bias.copy_(torch.from_numpy(unit.standard(head["bias"])))


def _weights(job: Job, options: Options) -> Tensor | None:
    """How much each class counts (C,), where the user asks for all alike."""
    if options.class_weights is None:
        return None
    weigh = WEIGHTS.get(job.output.kind)
    if weigh is None:
        raise InvalidConfig(
            Text(
                "class_weights weighs labels; this task's answers have none.",
                "class_weights 用于标签加权，而此任务的答案没有标签。",
            ),
            Text("Leave recipe.options.class_weights out.", "请去掉 recipe.options.class_weights。"),
        )
    return torch.from_numpy(weigh(targets_of(job.output, job.train), job.output.size))


def _by_class(targets: Any, size: int) -> Floats:
    """Rows of the average class over rows of each."""
    counts = np.bincount(targets[targets >= 0], minlength=size)
    return (counts.sum() / (size * np.maximum(counts, 1))).astype(np.float32)


def _by_label(targets: Any, size: int) -> Floats:
    """Rows without each label over rows with it."""
    having = np.nansum(targets, axis=0)
    return ((len(targets) - having) / np.maximum(having, 1)).astype(np.float32)


WEIGHTS: Mapping[str, Callable[[Any, int], Floats]] = {
    "classes": _by_class,
    "token_classes": _by_class,
    "multi_label": _by_label,
}


def _schedule(job: Job, options: Options, pieces: list[Piece]) -> Schedule:
    recipe = job.recipe
    mean = float(np.mean([len(piece.ids) for piece in pieces]))
    rate = recipe.learning_rate or LEARNING_RATES[job.output.kind]
    return Schedule(
        epochs=recipe.epochs or EPOCHS,
        batch_tokens=recipe.batch_tokens or min(round(ROWS_A_BATCH * mean), MOST_BATCH_TOKENS),
        learning_rate=rate,
        head_learning_rate=rate,
        weight_decay=options.weight_decay,
        warm_up=options.warm_up,
        clip=options.clip,
        patience=options.patience,
        minimum_delta=options.minimum_delta,
        seed=recipe.seed,
    )


def _parts(network: Network, validation: Side, folder: str) -> Parts:
    """The head in the target's own unit with its temperature folded in, and the tuned encoder's files."""
    prefix = f"{folder}/" if folder else ""
    temperature, unit = validation.temperature(network), validation.unit
    weight = network.head.weight.detach().numpy().T * unit.deviation / temperature
    bias = unit.raw(network.head.bias.detach().numpy()) / temperature
    head = {**validation.view.arrays(np.asarray(weight, np.float32)), "bias": np.asarray(bias, np.float32)}
    return {
        linear.FILE: linear.save_head(head, link_of(validation.output)),
        f"{prefix}{WEIGHTS_FILE}": save(weights_of(network.encoder), metadata={"format": "pt"}),
        f"{prefix}{SETTINGS_FILE}": network.encoder.settings.to_json(),
    }
