"""Score arrays as bytes: one array (N, ...) or N arrays (L, ...) of unlike lengths."""

from __future__ import annotations

from typing import Any

import numpy as np
from safetensors.numpy import load, save

from tuneworks.statistics.features import split_units


def pack(scores: Any) -> bytes:
    """Score arrays as safetensors bytes."""
    if isinstance(scores, np.ndarray):
        return save({"scores": np.ascontiguousarray(scores)})
    lengths = np.array([len(score) for score in scores], dtype=np.int64)
    return save({"scores": np.ascontiguousarray(np.concatenate(scores)), "lengths": lengths})


def unpack(data: bytes) -> Any:
    """The inverse of :func:`pack`."""
    arrays = load(data)
    if "lengths" not in arrays:
        return arrays["scores"]
    return split_units(arrays["scores"], arrays["lengths"].tolist())


def join(parts: list[Any]) -> Any:
    """Score arrays of consecutive examples as one."""
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    return [score for part in parts for score in part]
