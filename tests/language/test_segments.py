"""Units: where the words, characters and marks of a text lie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworks.language.normalise import content_key, normalise
from tuneworks.language.segments import is_chinese, units


@given(st.text())
def test_units_cover_every_character_but_white_space_once_and_in_order(text: str) -> None:
    covered = [position for start, end in units(text) for position in range(start, end)]
    assert covered == [position for position, character in enumerate(text) if not character.isspace()]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I can't log-in!", ["I", "can", "'", "t", "log", "-", "in", "!"]),
        ("iPhone15很好用", ["iPhone15", "很", "好", "用"]),
        ("房间，不错。", ["房", "间", "，", "不", "错", "。"]),
        ("a_b  c", ["a", "_", "b", "c"]),
        ("𠮷野家 ok", ["𠮷", "野", "家", "ok"]),
        ("", []),
    ],
)
def test_units_are_words_single_characters_and_marks(text: str, words: list[str]) -> None:
    assert [text[start:end] for start, end in units(text)] == words


@pytest.mark.parametrize(
    ("texts", "chinese"),
    [
        (["房间很大"], True),
        (["The room is big"], False),
        (["用 iPhone 15 拍照"], True),
        (["12 34"], False),
        ([], False),
    ],
)
def test_chinese_is_told_from_english(texts: list[str], chinese: bool) -> None:
    assert is_chinese(texts) is chinese


@given(st.text(), st.text())
def test_two_values_are_never_taken_for_one(first: str, second: str) -> None:
    assert content_key([first + second]) != content_key([first, second])


@given(st.text())
def test_the_compared_form_of_ascii_is_final(text: str) -> None:
    ascii_text = text.encode("ascii", "ignore").decode()
    assert normalise(normalise(ascii_text)) == normalise(ascii_text)
