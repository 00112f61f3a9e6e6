"""Splits: a row's side is decided by what it says, and never changes."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuneworks.core.errors import InvalidConfig, UnsuitableData
from tuneworks.core.types import Column, TaskSpec
from tuneworks.language.normalise import content_key
from tuneworks.statistics.splits import NAMES, assign, own_column, parse

CONTENT = TaskSpec(inputs={"text": "text"}, target="label", split="content")
ROWS = st.lists(
    st.fixed_dictionaries({"text": st.text(max_size=12), "label": st.sampled_from(["a", "b", None])}), max_size=40
)


def by(split: str) -> TaskSpec:
    return TaskSpec(inputs={"text": "text"}, target="label", split=split)


def numbered(count: int) -> list[dict]:
    return [{"text": f"row number {i}", "label": "a", "group": i % 500, "day": i // 7} for i in range(count)]


@given(ROWS, ROWS, st.randoms())
def test_a_row_never_changes_sides(rows: list[dict], more: list[dict], chance) -> None:
    before = assign(rows, CONTENT)
    mixed = [*enumerate(rows), *((None, row) for row in more)]
    chance.shuffle(mixed)
    after = assign([row for _, row in mixed], CONTENT)
    sides = {i: side for (i, _), side in zip(mixed, after, strict=True) if i is not None}
    assert [sides[i] for i in range(len(rows))] == before


@given(st.text(max_size=20), st.sampled_from("ab"), st.sampled_from("ab"))
def test_equal_content_is_on_one_side_whatever_the_label(text: str, first: str, second: str) -> None:
    loud = f"  {text.upper().lower()} \n"
    rows = [{"text": text.lower(), "label": first}, {"text": loud, "label": second}]
    if content_key([rows[0]["text"]]) == content_key([rows[1]["text"]]):
        assert len(set(assign(rows, CONTENT))) == 1


@given(st.text(alphabet="aA b　Ｂ中\t\n", max_size=20))
def test_case_width_and_spaces_do_not_move_a_row(text: str) -> None:
    wide = text.replace("A", "Ａ").replace(" ", " \n ").replace("a", "A")
    rows = [{"text": text, "label": "a"}, {"text": wide, "label": "a"}]
    assert len(set(assign(rows, CONTENT))) == 1


@pytest.mark.parametrize("split", ["content", "group(text)"])
def test_shares_are_near_80_10_10(split: str) -> None:
    counts = Counter(assign(numbered(20_000), by(split)))
    assert counts["train"] == pytest.approx(16_000, abs=300)
    assert counts["validation"] == pytest.approx(2_000, abs=200)
    assert counts["test"] == pytest.approx(2_000, abs=200)


def test_a_known_row_is_where_it_was_in_every_earlier_release() -> None:
    sides = assign([{"text": text} for text in ("Hello", " hello ", "房间很大", "我要退货", "row number 13")], CONTENT)
    assert sides == ["train", "train", "validation", "train", "test"]


def test_a_group_stays_together() -> None:
    rows = numbered(5_000)
    sides = assign(rows, by("group(group)"))
    held = {}
    for row, side in zip(rows, sides, strict=True):
        assert held.setdefault(row["group"], side) == side
    assert set(sides) == set(NAMES)


@given(st.lists(st.integers(0, 30), min_size=3, max_size=200).filter(lambda days: len(set(days)) >= 3), st.randoms())
def test_time_moves_from_train_to_validation_to_test_and_equal_times_stay_together(days: list[int], chance) -> None:
    rows = [{"text": str(i), "label": "a", "day": day} for i, day in enumerate(days)]
    chance.shuffle(rows)
    sides = assign(rows, by("time(day)"))
    of = {name: [row["day"] for row, side in zip(rows, sides, strict=True) if side == name] for name in NAMES}
    assert all(of.values())
    assert max(of["train"]) < min(of["validation"])
    assert max(of["validation"]) < min(of["test"])


def test_time_gives_the_first_80_percent_to_train() -> None:
    rows = [{"text": str(i), "day": f"2024-01-{i:02}"} for i in range(1, 21)]
    assert Counter(assign(rows, by("time(day)"))) == {"train": 16, "validation": 2, "test": 2}


def test_the_users_own_split_is_kept_in_all_its_spellings() -> None:
    words = ["Train", "training", "dev", "valid", "val", "validation", "TEST", "testing"]
    rows = [{"text": str(i), "split": word} for i, word in enumerate(words)]
    assert assign(rows, by("column(split)")) == ["train"] * 2 + ["validation"] * 4 + ["test"] * 2


def test_a_missing_validation_is_carved_from_train_alone() -> None:
    rows = [{"text": f"row {i}", "split": "train" if i % 5 else "test"} for i in range(10_000)]
    sides = assign(rows, by("column(split)"))
    assert all(side == "test" for row, side in zip(rows, sides, strict=True) if row["split"] == "test")
    counts = Counter(sides)
    assert counts["validation"] == pytest.approx(800, abs=120)
    assert counts["test"] == 2_000


def test_validation_and_test_are_carved_where_all_is_train() -> None:
    counts = Counter(assign([{"text": f"row {i}", "split": "train"} for i in range(10_000)], by("column(split)")))
    assert counts["validation"] == pytest.approx(1_000, abs=150)
    assert counts["test"] == pytest.approx(1_000, abs=150)


def test_rows_without_a_split_go_by_content() -> None:
    rows = [{"text": f"row {i}", "split": ("train", "validation", "test", None, "")[i % 5]} for i in range(2_000)]
    sides = assign(rows, by("column(split)"))
    by_content = assign(rows, CONTENT)
    for row, side, content in zip(rows, sides, by_content, strict=True):
        assert side == (row["split"] or content)


@pytest.mark.parametrize(
    ("split", "rows", "says"),
    [
        ("column(split)", [{"text": "a", "split": "train"}, {"text": "b", "split": "holdout"}], "Row 2"),
        ("column(split)", [{"text": "a", "split": "test"}], "No row"),
        ("time(day)", [{"text": "a", "day": 1}, {"text": "b", "day": None}], "the first is row 2"),
        ("time(day)", [{"text": "a", "day": 1}, {"text": "b", "day": 2}], "three are needed"),
    ],
)
def test_a_split_that_cannot_be_made_says_why(split: str, rows: list[dict], says: str) -> None:
    with pytest.raises(UnsuitableData) as caught:
        assign(rows, by(split))
    assert says in caught.value.problem.en


@pytest.mark.parametrize("split", ["random", "group()", "time", "column(nowhere)"])
def test_an_unknown_split_or_column_is_a_setting_that_does_not_fit(split: str) -> None:
    with pytest.raises(InvalidConfig):
        assign([{"text": "a", "label": "b"}], by(split))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["train", "test", None], "column(Split)"),
        (["TRAIN", "dev", ""], "column(Split)"),
        (["test", "dev"], None),
        (["train", "north"], None),
        ([None, None], None),
    ],
)
def test_a_column_of_splits_is_recognised(values: list, expected: str | None) -> None:
    columns = [Column("text", "text"), Column("Split", "category")]
    assert own_column(columns, [{"text": "a", "Split": value} for value in values]) == expected


def test_a_split_is_read_with_its_column() -> None:
    assert parse(" time(day of sale) ") == ("time", "day of sale")
