"""Train the whole encoder with its head: dearest, strongest where there are many rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tuneworks.neural.encoder import Encoder
from tuneworks.neural.gradient_method import GradientMethod
from tuneworks.neural.options import TuningOptions
from tuneworks.neural.tuning import Adapted
from tuneworks.neural.whole import let_embeddings_learn, whole_files


@dataclass(frozen=True)
class Options(TuningOptions):
    """Settings of ``full``: those of ``TuningOptions``, and whether word embeddings learn.

    ``train_embeddings``: by default where the vocabulary is below 100,000.
    """

    train_embeddings: bool | None = None


class Full(GradientMethod):
    """AdamW with warm-up and decay on batches of like length; keeps the weights that validate best."""

    Options = Options
    needs_network = True
    rung = 5

    def adapt(self, encoder: Encoder, options: Any) -> Adapted:
        let_embeddings_learn(encoder, options.train_embeddings)
        return Adapted(lambda: whole_files(encoder))
