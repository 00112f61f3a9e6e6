"""Train the last layer alone: linear regression with the answer's link on features that are computed once."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tuneworks.core import contracts
from tuneworks.core.contracts import Job, Method, Parts, Step
from tuneworks.core.ranges import OneOf, Range, check_values
from tuneworks.core.spaces import Choice, Space
from tuneworks.core.text import Text
from tuneworks.core.types import Recipe
from tuneworks.statistics import features, linear, positions
from tuneworks.statistics.calibration import fit_temperature
from tuneworks.statistics.features import Block, Floats
from tuneworks.statistics.folds import Fold, folds_for
from tuneworks.statistics.joining import joined
from tuneworks.statistics.label_issues import believed_rows
from tuneworks.statistics.shapes.shape import shape_of

ENOUGH_UNITS = 20_000
PATIENCE = 2  # strengths without a gain before stronger ones are not tried
CLOSE_ENOUGH = 1e-4  # gain of a step that no longer changes which strength is best
CHOOSING = Text("choosing the strength", "选择正则强度")
ALLOWED: dict[str, Range | OneOf] = {"strengths": Range(above=0), "label_noise": OneOf(("down-weight",))}


@dataclass(frozen=True)
class Options:
    """Settings of ``head``.

    ``strengths``: inverse regularisation strengths to choose from on held-out rows. ``balanced``: weigh classes alike.
    ``label_noise``: "down-weight" lets rows whose label looks wrong count less (confident learning).
    """

    strengths: tuple[float, ...] = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
    balanced: bool = False
    label_noise: str | None = None

    def __post_init__(self) -> None:
        check_values(self, ALLOWED, "recipe.options.")


@dataclass(frozen=True, order=True)
class Trial:
    """What a strength came to on held-out rows; the greater is the better: by the metric, then by the loss.

    ``spread``: how far truth lies from the answer at each of the quantiles asked for (C, Q).
    """

    measured: float
    likelihood: float
    strength: float
    temperature: float
    spread: Floats | None = field(default=None, compare=False)


class Head(Method):
    """Chooses its strength and temperature on rows it was not fitted on, then refits on train and validation."""

    Options = Options
    output_kinds = ("classes", "token_classes", "multi_label", "number", "similarity", "quantiles", "spans")
    int8 = True
    rung = 1

    def space(self, recipe: Recipe) -> Mapping[str, Space]:
        return {"recipe.options.balanced": Choice((False, True))}

    def fit(self, job: Job) -> Generator[Step, None, Parts]:
        options = Options(**job.recipe.options)
        rows = _rows_of(job)
        if options.label_noise is not None:
            given = [*job.train.rows, *job.validation.rows]
            believed = believed_rows(job.output, rows.blocks, rows.targets, job.recipe, given, job.spec)
            rows = replace(rows, believed=believed)
        folds = [_Fitting(job, rows, fold, options) for fold in _folds(job, rows.owners)]
        total = len(folds) * len(options.strengths) + 1
        trials: list[Trial] = []
        start: linear.Minimum | None = None
        for number, strength in enumerate(sorted(options.strengths)):
            for part, fold in enumerate(folds, start=1):
                fold.strengthen(strength)
                if part < len(folds):
                    yield Step(number * len(folds) + part, total, CHOOSING)
            trials.append(_trial(job, rows, strength, folds))
            measured = {"validation": trials[-1].measured}
            yield Step((number + 1) * len(folds), total, CHOOSING, measured)
            if len(trials) > PATIENCE and max(trials) not in trials[-PATIENCE:]:
                break
            if trials[-1] == max(trials):
                start = folds[0].reached
        best = max(trials)
        task, scales = _problem(job, rows, np.arange(len(rows.targets)), options)
        head = linear.to_head(task, linear.fit_on(task, best.strength, start).point, scales, best.temperature)
        if best.spread is not None:
            head["spread"] = best.spread
        values = {"strength": best.strength, "temperature": best.temperature, "validation": best.measured}
        yield Step(total, total, Text("fitted", "拟合完成"), values)
        return {linear.FILE: linear.save_head(head, link_of(job))}

    def load(self, files: Mapping[str, Path]) -> contracts.Head:
        return positions.load_head(files)


@dataclass(frozen=True)
class _Rows:
    """Feature rows of train and validation under each other, their targets, and the example each belongs to.

    ``believed``: how much each row counts (M,), where not all count alike.
    """

    blocks: list[Block]
    targets: NDArray[Any]
    owners: NDArray[np.int64]
    believed: Floats | None = None


class _Fitting:
    """One fold on its way from weak to strong: each fit goes on from the last.

    The fold's copy of the features lives for one fit alone: making it anew costs little beside the fit.
    """

    def __init__(self, job: Job, rows: _Rows, fold: Fold, options: Options) -> None:
        self._job, self._rows, self._fold, self._options = job, rows, fold, options
        self._last: linear.Minimum | None = None
        self.logits: Floats

    @property
    def reached(self) -> linear.Minimum | None:
        """Where to begin the fit on all rows; nowhere where these rows use other columns than all do."""
        return None if any(sparse.issparse(block) for block in self._rows.blocks) else self._last

    @property
    def chosen_on(self) -> NDArray[np.int64]:
        return self._fold.choose_on

    def strengthen(self, strength: float) -> None:
        task, scales = _problem(self._job, self._rows, self._fold.fit_on, self._options)
        self._last = linear.fit_on(task, strength, self._last, tolerance=CLOSE_ENOUGH)
        task = replace(task, blocks=())
        held_out = features.take(self._rows.blocks, self._fold.choose_on)
        self.logits = linear.logits(held_out, linear.to_head(task, self._last.point, scales))


def _rows_of(job: Job) -> _Rows:
    blocks = features.stack(job.features(job.train), job.features(job.validation))
    parts = [*job.train.targets, *job.validation.targets]
    if link_of(job) == positions.LINK:
        lengths = [len(units) for units in (*(job.train.units or ()), *(job.validation.units or ()))]
        return _Rows(blocks, positions.marked(parts, lengths), np.repeat(np.arange(len(parts)), lengths))
    if job.output.per_unit:
        owners = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        return _Rows(blocks, np.concatenate(parts).astype(np.int64), owners)
    kind = np.int64 if link_of(job) == "softmax" else np.float32
    return _Rows(blocks, np.asarray(parts, dtype=kind), np.arange(len(parts)))


def link_of(job: Job) -> str:
    """What makes scores of the head's sums."""
    return shape_of(job.output.kind).link


def _known(targets: NDArray[Any]) -> NDArray[np.bool_]:
    """The rows that can be learnt from: those whose label is in the list, or whose numbers there are."""
    if targets.dtype == np.int64:
        return targets >= 0
    return np.isfinite(targets.reshape(len(targets), -1)).all(axis=1)


def _problem(
    job: Job, rows: _Rows, chosen: NDArray[np.int64], options: Options
) -> tuple[linear.Problem, list[features.Scale]]:
    """The regression on chosen rows; those whose label is outside the list are measured by and not learnt from."""
    known = chosen[_known(rows.targets[chosen])]
    blocks = features.take(rows.blocks, known) if len(known) < len(rows.targets) else rows.blocks
    return linear.problem(
        blocks,
        rows.targets[known],
        job.output.size,
        link=link_of(job),
        balanced=options.balanced,
        believed=None if rows.believed is None else rows.believed[known],
    )


def _folds(job: Job, owners: NDArray[np.int64]) -> list[Fold]:
    """What is held out, in rows of features; validation units may be enough where validation rows are few."""
    enough = job.output.per_unit and int((owners >= len(job.train)).sum()) >= ENOUGH_UNITS
    return [
        Fold(*(np.flatnonzero(np.isin(owners, part)) for part in (fold.fit_on, fold.choose_on)))
        for fold in folds_for(job, enough=enough)
    ]


def _trial(job: Job, rows: _Rows, strength: float, folds: Sequence[_Fitting]) -> Trial:
    """How well a strength does on the rows held out in the folds, taken together in row order."""
    held_out = np.concatenate([fold.chosen_on for fold in folds])
    order = np.argsort(held_out)
    logits, held_out = np.concatenate([fold.logits for fold in folds])[order], held_out[order]
    truth, link = rows.targets[held_out], link_of(job)
    known = _known(truth)
    temperature = _temperature(job, logits, truth, rows.owners[held_out])
    sums = logits.astype(np.float64) / temperature
    spread = _spread(truth[known] - sums[known], job.output.levels) if job.output.levels else None
    targets = truth[known] if truth.ndim == 2 or link == "softmax" else truth[known].reshape(-1, job.output.size)
    losses, _ = linear.LOSSES[link](sums[known], targets)
    scores = linear.scores_of(sums, link, job.output, spread) if link in linear.LINKS else sums
    measured = round(_measure(job, scores, held_out, rows.owners), 6)
    return Trial(measured, -float(losses.mean()) if len(losses) else 0.0, strength, temperature, spread)


def _spread(residuals: NDArray[np.float64], levels: Sequence[float]) -> Floats:
    """The quantiles of residuals (N, C) at the levels (C, Q)."""
    return np.quantile(residuals, levels, axis=0).T.astype(np.float32)


def _measure(job: Job, made: Any, rows: NDArray[np.int64], owners: NDArray[np.int64]) -> float:
    """The deciding metric on the examples that the held-out rows belong to."""
    held_out = np.unique(owners[rows])
    lengths = np.bincount(owners[rows])[held_out].tolist()
    scores = _by_example(job, made, lengths) if job.output.per_unit else made
    return job.measure(scores, joined(job.train, job.validation).take(held_out.tolist()))


def _by_example(job: Job, made: Any, lengths: Sequence[int]) -> list[Any]:
    """Scores of units, or sums where they are made probabilities within an example, as one array an example."""
    if link_of(job) == positions.LINK:
        return positions.scores_of(*positions.with_none(made, lengths))
    return features.split_units(made, lengths)


def _temperature(job: Job, logits: Floats, truth: NDArray[Any], owners: NDArray[np.int64]) -> float:
    """What held-out sums are divided by so that they say how sure they are; 1 where they are no probabilities."""
    link = link_of(job)
    if link == "softmax":
        return fit_temperature(logits, truth)
    if link != positions.LINK:
        return 1.0
    held_out = np.unique(owners)
    targets = np.concatenate([job.train.targets, job.validation.targets])[held_out]
    sums, lengths = positions.with_none(logits, np.bincount(owners)[held_out].tolist())
    return positions.fit_temperature(sums, targets, lengths)
