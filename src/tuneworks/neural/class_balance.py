"""Classes that are not alike in number: how much each counts, and how often each is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from tuneworks.statistics.features import Floats

T = TypeVar("T")
KEPT = 0.999  # beta of the effective number: past a thousand rows of a class, more of them add next to nothing


def _inverse_counts(counts: Any) -> Any:
    """Rows of the average class over rows of each, as scikit-learn's "balanced"."""
    return counts.sum() / (len(counts) * np.maximum(counts, 1))


def _inverse_effective(counts: Any) -> Any:
    """``(1 - beta) / (1 - beta^n)``, with mean one over the classes (Cui et al. 2019, arXiv 1901.05555)."""
    made = (1 - KEPT) / (1 - KEPT ** np.maximum(counts, 1))
    return made * len(counts) / made.sum()


def _without_over_with(having: Any, rows: int) -> Any:
    """Rows without each label over rows with it."""
    return (rows - having) / np.maximum(having, 1)


def _effective_without_over_with(having: Any, rows: int) -> Any:
    return (1 - KEPT ** np.maximum(rows - having, 1)) / (1 - KEPT ** np.maximum(having, 1))


OF_CLASSES: Mapping[str, Callable[[Any], Any]] = {"balanced": _inverse_counts, "effective": _inverse_effective}
OF_LABELS: Mapping[str, Callable[[Any, int], Any]] = {
    "balanced": _without_over_with,
    "effective": _effective_without_over_with,
}


def by_class(targets: Any, size: int, way: str) -> Floats:
    """How much each class counts (C,), of class numbers (M,); -1 is left out."""
    counts = np.bincount(targets[targets >= 0], minlength=size)
    return np.asarray(OF_CLASSES[way](counts), np.float32)


def by_label(targets: Any, size: int, way: str) -> Floats:
    """How much it counts that each label holds (C,), of zeros and ones (N, C)."""
    return np.asarray(OF_LABELS[way](np.nansum(targets, axis=0), len(targets)), np.float32)


WEIGHTS: Mapping[str, Callable[[Any, int, str], Floats]] = {
    "classes": by_class,
    "token_classes": by_class,
    "multi_label": by_label,
}
"""By kind of output, where there are labels to weigh."""


def drawn_alike(items: Sequence[T], classes: Any, *, seed: int) -> list[T]:
    """As many items as there are, every class alike; ``classes``: each item's, -1 is not drawn."""
    numbers, counts = np.unique(classes, return_counts=True)
    rows = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
    chances = np.array([0.0 if one < 0 else 1.0 / rows[one] for one in np.asarray(classes).tolist()])
    chosen = np.random.default_rng(seed).choice(len(items), size=len(items), p=chances / chances.sum())
    return [items[i] for i in chosen.tolist()]
