"""Mentions stand where marks or wording say, and what is between them knows who came first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworks.language.mentions import NOWHERE, by_marks, by_wording

WORDS = st.text(alphabet="ab 中<>", min_size=1, max_size=6)


@given(WORDS, WORDS, st.lists(WORDS, min_size=3, max_size=3), st.booleans())
def test_marks_are_taken_out_and_offsets_are_those_of_the_text_left(
    head: str, tail: str, around: list[str], head_first: bool
) -> None:
    parts = [f"<e1>{head}</e1>", f"<e2>{tail}</e2>"]
    first, second = parts if head_first else parts[::-1]
    found = by_marks(f"{around[0]}{first}{around[1]}{second}{around[2]}")
    assert found is not None
    first_word, second_word = (head, tail) if head_first else (tail, head)
    assert found.text == f"{around[0]}{first_word}{around[1]}{second_word}{around[2]}"
    assert (found.text[slice(*found.head)], found.text[slice(*found.tail)]) == (head, tail)
    forward, backward = found.stretches[2:]
    assert found.text[slice(*(forward if head_first else backward))] == around[1]
    assert (backward if head_first else forward) == NOWHERE


@pytest.mark.parametrize(
    "text",
    [
        "none at all",
        "<e1>one</e1> only",
        "<e1>a</e1> <e1>b</e1> <e2>c</e2>",
        "<e1></e1> and <e2>b</e2>",
        "</e1>a<e1> <e2>b</e2>",
    ],
)
def test_marks_that_do_not_name_two_stretches_are_none(text: str) -> None:
    assert by_marks(text) is None


@pytest.mark.parametrize(
    ("text", "head", "tail", "stands"),
    [
        ("甲方收购乙方", "甲方", "乙方", ((0, 2), (4, 6))),
        ("中国平安与平安银行", "平安", "中国平安", ((5, 7), (0, 4))),
        ("海通证券跟踪海通证券", "海通证券", "海通证券", ((0, 4), (6, 10))),
        ("只有马士基集团", "马士基", "马士基集团", ((2, 5), (2, 7))),
        ("aaa", "a", "a", ((0, 1), (1, 2))),
    ],
)
def test_the_longer_wording_is_found_first_and_the_other_beside_it(
    text: str, head: str, tail: str, stands: tuple[tuple[int, int], tuple[int, int]]
) -> None:
    found = by_wording(text, head, tail)
    assert found is not None
    assert (found.head, found.tail) == stands


@pytest.mark.parametrize(("head", "tail"), [("y", "text"), ("text", "y"), ("", "text"), ("text", "")])
def test_wording_that_is_not_there_is_none(head: str, tail: str) -> None:
    assert by_wording("a text", head, tail) is None


def test_nothing_stands_between_neighbours() -> None:
    found = by_wording("甲乙", "乙", "甲")
    assert found is not None
    assert found.stretches == ((1, 2), (0, 1), NOWHERE, NOWHERE)
