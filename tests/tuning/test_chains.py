"""Tags read as a chain: probabilities are those of all paths, and what is learnt is what is served."""

from __future__ import annotations

from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.tiny import tiny_encoder
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.types import Recipe
from tuneworks.flows.fitting import fit
from tuneworks.flows.held_out import run
from tuneworks.neural.chains import ChainHead
from tuneworks.neural.losses import Truth
from tuneworks.statistics.chains import log_marginals, usual_transitions
from tuneworks.testing.samples import sample_data

LENGTHS = [4, 0, 2, 1]
TAGS = 3
RANDOM = np.random.default_rng(0)
SUMS = RANDOM.normal(size=(sum(LENGTHS), TAGS)).astype(np.float32)
TRANSITIONS = RANDOM.normal(size=(TAGS, TAGS)).astype(np.float32)


def paths(sums: np.ndarray) -> dict[tuple[int, ...], float]:
    """Every path through one example's units with its share."""
    weights = {
        path: np.exp(
            sum(sums[i, tag] for i, tag in enumerate(path)) + sum(TRANSITIONS[step] for step in pairwise(path))
        )
        for path in product(range(TAGS), repeat=len(sums))
    }
    total = sum(weights.values())
    return {path: float(weight / total) for path, weight in weights.items()}


def test_a_units_probabilities_add_up_those_of_all_paths_through_it() -> None:
    made = np.exp(log_marginals(SUMS, TRANSITIONS, LENGTHS))
    begin = 0
    for length in LENGTHS:
        shares = paths(SUMS[begin : begin + length])
        for unit in range(length):
            expected = [sum(share for path, share in shares.items() if path[unit] == tag) for tag in range(TAGS)]
            assert made[begin + unit] == pytest.approx(expected, abs=1e-5)
        begin += length


def test_the_loss_is_that_of_the_true_path_and_an_unknown_tag_may_be_any() -> None:
    head = ChainHead(5, TRANSITIONS)
    truth = Truth(torch.tensor([0, 1, 2, 2, 1, -1, 0]), LENGTHS)
    expected = -np.log(
        [
            paths(SUMS[:4])[0, 1, 2, 2],
            sum(share for path, share in paths(SUMS[4:6]).items() if path[0] == 1),
            paths(SUMS[6:])[(0,)],
        ]
    )
    assert head.loss(torch.from_numpy(SUMS), truth).item() == pytest.approx(expected.sum() / 6, rel=1e-4)


def test_steps_that_are_never_seen_begin_as_the_least_likely() -> None:
    made = usual_transitions(np.array([0, 1, 2, 0, 1, 2, 0, 0, 1, 2]), [6, 4], 3)
    assert made[1].argmax() == 2
    assert made[0, 2] == made.min() < -1


def test_what_is_learnt_as_a_chain_is_served_as_a_chain(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    data = sample_data("token-classification", 160)
    options = {"loss": "crf", "start_from_linear": True}
    recipe = Recipe(f"path:{tiny_encoder(tmp_path / 'tiny')}", "full", epochs=6, learning_rate=3e-3, options=options)
    made = fit(data, recipe, folder=tmp_path, cache=tmp_path)
    scores = run(made.open(data.spec), data.test, tmp_path)
    served = data.task.score(data.spec, scores, data.test).scores[data.spec.metric or ""].value
    assert all(score.sum(axis=1) == pytest.approx(1.0, abs=1e-4) for score in scores)
    assert served > 0.9


def test_a_chain_of_whole_texts_is_refused(tmp_path: Path) -> None:
    data = sample_data("text-classification", 60)
    recipe = Recipe(f"path:{tiny_encoder(tmp_path / 'tiny')}", "full", epochs=1, options={"loss": "crf"})
    with pytest.raises(InvalidConfig, match="crf"):
        fit(data, recipe, folder=tmp_path, cache=tmp_path)
