"""Columns: kinds are seen in the data, values become canonical, the user has the last word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworks.core.errors import InvalidConfig, InvalidInput
from tuneworks.core.types import COLUMN_KINDS, Column
from tuneworks.statistics.columns import infer, typed

SENTENCES = [f"this is sentence number {i} of them all" for i in range(30)]
SPAN = {"start": 0, "end": 4, "label": "PER"}


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("a", SENTENCES, "text"),
        ("a", ["房间很大很干净，服务也好", "早餐太差", "不会再来了", "位置很方便"], "text"),
        ("text", ["good", "bad", "good", "bad"], "text"),
        ("a", ["card_arrival", "lost card", "lost card", "card_arrival"], "category"),
        ("a", ["体育", "财经", "体育", "财经", "体育"], "category"),
        ("标签", ["好评", "差评"], "category"),
        ("label", ["0", "1"], "category"),
        ("a", ["0", "1", "1", "0"], "category"),
        ("a", [0, 1, 1, 0], "category"),
        ("a", [1.0, 0.0, 1.0, None, 1.0], "category"),
        ("a", [True, False], "category"),
        ("a", ["1.5", "2.25", "3"], "number"),
        ("a", ["1,234.5", "12", "7"], "number"),
        ("a", ["１２３", "４５", "６.５"], "number"),
        ("a", ["1.234,5", "12,25", "7"], "number"),
        ("a", [str(i) for i in range(100)], "number"),
        ("a", ["3.5", "NaN", "", "n/a", "4"], "number"),
        ("a", ["007", "008", "021"], "category"),
        ("a", ["M14860", "L47181", "L47182"], "category"),
        ("a", ["2024-03-05", "2024/3/6", "2024年3月7日"], "time"),
        ("a", ["2024-03-05 08:30", "2024-03-06T09:00:01.5Z"], "time"),
        ("a", ["2024-02-31", "yesterday evening", "2024-03-05"], "text"),
        ("a", [[SPAN], [], None], "spans"),
        ("a", [["cards", "loans"], [], None], "labels"),
        ("a", [[], []], "spans"),
        ("a", [[{"role": "user", "content": "hi"}]], "messages"),
        ("a", [None, "", "NaN"], "category"),
    ],
)
def test_a_columns_kind_is_seen_in_its_values(name: str, values: list, kind: str) -> None:
    assert infer(name, values) == kind


@pytest.mark.parametrize(
    ("kind", "values", "canonical"),
    [
        (
            "number",
            ["1,234.5", " 7 ", "-3", "１２３", "", "NaN", "n/a", 2.5],
            [1234.5, 7, -3, 123, None, None, None, 2.5],
        ),
        ("number", ["1.234,5", "12,25", "7"], [1234.5, 12.25, 7]),
        ("category", ["1.0", "0.0", "", "NaN"], ["1", "0", None, None]),
        ("category", [1, 0.0, True, " a "], ["1", "0", "true", "a"]),
        ("category", ["1.0", "v2.0"], ["1.0", "v2.0"]),
        ("text", ["", "NaN", 3, None, " keep "], [None, "NaN", "3", None, " keep "]),
        ("text", [{"a": "好"}], ['{"a": "好"}']),
        (
            "time",
            ["2024/3/5", "2024年3月5日", "2024-03-05 08:30:00+08:00"],
            ["2024-03-05", "2024-03-05", "2024-03-05T00:30:00"],
        ),
        ("spans", [[{"start": 0, "end": 4, "type": "PER", "text": "Anna"}], [], None], [[SPAN], [], None]),
        ("spans", ['[{"start": 0, "end": 4, "label": "PER"}]'], [[SPAN]]),
    ],
)
def test_values_become_canonical(kind: str, values: list, canonical: list) -> None:
    _, rows = typed([{"x": value} for value in values], {"x": kind})
    assert [row["x"] for row in rows] == canonical
    assert [type(row["x"]) for row in rows] == [type(value) for value in canonical]


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("number", ["3", "twelve"]),
        ("time", ["2024-03-05", "2024-13-01"]),
        ("spans", [[SPAN], [{"start": 4, "end": 4, "label": "PER"}]]),
        ("spans", [[SPAN], [{"start": "0", "end": 4, "label": "PER"}]]),
        ("spans", [[SPAN], "no list"]),
        ("category", ["a", ["b", "c"]]),
        ("labels", [["a"], [["b"]]]),
        ("labels", ["a; b", '["a"']),
        ("messages", [[{"role": "user"}], ["hi"]]),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_its_row(kind: str, values: list) -> None:
    with pytest.raises(InvalidInput) as caught:
        typed([{"x": value} for value in values], {"x": kind})
    for text in (caught.value.problem.en, caught.value.problem.zh):
        assert "2" in text
        assert "'x'" in text
        assert repr(values[1])[:20] in text


@pytest.mark.parametrize("values", [["a", 2], [["a"], "b"], [{"start": 1}]])
def test_lists_that_are_neither_spans_nor_labels_are_refused_not_lost(values: list) -> None:
    with pytest.raises(InvalidInput, match="Row 1"):
        typed([{"x": values}])


@pytest.mark.parametrize(
    ("written", "labels"),
    [
        (["loans; cards", "fees, all", ""], [["cards", "loans"], ["fees, all"], None]),
        (["贷款、信用卡", "手续费"], [["信用卡", "贷款"], ["手续费"]]),
        (["loans|cards|loans", "[]"], [["cards", "loans"], []]),
        (["贷款，信用卡", "贷款,手续费"], [["信用卡", "贷款"], ["手续费", "贷款"]]),
        (["loans；cards；"], [["cards", "loans"]]),
        (['["fees; all", "cards"]', "loans"], [["cards", "fees; all"], ["loans"]]),
        ([["b", " a ", "b"], [], None, [1.0, True]], [["a", "b"], [], None, ["1", "true"]]),
    ],
)
def test_several_labels_in_a_cell_are_a_list_of_each_once(written: list, labels: list) -> None:
    columns, rows = typed([{"x": value} for value in written], {"x": "labels"})
    assert columns == (Column("x", "labels"),)
    assert [row["x"] for row in rows] == labels
    assert typed(rows, {"x": "labels"})[1] == rows


def test_an_unknown_column_or_kind_names_the_nearest() -> None:
    with pytest.raises(InvalidConfig) as column:
        typed([{"label": "a"}], {"lable": "category"})
    assert "label" in column.value.fix.en
    with pytest.raises(InvalidConfig) as kind:
        typed([{"label": "a"}], {"label": "categry"})
    assert "category" in kind.value.fix.en


def test_rows_with_different_columns_share_all_of_them() -> None:
    columns, rows = typed([{"text": "one thing"}, {"label": "b", "text": "another thing"}])
    assert columns == (Column("text", "text"), Column("label", "category"))
    assert rows == [{"text": "one thing", "label": None}, {"text": "another thing", "label": "b"}]


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_infinity=False), st.text(), st.just([SPAN]), st.just([])
)


@given(st.lists(st.fixed_dictionaries({"a": VALUES, "b": st.text()}), max_size=20))
def test_kinds_are_the_same_every_time_and_canonical_values_stay_as_they_are(rows: list[dict]) -> None:
    try:
        columns, canonical = typed(rows)
    except InvalidInput:
        return
    assert typed(rows) == (columns, canonical)
    assert {column.kind for column in columns} <= set(COLUMN_KINDS)
    assert typed(canonical, {column.name: column.kind for column in columns}) == (columns, canonical)
