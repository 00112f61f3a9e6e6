"""A shift is seen when there is one, and seldom when there is none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.spatial.distance import jensenshannon
from scipy.stats import energy_distance as one_dimensional

from tuneworks.statistics.shift import energy_distance, jensen_shannon, population_stability_index

counts = st.lists(st.integers(0, 50), min_size=4, max_size=4).filter(sum)


@given(counts, counts)
def test_distances_of_counts_are_symmetric_and_zero_for_equal_shares(one, other):
    assert population_stability_index(one, other) == pytest.approx(population_stability_index(other, one))
    assert population_stability_index(one, one) == 0
    assert jensen_shannon(one, other) == pytest.approx(jensenshannon(one, other, base=2), abs=1e-7)
    assert 0 <= jensen_shannon(one, other) <= 1 + 1e-12


def test_a_small_and_a_large_shift_lie_on_either_side_of_the_usual_limits():
    assert population_stability_index([500, 500], [480, 520]) < 0.1
    assert population_stability_index([500, 500], [200, 800]) > 0.25


def test_false_alarms_are_as_rare_as_promised():
    generator = np.random.default_rng(0)
    alarms = sum(
        energy_distance(
            generator.normal(size=(30, 4)), generator.normal(size=(30, 4)), permutations=399, seed=i
        ).p_value
        <= 0.01
        for i in range(200)
    )
    assert alarms <= 7


def test_a_shift_of_the_mean_is_seen():
    generator = np.random.default_rng(1)
    reference, current = generator.normal(size=(600, 8)), generator.normal(size=(600, 8)) + 0.5
    assert energy_distance(reference, current).p_value == pytest.approx(1 / 1000)


def test_a_sample_has_not_moved_from_itself():
    sample = np.random.default_rng(2).normal(size=(50, 3))
    shift = energy_distance(sample, sample)
    assert shift.distance == pytest.approx(0, abs=1e-6)
    assert shift.p_value > 0.5


def test_sparse_and_dense_features_give_the_same():
    generator = np.random.default_rng(3)
    reference = generator.random((60, 20)) * (generator.random((60, 20)) < 0.2)
    current = generator.random((40, 20)) * (generator.random((40, 20)) < 0.3)
    dense, sparse = energy_distance(reference, current), energy_distance(csr_array(reference), csr_array(current))
    assert sparse.distance == pytest.approx(dense.distance)
    assert sparse.p_value == dense.p_value


@given(st.integers(0, 200))
def test_in_one_dimension_it_is_the_known_energy_distance(seed):
    generator = np.random.default_rng(seed)
    one, other = generator.normal(size=15), generator.normal(size=12) + seed / 100
    expected = one_dimensional(one, other) ** 2
    assert energy_distance(one[:, None], other[:, None], permutations=9).distance == pytest.approx(expected, rel=1e-4)
