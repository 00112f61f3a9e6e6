"""How far from the nearest known good: anomalies by distance, learnt from good examples alone."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save
from scipy.special import stdtrit

from tuneworks.core import contracts
from tuneworks.core.asking import Examples
from tuneworks.core.contracts import Job, Method, Model, Parts, Step
from tuneworks.core.errors import UnsuitableData
from tuneworks.core.ranges import Range, check_values
from tuneworks.core.text import Text
from tuneworks.statistics import features
from tuneworks.statistics.features import Block, Floats
from tuneworks.statistics.views import blocks_of

FILE = "head.safetensors"
ROWS_AT_ONCE = 512
SMALLEST = 1e-6  # a threshold where all good examples are alike


@dataclass(frozen=True)
class Options:
    """Settings of ``nearest``.

    ``neighbours``: over how many of the nearest good examples the distance is averaged. ``false_alarms``: the share of
    good examples that may lie past the threshold. ``most``: how many good examples are kept, drawn at random.
    """

    neighbours: int = 3
    false_alarms: float = 0.01
    most: int = 5000

    def __post_init__(self) -> None:
        wanted = {"neighbours": Range(least=1), "false_alarms": Range(least=0, below=1), "most": Range(least=2)}
        check_values(self, wanted, "recipe.options.")


class Nearest(Method):
    """Keeps the good examples; its threshold is a quantile of how far each of them lies from the others."""

    Options = Options
    output_kinds = ("anomaly",)
    rung = 1

    def fit(self, job: Job) -> Generator[Step, None, Parts]:
        options = Options(**job.recipe.options)
        blocks = [_good(job, examples) for examples in (job.train, job.validation)]
        count = sum(part[0].shape[0] for part in blocks)
        if count < 2:
            raise _too_few(count)
        whole = features.stack(*blocks)
        kept = np.sort(np.random.default_rng(job.recipe.seed).permutation(count)[: options.most])
        chosen = features.take(whole, kept)
        factors = np.array([_factor(block) for block in chosen], dtype=np.float32)
        known = _laid_out(chosen, factors)
        apart = np.zeros(len(known))
        for start in range(0, len(known), ROWS_AT_ONCE):
            stop = min(start + ROWS_AT_ONCE, len(known))
            apart[start:stop] = _distances(known, known[start:stop], options.neighbours, own=start)
            yield Step(stop, len(known), Text("measuring the good examples", "度量正常样本"))
        threshold = max(_threshold(apart, options.false_alarms), SMALLEST)
        stored = {
            "known": known,
            "factors": factors,
            "threshold": np.array([threshold], dtype=np.float32),
            "neighbours": np.array([options.neighbours], dtype=np.int32),
        }
        return {FILE: save(stored)}

    def load(self, files: Mapping[str, Path]) -> contracts.Head:
        return KnownGood(load_file(files[FILE]))


@dataclass(frozen=True)
class KnownGood(contracts.Head):
    """Good examples as points (N, D): what is scored is the mean distance to the nearest, in units of the threshold."""

    arrays: Mapping[str, NDArray[Any]]

    def scores(self, model: Model, examples: Examples) -> Any:
        blocks = blocks_of(model.bases, model.spec, model.output, examples)
        points = _laid_out(blocks, self.arrays["factors"])
        neighbours, known = int(self.arrays["neighbours"][0]), self.arrays["known"]
        made = np.zeros(len(points))
        for start in range(0, len(points), ROWS_AT_ONCE):
            some = slice(start, start + ROWS_AT_ONCE)
            made[some] = _distances(known, points[some], neighbours)
        return made / float(self.arrays["threshold"][0])


def _good(job: Job, examples: Examples) -> list[Block]:
    """The feature blocks of the examples that are no anomalies."""
    return features.take(job.features(examples), np.flatnonzero(np.asarray(examples.targets) == 0))


def _threshold(apart: NDArray[np.float64], false_alarms: float) -> float:
    """The distance that so many good ones lie past: a quantile of those seen.

    Where they are too few to have that quantile, the bound that the next of a normal distribution keeps to.
    """
    count = len(apart)
    if count * false_alarms >= 1 or false_alarms == 0:
        return float(np.quantile(apart, 1 - false_alarms, method="higher"))
    reach = stdtrit(count - 1, 1 - false_alarms) * np.sqrt(1 + 1 / count)
    return float(apart.mean() + reach * apart.std(ddof=1))


def _factor(block: Block) -> float:
    """What brings a block's points to a mean square distance of one from their middle: no base drowns another."""
    if hasattr(block, "multiply"):
        square = float(block.multiply(block).sum()) / block.shape[0]
    else:
        square = float(np.var(block, axis=0, dtype=np.float64).sum())
    return 1 / np.sqrt(square) if square > 0 else 1.0


def _laid_out(blocks: list[Block], factors: Floats) -> Floats:
    """All blocks side by side on their scales, dense."""
    scaled = [(block * factor).astype(np.float32) for block, factor in zip(blocks, factors, strict=True)]
    return np.ascontiguousarray(features.dense([part.tocsr() if hasattr(part, "tocsr") else part for part in scaled]))


def _distances(known: Floats, points: Floats, neighbours: int, own: int | None = None) -> NDArray[np.float64]:
    """Each point's mean distance to its nearest known ones (M,); ``own``: the place of the first point among them."""
    sides, across = known.astype(np.float64), points.astype(np.float64)
    middle = sides.mean(axis=0)
    sides, across = sides - middle, across - middle
    square = (across**2).sum(axis=1)[:, None] + (sides**2).sum(axis=1) - 2 * across @ sides.T
    if own is not None:
        square[np.arange(len(points)), own + np.arange(len(points))] = np.inf
    count = min(neighbours, len(known) - (own is not None))
    nearest = np.partition(square, count - 1, axis=1)[:, :count]
    made: NDArray[np.float64] = np.sqrt(np.maximum(nearest, 0)).mean(axis=1)
    return made


def _too_few(count: int) -> UnsuitableData:
    return UnsuitableData(
        Text(
            f"There are {count} good examples to learn from; at least 2 are needed.",
            f"可供学习的正常样本只有 {count} 个，至少需要 2 个。",
        ),
        Text("Add good examples (20 or more serve well).", "请补充正常样本（建议 20 个以上）。"),
    )
