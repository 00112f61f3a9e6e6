"""Features as blocks: one array a base, dense (M, D) or sparse CSR, side by side without being copied together.

M counts examples, or units where the task scores units.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Block = Any  # NDArray[np.float32] (M, D) or scipy.sparse.csr_matrix (M, D)
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Scale:
    """How a block is centred and scaled so that its rows have a mean square norm of one.

    ``used``: the columns of a sparse block that any row uses, of ``width`` in all; the others teach nothing.
    """

    mean: Floats
    factor: Floats
    width: int
    used: NDArray[np.int64] | None = None

    def widened(self, rows: Any) -> Any:
        """Rows for the used columns as rows for all, those of unused ones zero."""
        if self.used is None:
            return rows
        wide = np.zeros((self.width, *rows.shape[1:]), rows.dtype)
        wide[self.used] = rows
        return wide


def scale_of(block: Block) -> Scale:
    """Standardise dense columns and share one unit of norm among them; sparse rows are only brought to that norm."""
    width = block.shape[1]
    if sparse.issparse(block):
        square_norm = float(block.multiply(block).sum()) / max(1, block.shape[0])
        used = np.unique(block.tocsr().indices).astype(np.int64)
        count = len(used)
        factor = np.full(count, 1.0 / np.sqrt(square_norm) if square_norm > 0 else 1.0, dtype=np.float32)
        return Scale(np.zeros(count, dtype=np.float32), factor, width, used if count < width else None)
    deviation = block.std(axis=0, dtype=np.float64)
    deviation[deviation < 1e-8] = np.inf
    factor = (1.0 / (deviation * np.sqrt(width))).astype(np.float32)
    return Scale(block.mean(axis=0, dtype=np.float64).astype(np.float32), factor, width)


def scaled(block: Block, scale: Scale) -> Block:
    """The block on its scale."""
    if sparse.issparse(block):
        held = block if scale.used is None else block[:, scale.used]
        return held.multiply(scale.factor[None, :]).tocsr().astype(np.float32)
    return (block - scale.mean) * scale.factor


def stack(first: Sequence[Block], second: Sequence[Block]) -> list[Block]:
    """The rows of two block lists under each other."""
    return [
        sparse.vstack([a, b]).tocsr() if sparse.issparse(a) else np.concatenate([a, b])
        for a, b in zip(first, second, strict=True)
    ]


def beside(blocks: Sequence[Block]) -> Block:
    """All blocks side by side, sparse where one of them is."""
    if any(sparse.issparse(block) for block in blocks):
        return sparse.hstack(blocks).tocsr()
    return np.concatenate(blocks, axis=1)


def plain(block: Block) -> Any:
    """A block as a dense array."""
    return block.toarray() if sparse.issparse(block) else block


def take(blocks: Sequence[Block], chosen: Any) -> list[Block]:
    """The chosen rows of every block."""
    return [block[chosen] for block in blocks]


def dense(blocks: Sequence[Block], width: int = 512) -> Floats:
    """All blocks as one dense array; sparse ones through a fixed random projection to ``width`` columns.

    The projection keeps distances (Johnson-Lindenstrauss); its seed is fixed, so that windows can be compared.
    """
    arrays = []
    for block in blocks:
        if sparse.issparse(block):
            signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(block.shape[1], width)).astype(np.float32)
            arrays.append(np.asarray(block @ signs) / np.float32(np.sqrt(width)))
        else:
            arrays.append(block)
    return np.concatenate(arrays, axis=1)


def split_units(array: Any, lengths: Sequence[int]) -> list[Any]:
    """Rows of units (sum of L, ...) as one array an example."""
    return np.split(array, np.cumsum(lengths)[:-1]) if len(lengths) else []
