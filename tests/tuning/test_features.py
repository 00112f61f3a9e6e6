"""Blocks of features side by side and under each other, and one array an example again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from tuneworks.core.asking import Examples
from tuneworks.core.types import Output
from tuneworks.statistics import features, score_arrays
from tuneworks.statistics.shapes.shape import shape_of

RANDOM = np.random.default_rng(0)
DENSE = RANDOM.normal(0, 1, (8, 3)).astype(np.float32)
SPARSE = sparse.csr_matrix(RANDOM.poisson(0.5, (8, 5)).astype(np.float32))


def test_rows_are_stacked_and_taken_block_by_block() -> None:
    stacked = features.stack([DENSE, SPARSE], [DENSE[:2], SPARSE[:2]])
    assert [block.shape for block in stacked] == [(10, 3), (10, 5)]
    last = features.take(stacked, np.array([9, 0]))
    assert (last[0] == DENSE[[1, 0]]).all()
    assert (last[1].toarray() == SPARSE[[1, 0]].toarray()).all()


def test_a_dense_view_keeps_distances_and_is_the_same_every_time() -> None:
    wide = sparse.random(60, 5000, density=0.02, format="csr", dtype=np.float32, random_state=1)
    made = features.dense([DENSE[:1].repeat(60, axis=0), wide])
    assert made.shape == (60, 3 + 512)
    assert (made == features.dense([DENSE[:1].repeat(60, axis=0), wide])).all()
    true = np.linalg.norm(wide[0].toarray() - wide.toarray()[1:], axis=1)
    seen = np.linalg.norm(made[0] - made[1:], axis=1)
    assert np.abs(seen / true - 1).max() < 0.25


@given(st.lists(st.integers(0, 4), max_size=6))
def test_units_are_split_by_example(lengths: list[int]) -> None:
    rows = np.arange(sum(lengths) * 2).reshape(-1, 2)
    made = features.split_units(rows, lengths)
    assert [len(part) for part in made] == lengths
    assert not lengths or (np.concatenate(made) == rows).all()


@given(st.lists(st.integers(0, 4), min_size=1, max_size=6))
def test_ragged_scores_come_back_from_their_bytes(lengths: list[int]) -> None:
    scores = [RANDOM.random((length, 3)).astype(np.float32) for length in lengths]
    back = score_arrays.unpack(score_arrays.pack(scores))
    assert isinstance(back, list)
    assert [part.shape for part in back] == [part.shape for part in scores]
    assert all((a == b).all() for a, b in zip(back, scores, strict=True))


@pytest.mark.parametrize("scores", [DENSE, DENSE.astype(np.float64), DENSE.T, DENSE[::2]])
def test_even_scores_come_back_from_their_bytes(scores: np.ndarray) -> None:
    back = score_arrays.unpack(score_arrays.pack(scores))
    assert back.dtype == scores.dtype
    assert (back == scores).all()


def test_parts_are_joined_in_order() -> None:
    assert (score_arrays.join([DENSE[:3], DENSE[3:]]) == DENSE).all()
    assert [len(part) for part in score_arrays.join([[DENSE[:1], DENSE[:2]], [DENSE[:3]]])] == [1, 2, 3]


def test_the_prior_is_the_share_of_each_class() -> None:
    labelled = Examples({}, [{}] * 4, np.array([0, 0, 1, -1]))
    made = shape_of("classes").prior(Output("classes", 3), labelled, labelled.take([0, 1]))
    assert np.allclose(made, [[2 / 3, 1 / 3, 0]] * 2)
    tagged = Examples({}, [{}] * 2, [np.array([0]), np.array([1, 0, 0])], [[(0, 1), (2, 3)], []])
    ragged = shape_of("token_classes").prior(Output("token_classes", 2), tagged, tagged)
    assert np.allclose(ragged[0], [[0.75, 0.25]] * 2)
    assert ragged[1].shape == (0, 2)
