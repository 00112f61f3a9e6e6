"""ROUGE and chrF give the figures their reference programs give, in English and Chinese."""

from __future__ import annotations

import numpy as np
import pytest

from tuneworks.core.answers import TextAnswer
from tuneworks.core.types import TaskSpec
from tuneworks.statistics.generation import chrf, probability_of, rouge_l, rouge_n, text_of, text_tallies
from tuneworks.statistics.intervals import value
from tuneworks.statistics.shapes.shape import shape_of
from tuneworks.statistics.shapes.text import certain

TRUTH, ANSWER = "The quick brown fox jumps over the lazy dog", "The quick brown dog jumps on the log."


def test_rouge_is_what_the_reference_program_says() -> None:
    assert rouge_n(ANSWER, TRUTH, 1) == pytest.approx(0.7059, abs=1e-4)
    assert rouge_l(ANSWER, TRUTH) == pytest.approx(0.5882, abs=1e-4)


def test_chinese_counts_characters() -> None:
    assert rouge_n("今天天气很好", "今天的天气真好", 1) == pytest.approx(2 * 5 / 13)
    assert rouge_l("今天天气很好", "今天的天气真好") == pytest.approx(2 * 5 / 13)
    assert rouge_n("我用iPhone拍照", "我用iphone拍照", 2) == 1.0


def test_chrf_is_what_the_reference_program_says() -> None:
    answers = [f"{ANSWER}", "it rains", "今天天气很好", "a"]
    truths = [f"{TRUTH}.", "it is raining today", "今天的天气真好", "completely other"]
    assert chrf(answers[0], truths[0]) == pytest.approx(0.5272995616, abs=1e-9)
    assert chrf(answers[1], truths[1]) == pytest.approx(0.1750366438, abs=1e-9)
    assert chrf(answers[2], truths[2]) == pytest.approx(0.1800247700, abs=1e-9)
    assert value(text_tallies(answers, truths)["chrf"]) == pytest.approx(0.3416872792, abs=1e-6)


def test_texts_without_a_token_are_right_only_where_they_are_alike() -> None:
    assert rouge_n("...", "...", 1) == 1.0
    assert rouge_n("word", "...", 1) == 0.0
    assert rouge_n("", "word", 2) == 0.0
    assert chrf("", "") == 0.0


def test_a_text_comes_back_from_its_scores() -> None:
    scores = certain("好 👍🏽 ok", -0.5)
    assert text_of(scores) == "好 👍🏽 ok"
    assert probability_of(scores) == pytest.approx(np.exp(-0.5))
    assert (text_of(certain("")), probability_of(certain(""))) == ("", 0.0)


def test_one_changed_character_breaks_the_seal_and_a_rounding_does_not() -> None:
    shape, then = shape_of("text"), certain("天气很好", -0.5)
    assert shape.apart(then, certain("天气很妤", -0.5)) == float("inf")
    assert shape.apart(then, certain("天气很", -0.5)) == float("inf")
    assert shape.apart(then.tolist(), certain("天气很好", -0.50001)) < 1e-3
    assert shape.apart([], certain("")) == 0.0


def test_the_error_of_a_text_is_its_distance_from_the_true_one() -> None:
    shape = shape_of("text")
    assert shape.error(TextAnswer("good  morning", 0.5), "good morning") == 0.0
    assert 0 < shape.error(TextAnswer("good evening", 0.5), "good morning") < 1
    assert shape.truth("fine", {}, TaskSpec()) == "fine"
