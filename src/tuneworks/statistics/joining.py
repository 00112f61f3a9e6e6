"""Two sets of examples as one."""

from __future__ import annotations

from typing import Any

import numpy as np

from tuneworks.core.asking import Examples


def joined(first: Examples, second: Examples) -> Examples:
    """The examples of the first, then those of the second."""
    inputs = {role: _under(values, second.inputs[role]) for role, values in first.inputs.items()}
    parts = ((getattr(first, name), getattr(second, name)) for name in ("rows", "targets", "units", "marks"))
    rows, targets, units, marks = (_under(*part) for part in parts)
    return Examples(inputs, rows, targets, units, marks)


def _under(first: Any, second: Any) -> Any:
    if first is None or second is None:
        return None
    return np.concatenate([first, second]) if isinstance(first, np.ndarray) else [*first, *second]
