"""What bases see of examples, and the feature blocks that come of it: the same in tuning and in serving.

An example may be seen whole, unit by unit, with some of its stretches marked, or as two inputs to be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from tuneworks.core.asking import Examples
from tuneworks.core.contracts import Base, LoadedBase
from tuneworks.core.events import Listener, silent
from tuneworks.core.types import BaseUse, Output, TaskSpec
from tuneworks.statistics.features import Block


def blocks_of(
    bases: Sequence[tuple[BaseUse, LoadedBase]],
    spec: TaskSpec,
    output: Output,
    examples: Examples,
    listener: Listener = silent,
) -> list[Block]:
    """Feature blocks (M, D) of examples, in the order of the bases; M counts units where the output is per unit."""
    made: list[Block] = []
    for use, base in bases:
        if output.paired:
            made += _compared(*(base.features(examples.inputs[role], None, listener) for role in roles_of(use, spec)))
        elif examples.marks is not None:
            made.append(_marked(base, values_of(use, base, spec, examples), examples.marks, listener))
        else:
            units = examples.units if output.per_unit else None
            made.append(base.features(values_of(use, base, spec, examples), units, listener))
    return made


def pooled_of(
    bases: Sequence[tuple[BaseUse, LoadedBase]], spec: TaskSpec, output: Output, examples: Examples
) -> list[Block]:
    """One row an example whatever the output, for watching inputs: every base's pooled features (N, D)."""
    if output.paired:
        return [base.features(examples.inputs[role]) for use, base in bases for role in roles_of(use, spec)]
    return [base.features(values_of(use, base, spec, examples)) for use, base in bases]


def fitted_values(use: BaseUse, base: Base, spec: TaskSpec, examples: Examples) -> list[Any]:
    """The values a base learns from: those it will read, of both inputs where it reads each alone."""
    if base.joint:
        return list(values_of(use, base, spec, examples))
    return [value for role in roles_of(use, spec) for value in examples.inputs[role]]


def values_of(use: BaseUse, base: Base | LoadedBase, spec: TaskSpec, examples: Examples) -> Sequence[Any]:
    """The N values a base reads: its column's, or rows (column -> value) where it reads columns together."""
    roles = roles_of(use, spec)
    if not base.joint:
        return examples.inputs[roles[0]]
    columns = [examples.inputs[role] for role in roles]
    return [dict(zip(use.columns, cells, strict=True)) for cells in zip(*columns, strict=True)]


def roles_of(use: BaseUse, spec: TaskSpec) -> list[str]:
    """The roles of the columns a base works on."""
    role_of = {column: role for role, column in spec.inputs.items()}
    return [role_of[column] for column in use.columns]


def _marked(base: LoadedBase, values: Sequence[Any], marks: Sequence[Any], listener: Listener) -> Block:
    """The whole's features with those of each of its K marked stretches beside them (N, (1 + K) D or more)."""
    whole = base.features(values, None, listener)
    count = len(marks[0]) if len(marks) else 0
    if not count:
        return whole
    each = base.features(values, marks, listener)
    return _beside([whole, *(each[number::count] for number in range(count))])


def _compared(first: Block, second: Block) -> list[Block]:
    """Two inputs' features as how they agree and differ (N, 2D), and their cosine (N, 1)."""
    if sparse.issparse(first):
        product, apart = first.multiply(second).tocsr(), abs(first - second).tocsr()
        cosine = _cosine(np.asarray(product.sum(axis=1)).ravel(), first, second)
    else:
        product, apart = first * second, np.abs(first - second)
        cosine = _cosine(product.sum(axis=1), first, second)
    return [_beside([product, apart]), cosine[:, None]]


def _cosine(dot: Any, first: Block, second: Block) -> Any:
    norms = np.sqrt(_square_norms(first) * _square_norms(second))
    return (dot / np.maximum(norms, 1e-12)).astype(np.float32)


def _square_norms(block: Block) -> Any:
    if sparse.issparse(block):
        return np.asarray(block.multiply(block).sum(axis=1)).ravel()
    return (block**2).sum(axis=1)


def _beside(blocks: Sequence[Block]) -> Block:
    if sparse.issparse(blocks[0]):
        return sparse.hstack(blocks).tocsr().astype(np.float32)
    return np.concatenate(blocks, axis=1)
