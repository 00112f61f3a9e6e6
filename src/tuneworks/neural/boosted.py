"""The head of boosted trees: LightGBM's own, or the operator they were compiled to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from tuneworks.core.asking import Examples
from tuneworks.core.contracts import Head, Model
from tuneworks.core.types import Output
from tuneworks.statistics import features
from tuneworks.statistics.attribution import summed_values
from tuneworks.statistics.views import blocks_of

COMPILED = {"trees": "trees.onnx"}
"""By form: the file it is kept in."""
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class TreesHead(Head):
    """Boosted trees on the bases' features; probabilities are softened by the temperature.

    ``compiled_sums``: what gives the trees' sums of rows, where they are compiled.
    """

    booster: Any
    temperature: float
    compiled_sums: Callable[[Any], Numbers] | None = None

    @property
    def forms(self) -> tuple[str, ...]:  # type: ignore[override]  # looked up, not stated
        able = all(find_spec(name) is not None for name in ("onnx", "onnxruntime"))
        return tuple(COMPILED) if able and self.compiled_sums is None else ()

    def compiled(self, form: str) -> Mapping[str, bytes]:
        from tuneworks.neural.onnx_trees import drawn_trees

        return {COMPILED[form]: drawn_trees(self.booster.dump_model())}

    def scores(self, model: Model, examples: Examples) -> Any:
        blocks = blocks_of(model.bases, model.spec, model.output, examples)
        if not len(examples):
            return scores_of(np.zeros((0, model.output.size)), model.output, 1.0)
        rows = features.beside(blocks)
        if self.compiled_sums is None:
            sums = sums_of(self.booster, rows, model.output)
        else:
            sums = _by_class(self.compiled_sums(features.plain(rows)), model.output)
        return scores_of(sums, model.output, self.temperature)

    def contributions(self, model: Model, examples: Examples, leaning: Any) -> tuple[Any, Any] | None:
        """Shapley values of the trees (TreeSHAP, Lundberg et al. 2018, arXiv 1802.03888), as LightGBM computes them."""
        rows = features.plain(features.beside(blocks_of(model.bases, model.spec, model.output, examples)))
        each = self.booster.predict(rows, pred_contrib=True, num_threads=1) / self.temperature
        return summed_values(each, rows.shape[1], leaning)


def opened(files: Mapping[str, Path]) -> Callable[[Any], Numbers] | None:
    """What sums the compiled trees among a model's files give; ``None`` where there are none."""
    found = next((files[name] for name in COMPILED.values() if name in files), None)
    if found is None:
        return None
    from tuneworks.neural.onnx_trees import opened_trees

    return opened_trees(found)


def sums_of(booster: Any, block: Any, output: Output, rounds: int | None = None) -> Numbers:
    """The trees' sums (N, C) before any link; of two classes the first has 0."""
    raw = np.asarray(booster.predict(block, raw_score=True, num_iteration=rounds, num_threads=1), dtype=np.float64)
    return _by_class(raw if raw.ndim == 2 else raw[:, None], output)


def scores_of(sums: Numbers, output: Output, temperature: float) -> Numbers:
    """Scores of the trees' sums: one number, or probabilities."""
    if output.kind == "number":
        return sums[:, 0]
    made: Numbers = softmax(sums / temperature, axis=1)
    return made


def _by_class(raw: Numbers, output: Output) -> Numbers:
    """Sums with a column a class: one that is alone says how far the second class is ahead of the first."""
    if output.kind == "number" or raw.shape[1] > 1:
        return raw
    return np.column_stack([np.zeros(len(raw)), raw])
