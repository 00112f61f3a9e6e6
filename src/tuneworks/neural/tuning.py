"""What every gradient method does: sides, a start from the linear head, the loop, a temperature, the parts.

A method says how the network is adapted: which of the encoder's weights learn, and what files come of them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tuneworks.core.contracts import Job, Parts, Step
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.text import Text
from tuneworks.neural import chains, heads
from tuneworks.neural.batches import Batch
from tuneworks.neural.class_balance import WEIGHTS, drawn_alike
from tuneworks.neural.devices import device, numbers_of, workers
from tuneworks.neural.encoder import Encoder
from tuneworks.neural.frozen import below
from tuneworks.neural.loop import Schedule, Training, Ways, plain_gradients
from tuneworks.neural.losses import NAMED, SMOOTHED, Loss, Truth, Wish, weight_of
from tuneworks.neural.options import TuningOptions
from tuneworks.neural.pieces import Piece
from tuneworks.neural.precision import in_precision
from tuneworks.neural.regularisers import DIVERGENCES, Adversary, twice
from tuneworks.neural.sides import Network, Side, in_unit, link_of, network_of, targets_of, unit_of
from tuneworks.neural.start import start
from tuneworks.neural.together import Together, joined, must_be_alone
from tuneworks.neural.training_state import work_of
from tuneworks.neural.vocabulary import compacted
from tuneworks.statistics import linear
from tuneworks.statistics.label_issues import believed_rows

EPOCHS = 3
ROWS_A_BATCH = 32
MOST_BATCH_TOKENS = 4096
RATES = {
    "classes": 3e-4,
    "token_classes": 2e-4,
    "multi_label": 3e-4,
    "number": 2e-4,
    "similarity": 1e-4,
    "spans": 2e-4,
}
"""By kind of output: the learning rate of AdamW on all of an encoder's weights, and of the head."""
LINKS = {"ordinal": heads.LINK, "crf": chains.LINK}
"""Losses whose head's sums are read by a link of their own."""
ANSWERS = {"ordinal": "classes", "crf": "token_classes"}
"""The kind of output these are for."""
UNWEIGHED = ("crf",)

MEASURED_BY_THEMSELVES = {"quantile"}
"""Losses whose aim is another than that of any metric."""


@dataclass(frozen=True)
class Adapted:
    """An encoder whose weights that learn require a gradient.

    ``parts``: its files (name in the base's folder -> bytes), once it has learnt; an empty one takes the base's away.
    ``thaw``: called before each epoch (counted from 0), where not all of them learn from the start. ``below``: how many
    of the lowest layers never learn, where the embeddings do not either.
    """

    parts: Callable[[], Mapping[str, bytes]]
    thaw: Callable[[int], None] | None = None
    below: int | None = None


Adapt = Callable[[Encoder], Adapted]
Truths = Callable[[Batch], Truth]


def tuned(job: Job, options: TuningOptions, adapt: Adapt) -> Generator[Step, None, Parts]:
    """Train the adapted encoder and its head on the job's rows; returns the model's parts."""
    must_be_alone(job.seat, "recipe.options.adversarial", options.adversarial)
    with joined(job.seat) as together:
        return (yield from _tuned(job, options, adapt, together))


def _tuned(job: Job, options: TuningOptions, adapt: Adapt, together: Together) -> Generator[Step, None, Parts]:
    loss, link = _loss_of(job, options)
    folder, encoder = one_encoder(job)
    torch.manual_seed(job.recipe.seed)
    adapted = adapt(encoder)
    unit = unit_of(job.output, job.train)
    train, validation = (Side(encoder, job, rows, unit, link) for rows in (job.train, job.validation))
    validation.together = together
    read = [*train.view.read, *validation.view.read]
    frozen = None if options.adversarial else adapted.below  # what is pushed goes through all layers
    with below(encoder, frozen, read, job.cache) as filling, compacted(encoder, read):
        with together.first():
            for done, total in filling:
                yield Step(done, total, Text("frozen layers read once", "冻结层只计算一次"))
        truth = _truths(job, options, train)
        network = network_of(train, options.dropout, link)
        if link == chains.LINK:
            loss = network.head.loss
        if options.start_from_linear and not job.resumed:
            yield from start(network, job, unit, link, together)
        with in_precision(encoder, None if options.adversarial else options.mixed_precision) as halves:
            training = Training(
                network,
                train.view.pieces,
                partial(_loss, network, train, loss, truth, options.r_drop),
                measure=lambda: _measured(job, options, validation, network, loss),
                schedule=schedule_of(job, options, train.view.pieces),
                ways=replace(_ways(job, options, adapted, train, truth, together), halves=halves),
            )
            if options.start_from_linear and not job.resumed:
                measured = training.measure_start()
                yield Step(1, 1, Text("start validated", "起点验证"), {"validation": measured}, training.state)
            yield from training.steps()
    prefix = f"{folder}/" if folder else ""
    return {
        linear.FILE: _head(network, validation),
        **{f"{prefix}{name}": part for name, part in adapted.parts().items()},
    }


def one_encoder(job: Job) -> tuple[str, Encoder]:
    """The folder and the network of the one base there may be."""
    able = [(use, base) for use, base in job.bases if base.has_network]
    if len(job.bases) != 1 or not able:
        named = ", ".join(use.address for use, _ in job.bases)
        raise InvalidConfig(
            Text(
                f"The method {job.recipe.method!r} needs one base with a network; given: {named}.",
                f"方法 {job.recipe.method!r} 需要一个带网络的基础模型，当前为：{named}。",
            ),
            Text(
                "Choose one encoder with --base, or use --method head.",
                "请用 --base 选择一个编码器，或使用 --method head。",
            ),
        )
    use, base = able[0]
    return use.folder, base.network()


def schedule_of(job: Job, options: TuningOptions, pieces: Sequence[Piece]) -> Schedule:
    """How long and how strongly to train, for pieces of that length."""
    recipe = job.recipe
    mean = float(np.mean([len(piece.ids) for piece in pieces]))
    rate = recipe.learning_rate or RATES[job.output.kind]
    return Schedule(
        epochs=recipe.epochs or EPOCHS,
        batch_tokens=recipe.batch_tokens or min(round(ROWS_A_BATCH * mean), MOST_BATCH_TOKENS),
        learning_rate=rate,
        head_learning_rate=options.head_learning_rate or rate,
        weight_decay=options.weight_decay,
        warm_up=options.warm_up,
        clip=options.clip,
        patience=options.patience,
        minimum_delta=options.minimum_delta,
        seed=recipe.seed,
        optimiser=options.optimiser,
        momentum=options.momentum,
        shape=options.schedule,
        accumulation=options.accumulation,
        average=options.average,
        layer_decay=options.layer_decay,
    )


def _truths(job: Job, options: TuningOptions, train: Side) -> Truths:
    """What batches' sums are held against: each class as heavy as it is to be, each label as far as it is believed."""
    if options.label_noise is not None:
        features, rows = job.features(job.train), job.train.rows
        believed = believed_rows(job.output, features, train.targets, job.recipe, rows, job.spec)
        train.believed = torch.from_numpy(believed).to(device())
    return partial(train.truth, weights=_weights(job, options))


def _loss(network: Network, side: Side, loss: Loss, truth: Truths, r_drop: float, batch: Batch) -> Tensor:
    """The loss of a batch; where two passes are to be alike, theirs and how far they are not."""
    true = truth(batch)
    if not r_drop:
        return loss(network(side.view, batch), true)
    divergence = DIVERGENCES[side.link]
    return twice(
        lambda: network(side.view, batch),
        lambda sums: loss(sums, true),
        lambda first, second: r_drop * divergence(first, second, true.lengths),
    )


def _weight(truth: Truths, r_drop: float, batch: Batch) -> Tensor:
    """What each of a batch's losses is the mean over: how far two passes lie apart, over all rows."""
    true = truth(batch)
    weight = weight_of(true)
    return torch.stack([weight, weight.new_tensor(len(true.targets))]) if r_drop else weight


def _measured(job: Job, options: TuningOptions, validation: Side, network: Network, loss: Loss) -> float:
    """The deciding metric on the validation rows; of what aims elsewhere than the metric, how little it misses."""
    if options.loss not in MEASURED_BY_THEMSELVES:
        return job.measure(validation.scores(network), job.validation)
    sums = in_unit(validation.sums(network), validation.unit)
    targets = in_unit(validation.targets, validation.unit)
    return -float(loss(torch.from_numpy(sums), Truth(torch.from_numpy(targets), validation.view.lengths)))


def _loss_of(job: Job, options: TuningOptions) -> tuple[Loss, str]:
    """The loss that is asked for, and the link that reads the sums of its head."""
    link = link_of(job.output)
    fitting = NAMED[link]
    name = options.loss or next(iter(fitting))
    if name not in fitting or job.output.kind != ANSWERS.get(name, job.output.kind):
        raise InvalidConfig(
            Text(f"The loss {name!r} does not fit this task's answers.", f"损失 {name!r} 不适用于此任务的答案。"),
            Text(f"Losses that fit: {', '.join(fitting)}.", f"适用的损失：{'、'.join(fitting)}。"),
        )
    if options.label_smoothing and (link, name) not in SMOOTHED:
        raise InvalidConfig(
            Text(f"label_smoothing does not go with the loss {name!r}.", f"label_smoothing 不能与损失 {name!r} 同用。"),
            Text("Leave one of the two out.", "请去掉其中之一。"),
        )
    if options.class_weights and name in UNWEIGHED:
        raise InvalidConfig(
            Text(f"class_weights does not go with the loss {name!r}.", f"class_weights 不能与损失 {name!r} 同用。"),
            Text("Leave one of the two out.", "请去掉其中之一。"),
        )
    wish = Wish(name, options.gamma, options.robustness, options.label_smoothing, options.quantile)
    return fitting[name](wish), LINKS.get(name, link)


def _weights(job: Job, options: TuningOptions) -> Tensor | None:
    """How much each class counts (C,), where the user asks for it."""
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
    weights = weigh(targets_of(job.output, job.train), job.output.size, options.class_weights)
    return torch.from_numpy(weights).to(device())


def _ways(job: Job, options: TuningOptions, adapted: Adapted, train: Side, truth: Truths, together: Together) -> Ways:
    words = train.view.encoder.model.get_input_embeddings()
    return Ways(
        draw=_drawing(job, train) if options.balanced_batches else None,
        gradients=Adversary(words, options.adversarial) if options.adversarial else plain_gradients,
        thaw=adapted.thaw,
        work=work_of(job, train.view.pieces, np.ascontiguousarray(train.targets).tobytes()),
        resumed=job.resumed,
        parts=workers() if train.view.encoder.layers else 1,
        together=together,
        weigh=partial(_weight, truth, options.r_drop),
    )


def _drawing(job: Job, train: Side) -> Callable[[int], Sequence[Piece]]:
    """An epoch's pieces, drawn so that every class turns up alike."""
    if job.output.kind != "classes":
        raise InvalidConfig(
            Text(
                "balanced_batches draws rows by their one label; this task's rows have none.",
                "balanced_batches 按每行唯一的标签抽样，而此任务的行没有这样的标签。",
            ),
            Text("Leave recipe.options.balanced_batches out.", "请去掉 recipe.options.balanced_batches。"),
        )
    pieces = train.view.pieces
    classes = train.targets[[piece.example for piece in pieces]]
    return lambda epoch: drawn_alike(pieces, classes, seed=job.recipe.seed * 1000 + epoch)


def _head(network: Network, validation: Side) -> bytes:
    """The head in the target's own unit, with its temperature folded in."""
    temperature, unit, further = validation.temperature(network), validation.unit, {}
    if isinstance(network.head, chains.ChainHead):
        further, temperature = network.head.further(temperature), 1.0
    weight = numbers_of(network.head.weight).T * unit.deviation / temperature
    bias = unit.raw(numbers_of(network.head.bias)) / temperature
    arrays: dict[str, Any] = {
        **validation.view.arrays(np.asarray(weight, np.float32)),
        "bias": np.asarray(bias, np.float32),
        **further,
    }
    return linear.save_head(arrays, validation.link)
