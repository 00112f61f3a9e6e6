"""Tables and wrapped lines stand straight in a terminal, Chinese included."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tuneworks.core.tables import display_width, format_table, pad, wrap

WORDS = st.lists(st.text("abc微调模型，。", min_size=1, max_size=9), min_size=1, max_size=30).map(" ".join)


def test_chinese_takes_two_columns() -> None:
    assert display_width("a微调") == 5
    assert pad("微调", 6) == "微调  "
    assert pad("微调", 6, right=True) == "  微调"


@given(WORDS)
def test_wrapping_loses_nothing(text: str) -> None:
    assert "".join(wrap(text, 20)).replace(" ", "") == text.replace(" ", "")


@given(WORDS)
def test_a_wrapped_line_fits_or_could_not_be_broken(text: str) -> None:
    most_that_stays_together = 2 * 9
    assert all(display_width(line) <= 20 + most_that_stays_together for line in wrap(text, 20))


def test_no_line_begins_with_a_comma() -> None:
    lines = wrap("微调预训练模型，" * 12, 20)
    assert not any(line.startswith("，") for line in lines)


def test_columns_of_a_table_are_aligned() -> None:
    lines = format_table(["name", "行数"], [["tickets", 1200], ["评论", 3]]).splitlines()
    assert {display_width(line) for line in lines[1:]} == {14}
    assert lines[2].endswith("1,200")


def test_an_empty_table_is_its_titles() -> None:
    assert format_table(["a", "b"], []) == "a  b\n-  -"
