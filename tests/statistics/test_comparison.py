"""A comparison is paired, and fair to both sides."""

import numpy as np
import pytest
from scipy.stats import binom

from tuneworks.core.errors import InvalidConfig
from tuneworks.core.text import Text
from tuneworks.statistics.classification import class_tallies
from tuneworks.statistics.comparison import compare, mcnemar

NAME = Text("before tuning", "微调前")


def tallies(right, seed=0, rows=600):
    generator = np.random.default_rng(seed)
    truth = np.arange(rows) % 3
    answers = np.where(generator.random(rows) < right, truth, (truth + 1) % 3)
    return class_tallies(truth, np.eye(3)[answers] * 0.7 + 0.1)


def test_a_better_challenger_wins():
    comparison = compare(tallies(0.6), tallies(0.9), metric="macro_f1", name=NAME)
    assert comparison.won
    assert comparison.difference.value == pytest.approx(comparison.challenger.value - comparison.champion.value)
    assert comparison.probability_better == 1.0
    assert comparison.rows == 600


def test_exchanging_the_sides_turns_the_difference_round():
    one, other = tallies(0.7, 1), tallies(0.72, 2)
    forth = compare(one, other, metric="roc_auc", name=NAME)
    back = compare(other, one, metric="roc_auc", name=NAME)
    assert forth.difference.value == -back.difference.value
    assert (forth.difference.low, forth.difference.high) == pytest.approx((-back.difference.high, -back.difference.low))
    assert forth.probability_better == pytest.approx(1 - back.probability_better)


def test_equal_models_rarely_win():
    won = sum(
        compare(tallies(0.8, 2 * i), tallies(0.8, 2 * i + 1), metric="accuracy", name=NAME).won for i in range(100)
    )
    assert won <= 8


def test_a_metric_the_two_do_not_share_is_named():
    with pytest.raises(InvalidConfig) as caught:
        compare(tallies(0.6), tallies(0.9), metric="span_f1", name=NAME)
    assert "macro_f1" in caught.value.fix.en


def test_mcnemar_counts_only_the_rows_on_which_the_models_differ():
    champion = np.array([True] * 52 + [False] * 10)
    challenger = np.array([True] * 50 + [False] * 2 + [True] * 10)
    assert mcnemar(champion, challenger) == pytest.approx(2 * binom.cdf(2, 12, 0.5))
    assert mcnemar(champion, champion) == 1.0
