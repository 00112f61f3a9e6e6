"""Tags: every scheme gives the same spans, and a tag that continues nothing begins."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworks.language.tags import is_by_character, join, spans_from_tags

TOKENS = ["Peter", "Blackburn", "Anna", "left", "Bonn"]
EXPECTED = [("Peter Blackburn", "PER"), ("Anna", "PER"), ("Bonn", "LOC")]


@pytest.mark.parametrize(
    ("tags", "repaired"),
    [
        (["B-PER", "I-PER", "B-PER", "O", "B-LOC"], 0),
        (["I-PER", "I-PER", "B-PER", "O", "I-LOC"], 2),
        (["B-PER", "E-PER", "S-PER", "O", "S-LOC"], 0),
        (["B-PER", "L-PER", "U-PER", "O", "U-LOC"], 0),
        (["B-PER", "E-PER", "E-PER", "O", "E-LOC"], 2),
    ],
)
def test_every_scheme_gives_the_same_spans(tags: list[str], repaired: int) -> None:
    tagged = spans_from_tags(TOKENS, tags)
    assert [(tagged.text[span["start"] : span["end"]], span["label"]) for span in tagged.spans] == EXPECTED
    assert tagged.repaired == repaired


def test_another_label_begins_another_span() -> None:
    tagged = spans_from_tags(["New", "York", "Times"], ["B-LOC", "I-LOC", "I-ORG"])
    assert [(span["label"], span["end"]) for span in tagged.spans] == [("LOC", 8), ("ORG", 14)]
    assert tagged.repaired == 1


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        (["New", "York"], "New York"),
        (["我们", "去", "北京"], "我们去北京"),
        (["我", "用", "iPhone", "15", "。"], "我用iPhone 15。"),
        (["1", "9", "9", "8", "年", "生", "人"], "1998年生人"),
    ],
)
def test_words_are_joined_by_a_space_and_chinese_by_nothing(tokens: list[str], text: str) -> None:
    assert spans_from_tags(tokens, ["O"] * len(tokens)).text == text


def test_a_file_of_single_characters_is_recognised_as_a_whole() -> None:
    rows = [["1", "9", "9", "8"], ["高", "勇", "，", "男", "中", "国", "国", "籍"]]
    assert is_by_character(rows)
    assert not is_by_character([["I", "am", "a", "b"]])
    assert join(rows[0], by_character=True)[0] == "1998"


@given(
    st.lists(st.tuples(st.text("ab中国1", min_size=1, max_size=4), st.sampled_from(["O", "B-X", "I-X", "S-Y", "E-X"])))
)
def test_offsets_give_back_the_tokens(pairs: list[tuple[str, str]]) -> None:
    tokens = [token for token, _ in pairs]
    text, offsets = join(tokens)
    assert [text[start:end] for start, end in offsets] == tokens
    spans = spans_from_tags(tokens, [tag for _, tag in pairs], False).spans
    starts, ends = {start for start, _ in offsets}, {end for _, end in offsets}
    assert all(span["start"] in starts and span["end"] in ends for span in spans)
    assert all(left["end"] <= right["start"] for left, right in pairwise(spans))


def test_what_is_no_tag_is_named() -> None:
    with pytest.raises(ValueError, match="PER"):
        spans_from_tags(["a"], ["PER"])
