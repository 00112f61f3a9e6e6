"""Tables line up in a terminal, in Chinese too, and obey no control characters."""

from hypothesis import given
from hypothesis import strategies as st

from tests.reports.examples import example
from tuneworks.core.evaluation import Table
from tuneworks.core.text import Text, language, plain
from tuneworks.core.types import Score
from tuneworks.reports.text import format_score, format_table, format_value, width

TITLE = Text("Report", "报告")


def table_of(*cells):
    return Table("t", TITLE, (plain("类别"), plain("F1")), tuple(cells))


@given(st.lists(st.tuples(st.text(max_size=80), st.floats(0, 1)), min_size=1, max_size=6))
def test_numbers_line_up_whatever_the_labels(cells):
    lines = format_table(table_of(*cells)).splitlines()[2:]
    assert len(lines) == len(cells) + 2
    assert len({width(line) for line in lines}) == 1


def test_chinese_counts_two_columns():
    lines = format_table(table_of(("查询", 0.5), ("ab", 0.25))).splitlines()
    assert lines[4:] == ["查询  0.500", "ab    0.250"]


def test_control_characters_do_not_reach_the_terminal():
    assert "\x1b" not in format_table(table_of(("\x1b[31mred\x1b[0m", 1.0)))


def test_long_cells_are_cut():
    lines = format_table(table_of(("长" * 100, 1.0), ("x", 0.0))).splitlines()
    assert max(width(line) for line in lines) <= 60 + 2 + 5
    assert "…" in lines[4]


def test_titles_and_averages_follow_the_language():
    _, evaluation, _ = example()
    for code, words in (("en", ("precision", "macro avg")), ("zh", ("精确率", "宏平均"))):
        with language(code):
            shown = format_table(evaluation.tables[0])
        assert all(word in shown for word in words)


def test_values_read_as_people_write_them():
    assert format_value(1234567) == "1,234,567"
    assert format_value(0.00012) == "0.00012"
    assert format_value([{"start": 0, "end": 2, "label": "PER", "text": "张三"}]) == "张三 [PER]"
    assert format_value([]) == "—"
    assert format_value(float("nan")) == "—"
    assert format_score(Score(0.1, -0.05, 0.2)) == "0.100 (-0.050 … 0.200)"
