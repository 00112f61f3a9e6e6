"""The training rows that the model sees as most alike: by the cosine of the features its head reads."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tuneworks.core.explaining import Attribution, Explainer, Neighbour, Question
from tuneworks.core.text import Text
from tuneworks.statistics.features import Block
from tuneworks.statistics.views import pooled_of

SHOWN = 5


class Nearest(Explainer):
    """For every model whose training rows are still there; the features of all of them are made once and kept."""

    by_rows = True
    reason = Text(
        "these are the rows that the model learnt from and sees as most like this one",
        "这些是模型学习过的、在其看来与此行最相似的数据行",
    )

    def cost(self, question: Question) -> float | None:
        return float(question.known_rows) if question.known_rows else None

    def explain(self, question: Question) -> list[Attribution]:
        known, model = question.known(), question.model
        asked = pooled_of(model.bases, model.spec, model.output, question.examples)
        cosines = np.mean([_cosines(a, b) for a, b in zip(asked, known.blocks, strict=True)], axis=0)
        made = []
        for row in cosines:
            order = np.argsort(-row, kind="stable")[:SHOWN].tolist()
            neighbours = [
                Neighbour(
                    known.numbers[place],
                    float(row[place]),
                    _inputs(known.examples.rows[place], question),
                    question.task.truth(model.spec, known.examples.rows[place]),
                )
                for place in order
            ]
            made.append(Attribution(Text("similarity", "相似度"), neighbours=tuple(neighbours)))
        return made


def _inputs(row: Any, question: Question) -> dict[str, Any]:
    """The columns of a row that the model reads."""
    return {column: row.get(column) for column in question.model.spec.inputs.values()}


def _cosines(asked: Block, known: Block) -> NDArray[np.float64]:
    """The cosine of every row asked about and every known one (N, M)."""
    dots = asked @ known.T
    product = dots.toarray() if sparse.issparse(dots) else np.asarray(dots)
    norms = np.outer(_norms(asked), _norms(known))
    made: NDArray[np.float64] = np.asarray(product, dtype=np.float64) / np.maximum(norms, 1e-12)
    return made


def _norms(block: Block) -> NDArray[np.float64]:
    squares = (
        block.multiply(block).sum(axis=1) if sparse.issparse(block) else (block.astype(np.float64) ** 2).sum(axis=1)
    )
    return np.sqrt(np.asarray(squares, dtype=np.float64).ravel())
