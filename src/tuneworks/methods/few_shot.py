"""A handful of rows a label: a head that also learns from the labels' own names, on features computed once."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneworks.core.asking import Examples
from tuneworks.core.contracts import Job, Method, Parts, Step
from tuneworks.core.ranges import Range, check_values
from tuneworks.core.text import Text
from tuneworks.statistics import features, linear
from tuneworks.statistics.calibration import fit_temperature
from tuneworks.statistics.features import Block, Floats
from tuneworks.statistics.joining import joined
from tuneworks.statistics.linear import LinearHead, load_head
from tuneworks.statistics.shapes.shape import shape_of

FOLDS = 5
CHOOSING = Text("choosing by folds", "按折选择")


@dataclass(frozen=True)
class Options:
    """Settings of ``few-shot``.

    ``strengths``: inverse regularisation strengths to choose from by folds. ``label_names``: whether each label's name
    is one more row to learn from; by default where folds say so. ``sentences``: label -> a sentence that says it
    better than its name, in which underscores are read as spaces.
    """

    strengths: tuple[float, ...] = (3.0, 10.0, 30.0, 100.0)
    label_names: bool | None = None
    sentences: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_values(self, {"strengths": Range(above=0)}, "recipe.options.")


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
    """Chooses by folds, in which every label keeps its share, whether names help and how strongly to regularise."""

    Options = Options
    output_kinds = ("classes", "multi_label")
    reads = ("text",)
    int8 = True

    def fit(self, job: Job) -> Generator[Step, None, Parts]:
        options = Options(**job.recipe.options)
        examples, rows = _known(job)
        names = _names(job, options)
        fold_of = _folds(rows.targets, job.recipe.seed)
        ways = [(named, strength) for named in _ways(options, names) for strength in sorted(options.strengths)]
        choices: list[Choice] = []
        for named, strength in ways:
            choices.append(_chosen_by_folds(job, examples, rows, names if named else None, strength, fold_of))
            yield Step(len(choices), len(ways) + 1, CHOOSING, {"validation": choices[-1].measured})
        best = max(choices)
        head = _fitted(job, rows, names if best.named else None, best.strength, best.temperature)
        values = {"strength": best.strength, "label_names": float(best.named), "validation": best.measured}
        yield Step(len(ways) + 1, len(ways) + 1, Text("fitted", "拟合完成"), values)
        return {linear.FILE: linear.save_head(head, _link(job))}

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
    if job.train.marks is not None:
        return None
    said = [options.sentences.get(label, label.replace("_", " ")) for label in job.spec.labels]
    count = len(said)
    targets = np.arange(count) if _link(job) == "softmax" else np.eye(count, dtype=np.float32)
    named = Examples(dict.fromkeys(job.train.inputs, said), [{}] * count, targets)
    return _Rows(job.features(named), targets)


def _ways(options: Options, names: _Rows | None) -> Sequence[bool]:
    """Whether to learn from the labels' names: as it is asked for, or both ways to choose from."""
    if names is None:
        return (False,)
    return (False, True) if options.label_names is None else (options.label_names,)


def _folds(targets: NDArray[Any], seed: int) -> NDArray[np.int64]:
    """The fold of each row (N,): rows of one class are dealt out in turn, rows of many labels at random."""
    order = np.random.default_rng(seed).permutation(len(targets))
    if targets.ndim == 1:
        order = order[np.argsort(targets[order], kind="stable")]
    made = np.empty(len(targets), np.int64)
    made[order] = np.arange(len(targets)) % FOLDS
    return made


def _chosen_by_folds(
    job: Job, examples: Examples, rows: _Rows, names: _Rows | None, strength: float, fold_of: NDArray[np.int64]
) -> Choice:
    """What a strength comes to on rows that were not fitted on, each once."""
    sums = np.zeros((len(rows.targets), job.output.size), np.float32)
    for fold in np.unique(fold_of):
        held_out = np.flatnonzero(fold_of == fold)
        head = _fitted(job, rows.take(np.flatnonzero(fold_of != fold)), names, strength)
        sums[held_out] = linear.logits(features.take(rows.blocks, held_out), head)
    link = _link(job)
    temperature = fit_temperature(sums, rows.targets) if link == "softmax" else 1.0
    sums /= temperature
    losses, _ = linear.LOSSES[link](sums.astype(np.float64), rows.targets)
    measured = round(job.measure(linear.scores_of(sums, link, job.output), examples), 6)
    return Choice(measured, -float(losses.mean()), strength, names is not None, temperature)


def _fitted(job: Job, rows: _Rows, names: _Rows | None, strength: float, temperature: float = 1.0) -> dict[str, Floats]:
    """Head arrays fitted to rows, and to names where these are given."""
    learnt = rows if names is None else rows.over(names)
    task, scales = linear.problem(learnt.blocks, learnt.targets, job.output.size, link=_link(job))
    return linear.to_head(task, linear.fit(task, strength), scales, temperature)
