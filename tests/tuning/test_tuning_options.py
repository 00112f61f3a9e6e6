"""Settings of training reach the model that is served, and those that do not go together are refused by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.tiny import tiny_encoder
from tests.tuning.test_full_kinds import KINDS, tuned
from tuneworks.core.asking import Examples
from tuneworks.core.errors import InvalidConfig
from tuneworks.neural.options import TuningOptions

LOSSES = {
    "classes": ("focal", "generalised-cross-entropy", "symmetric-cross-entropy", "ordinal"),
    "multi_label": ("focal",),
}
REFUSED: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("number", {"loss": "focal"}, "square, quantile"),
    ("spans", {"loss": "ordinal"}, "cross-entropy"),
    ("classes", {"loss": "focal", "label_smoothing": 0.1}, "label_smoothing"),
    ("number", {"label_smoothing": 0.1}, "label_smoothing"),
    ("multi_label", {"balanced_batches": True}, "balanced_batches"),
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.set_num_threads(1)
    return f"path:{tiny_encoder(tmp_path_factory.mktemp('tiny'))}"


@pytest.mark.parametrize(("kind", "loss"), [(kind, loss) for kind, losses in LOSSES.items() for loss in losses])
def test_every_loss_learns_and_is_served_as_it_was_validated(
    kind: str, loss: str, address: str, tmp_path: Path
) -> None:
    made = tuned(KINDS[kind], address, tmp_path, epochs=4, patience=99, loss=loss)
    assert made.served(made.job.validation) == pytest.approx(made.validated, abs=1e-4)
    assert made.served(KINDS[kind].examples(120, np.random.default_rng(9))) > KINDS[kind].least - 0.1


def test_a_quantile_lies_above_its_share_of_the_targets(address: str, tmp_path: Path) -> None:
    asked = KINDS["number"]

    def scattered(count: int, random: np.random.Generator) -> Examples:
        made = asked.examples(count, random)
        return replace(made, targets=np.asarray(made.targets) + 2000 * random.normal(size=count))

    made = tuned(replace(asked, examples=scattered), address, tmp_path, epochs=6, loss="quantile", quantile=0.9)
    train = made.job.train
    below = np.mean(np.asarray(train.targets) <= made.model.head.scores(made.model, train))
    assert 0.75 < below < 0.99


@pytest.mark.parametrize(("kind", "options", "named"), REFUSED)
def test_what_does_not_go_together_is_refused(
    kind: str, options: dict[str, Any], named: str, address: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidConfig) as caught:
        tuned(KINDS[kind], address, tmp_path, epochs=1, **options)
    assert named in f"{caught.value.problem.en} {caught.value.fix.en}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gamma", -1.0),
        ("average", 1.0),
        ("accumulation", 0),
        ("optimiser", "adam"),
        ("schedule", "none"),
        ("loss", "mse"),
    ],
)
def test_values_out_of_range_are_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidConfig, match=name):
        replace(TuningOptions(), **{name: value})
