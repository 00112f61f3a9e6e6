"""A handful of rows a label: a head that learns from the labels' names too, after contrast if that is asked for."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneworks.core.asking import Examples
from tuneworks.core.contracts import Job, Method, Parts, Step
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.ranges import Range, check_values
from tuneworks.core.text import Text
from tuneworks.statistics import features, linear
from tuneworks.statistics.calibration import fit_temperature
from tuneworks.statistics.features import Block, Floats, Scale
from tuneworks.statistics.folds import Fold, folds_of
from tuneworks.statistics.joining import joined
from tuneworks.statistics.linear import LinearHead, load_head
from tuneworks.statistics.shapes.shape import shape_of
from tuneworks.statistics.views import roles_of

RATE = 1e-4  # of the contrast
ITERATIONS = 60  # enough to choose by
CHOOSING = Text("choosing by folds", "按折选择")


@dataclass(frozen=True)
class Options:
    """Settings of ``few-shot``.

    ``strengths``: inverse regularisation strengths to choose from by folds. ``label_names``: whether each label's name
    is one more row to learn from; by default where folds say so. ``sentences``: label -> a sentence that says it
    better than its name, in which underscores are read as spaces. ``contrast_epochs``: how often the top ``layers`` of
    the first base that has a network see the rows before, drawing those of one label together.
    """

    strengths: tuple[float, ...] = (3.0, 10.0, 30.0, 100.0)
    label_names: bool | None = None
    sentences: Mapping[str, str] = field(default_factory=dict)
    contrast_epochs: int = 0
    layers: int = 2

    def __post_init__(self) -> None:
        allowed = {"strengths": Range(above=0), "contrast_epochs": Range(least=0), "layers": Range(least=1)}
        check_values(self, allowed, "recipe.options.")


@dataclass(frozen=True, order=True)
class Choice:
    """What settings came to on held-out rows; the greater is the better: by the metric, then by the loss."""

    measured: float
    likelihood: float
    strength: float
    named: bool
    temperature: float


@dataclass(frozen=True)
class _Rows:
    """Feature rows of all examples, or of the labels' names, with their targets."""

    blocks: list[Block]
    targets: NDArray[Any]

    def take(self, chosen: Any) -> _Rows:
        return _Rows(features.take(self.blocks, chosen), self.targets[chosen])

    def over(self, other: _Rows) -> _Rows:
        return _Rows(features.stack(self.blocks, other.blocks), np.concatenate([self.targets, other.targets]))


class FewShot(Method):
    """Chooses by folds, in which every label keeps its share, how strongly to regularise and whether names help."""

    Options = Options
    output_kinds = ("classes", "multi_label")
    reads = ("text",)

    def fit(self, job: Job) -> Generator[Step, None, Parts]:
        options = Options(**job.recipe.options)
        examples, rows = _known(job)
        names = _names(job, options)
        total = len(options.strengths) + 2
        first = _Folds(job, examples, rows, names)
        choices: list[Choice] = []
        for strength in sorted(options.strengths):
            choices.append(first.choice(strength))
            yield Step(len(choices), total, CHOOSING, {"validation": choices[-1].measured})
        if names is not None and options.label_names is None:
            choices.append(_Folds(job, examples, rows, None).choice(max(choices).strength))
            yield Step(total - 1, total, CHOOSING, {"validation": choices[-1].measured})
        best = max(choices)
        tuned: Mapping[str, bytes] = {}
        if options.contrast_epochs:
            rows, names, tuned = yield from _contrasted(job, options, examples, rows, names)
        task, scales = _problem(job, rows, names if best.named else None)
        head = linear.to_head(task, linear.fit(task, best.strength), scales, best.temperature)
        values = {"strength": best.strength, "label_names": float(best.named), "validation": best.measured}
        yield Step(total, total, Text("fitted", "拟合完成"), values)
        return {linear.FILE: linear.save_head(head, _link(job)), **tuned}

    def load(self, files: Mapping[str, Path]) -> LinearHead:
        return load_head(files)


def _link(job: Job) -> str:
    return shape_of(job.output.kind).link


def _known(job: Job) -> tuple[Examples, _Rows]:
    """The train and validation examples whose target teaches something, and their feature rows."""
    examples = joined(job.train, job.validation)
    blocks = features.stack(job.features(job.train), job.features(job.validation))
    targets = np.asarray(examples.targets, np.int64 if _link(job) == "softmax" else np.float32)
    chosen = np.flatnonzero(shape_of(job.output.kind).known(targets))
    return examples.take(chosen.tolist()), _Rows(blocks, targets).take(chosen)


def _names(job: Job, options: Options) -> _Rows | None:
    """The labels' names as rows, each of its own label; none where stretches are marked, which a name has not."""
    if options.label_names is False or job.train.marks is not None:
        return None
    said = _said(job, options)
    count = len(said)
    targets = np.arange(count) if _link(job) == "softmax" else np.eye(count, dtype=np.float32)
    named = Examples(dict.fromkeys(job.train.inputs, said), [{}] * count, targets)
    return _Rows(job.features(named), targets)


def _said(job: Job, options: Options) -> list[str]:
    """What each label is called."""
    return [options.sentences.get(label, label.replace("_", " ")) for label in job.spec.labels]


class _Folds:
    """Rows held out fold by fold; each strength starts from where the last one ended."""

    def __init__(self, job: Job, examples: Examples, rows: _Rows, names: _Rows | None) -> None:
        self._job, self._examples, self._rows, self._names = job, examples, rows, names
        self._folds = folds_of(examples.rows, job.spec, job.recipe.seed, targets=rows.targets)
        self._points: dict[int, Floats] = {}

    def choice(self, strength: float) -> Choice:
        """What a strength comes to on rows that were not fitted on, each once."""
        link, targets = _link(self._job), self._rows.targets
        sums = np.zeros((len(targets), self._job.output.size), np.float32)
        for number, fold in enumerate(self._folds):
            sums[fold.choose_on] = self._answered(number, fold, strength)
        temperature = fit_temperature(sums, targets) if link == "softmax" else 1.0
        sums /= temperature
        losses, _ = linear.LOSSES[link](sums.astype(np.float64), targets)
        measured = round(self._job.measure(linear.scores_of(sums, link, self._job.output), self._examples), 6)
        return Choice(measured, -float(losses.mean()), strength, self._names is not None, temperature)

    def _answered(self, number: int, fold: Fold, strength: float) -> Floats:
        task, scales = _problem(self._job, self._rows.take(fold.fit_on), self._names)
        point = linear.fit(task, strength, self._points.get(number), ITERATIONS)
        self._points[number] = point
        return linear.logits(features.take(self._rows.blocks, fold.choose_on), linear.to_head(task, point, scales))


def _contrasted(
    job: Job, options: Options, examples: Examples, rows: _Rows, names: _Rows | None
) -> Generator[Step, None, tuple[_Rows, _Rows | None, Mapping[str, bytes]]]:
    """Rows and names as the encoder sees them once it was trained by contrast, and its files."""
    from tuneworks.neural.contrast import Contrast, contrasted, pooled
    from tuneworks.neural.whole import whole_files

    place = next((i for i, (_, base) in enumerate(job.bases) if base.has_network), None)
    if place is None or job.train.marks is not None:
        raise _no_contrast()
    use, base = job.bases[place]
    encoder = base.network()
    role = roles_of(use, job.spec)[0]
    values = [*examples.inputs[role], *(_said(job, options) if names is not None else ())]
    learnt = rows if names is None else rows.over(names)
    holds = np.eye(job.output.size)[learnt.targets] if learnt.targets.ndim == 1 else learnt.targets
    how = Contrast(options.contrast_epochs, options.layers, job.recipe.learning_rate or RATE, job.recipe.seed)
    pieces = encoder.pieces(values)
    yield from contrasted(encoder, pieces, holds, how, job.cache)
    seen = pooled(encoder, pieces)
    learnt = replace(learnt, blocks=[seen if i == place else block for i, block in enumerate(learnt.blocks)])
    prefix = f"{use.folder}/" if use.folder else ""
    files = {f"{prefix}{name}": part for name, part in whole_files(encoder).items()}
    count = len(rows.targets)
    split = learnt.take(np.arange(count)), None if names is None else learnt.take(np.arange(count, len(values)))
    return *split, files


def _no_contrast() -> InvalidConfig:
    return InvalidConfig(
        Text(
            "contrast_epochs trains an encoder on whole texts; this recipe has none.",
            "contrast_epochs 会在整段文本上训练编码器，而此配方中没有可训练的编码器。",
        ),
        Text(
            "Choose an encoder with --base, or leave recipe.options.contrast_epochs out.",
            "请用 --base 选择一个编码器，或去掉 recipe.options.contrast_epochs。",
        ),
    )


def _problem(job: Job, rows: _Rows, names: _Rows | None) -> tuple[linear.Problem, list[Scale]]:
    """The regression on rows, and on names where these are given."""
    learnt = rows if names is None else rows.over(names)
    return linear.problem(learnt.blocks, learnt.targets, job.output.size, link=_link(job))
