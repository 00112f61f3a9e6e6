"""Bringing data in: the same rows are the same dataset, a name moves, and nothing is stored by halves."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tuneworks.core.errors import Conflict, InvalidConfig, InvalidInput, UnreadableFile
from tuneworks.core.files import sha256_of_bytes
from tuneworks.core.types import Column, Dataset, DatasetName, Event
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.rows import read_rows, write_dataset

ROWS = [{"text": f"this is text number {i}", "label": ("no", "yes")[i % 2]} for i in range(12)]
DATA = os.environ.get("TUNEWORKS_DATA")
TYPED = st.lists(
    st.tuples(
        st.none() | st.text(st.characters(exclude_categories=["Cs"])),
        st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
        st.none() | st.just([{"start": 0, "end": 2, "label": "甲"}]),
    ),
    min_size=1,
    max_size=20,
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with Workspace.open(tmp_path_factory.mktemp("workspace")) as opened:
        yield opened


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(tmp_path / "workspace") as opened:
        yield opened


def lines(path: Path, rows: list[dict]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def test_rows_are_stored_as_given_and_named_after_the_file(workspace: Workspace, tmp_path: Path) -> None:
    dataset = add(lines(tmp_path / "客服 tickets.jsonl", ROWS), workspace=workspace)
    assert dataset.columns == (Column("text", "text"), Column("label", "category"))
    assert (dataset.rows, dataset.parent_id) == (12, None)
    assert read_rows(workspace, dataset) == ROWS
    assert workspace.store.get(DatasetName, "客服-tickets").dataset_id == dataset.id


def test_the_same_rows_are_the_same_dataset_from_any_format(workspace: Workspace, tmp_path: Path) -> None:
    table = tmp_path / "b.csv"
    table.write_text("text,label\n" + "".join(f"{row['text']},{row['label']}\n" for row in ROWS), encoding="utf-16")
    ids = {add(lines(tmp_path / "a.jsonl", ROWS), workspace=workspace).id, add(table, workspace=workspace).id}
    ids.add(add(ROWS, name="c", workspace=workspace).id)
    assert len(ids) == 1
    assert len(workspace.store.find(Dataset)) == 1
    assert {name.id for name in workspace.store.find(DatasetName)} == {"a", "b", "c"}


def test_other_rows_under_a_name_are_a_new_version_with_a_parent(workspace: Workspace) -> None:
    first = add(ROWS, name="a", workspace=workspace)
    second = add([*ROWS, {"text": "one more", "label": "yes"}], name="a", workspace=workspace)
    assert second.parent_id == first.id
    assert workspace.store.get(DatasetName, "a").dataset_id == second.id
    assert read_rows(workspace, first) == ROWS
    again = add(ROWS, name="a", workspace=workspace)
    assert again == first
    assert workspace.store.get(DatasetName, "a").dataset_id == first.id


def test_the_same_rows_again_change_nothing_and_it_is_said(workspace: Workspace) -> None:
    add(ROWS, name="a", workspace=workspace)
    before = workspace.store.revision(DatasetName, "a"), workspace.store.get(DatasetName, "a")
    said: list[Event] = []
    add(ROWS, name="a", workspace=workspace, listener=said.append)
    assert (workspace.store.revision(DatasetName, "a"), workspace.store.get(DatasetName, "a")) == before
    assert "already" in said[-1].message.en
    assert "已经" in said[-1].message.zh


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(TYPED)
def test_stored_rows_come_back_as_they_were_and_the_id_is_their_hash(shared: Workspace, cells: list[tuple]) -> None:
    columns = [Column("text", "text"), Column("x", "number"), Column("spans", "spans")]
    rows = [dict(zip(("text", "x", "spans"), row, strict=True)) for row in cells]
    dataset = write_dataset(shared, rows, columns, uri="rows:")
    assert read_rows(shared, dataset) == rows
    data = shared.blobs.read(dataset.id)
    assert dataset.id == sha256_of_bytes(data)
    assert len(data.decode().rstrip("\n").split("\n")) == 1 + len(rows)


def test_two_who_move_a_name_at_once_leave_nothing_by_halves(tmp_path: Path) -> None:
    def one(number: int) -> str:
        with Workspace.open(tmp_path / "workspace") as own:
            try:
                return add([{"text": f"sentence {number}", "label": "a"}], name="shared", workspace=own).id
            except Conflict:
                return ""

    Workspace.open(tmp_path / "workspace").close()
    with ThreadPoolExecutor(8) as pool:
        stored = set(pool.map(one, range(40))) - {""}
    with Workspace.open(tmp_path / "workspace") as workspace:
        assert {dataset.id for dataset in workspace.store.find(Dataset)} == stored
        assert set(workspace.blobs.ids()) == stored
        assert workspace.store.get(DatasetName, "shared").dataset_id in stored


def test_several_files_become_a_split_column(workspace: Workspace, tmp_path: Path) -> None:
    paths = [
        lines(tmp_path / "tickets" / f"{stem}.jsonl", ROWS[:n]) for stem, n in (("train", 6), ("dev", 3), ("test", 2))
    ]
    dataset = add(*paths, workspace=workspace)
    assert workspace.store.get(DatasetName, "tickets").dataset_id == dataset.id
    assert Counter(row["split"] for row in read_rows(workspace, dataset)) == {"train": 6, "validation": 3, "test": 2}


def test_a_folder_is_its_train_validation_and_test_files(workspace: Workspace, tmp_path: Path) -> None:
    for stem in ("test", "train", "categories"):
        lines(tmp_path / "tickets" / f"{stem}.jsonl", ROWS[:4])
    dataset = add(tmp_path / "tickets", workspace=workspace)
    assert [row["split"] for row in read_rows(workspace, dataset)] == ["train"] * 4 + ["test"] * 4
    assert workspace.store.get(DatasetName, "tickets").dataset_id == dataset.id


def test_files_without_split_names_are_put_together(workspace: Workspace, tmp_path: Path) -> None:
    paths = [lines(tmp_path / f"{stem}.jsonl", ROWS[:4]) for stem in ("monday", "tuesday")]
    assert read_rows(workspace, add(*paths, name="days", workspace=workspace)) == ROWS[:4] * 2


def test_a_file_beside_a_test_file_is_for_training_and_it_is_said(workspace: Workspace, tmp_path: Path) -> None:
    said: list[Event] = []
    paths = [lines(tmp_path / f"{stem}.jsonl", ROWS[:4]) for stem in ("monday", "test")]
    dataset = add(*paths, name="days", workspace=workspace, listener=said.append)
    assert [row["split"] for row in read_rows(workspace, dataset)] == ["train"] * 4 + ["test"] * 4
    assert any("monday.jsonl" in event.message.en for event in said if event.kind == "repair")


def test_files_with_other_columns_are_refused_by_name(workspace: Workspace, tmp_path: Path) -> None:
    train = lines(tmp_path / "train.jsonl", ROWS)
    test = lines(tmp_path / "test.jsonl", [{"text": "a", "topic": "b"}])
    with pytest.raises(UnreadableFile) as caught:
        add(train, test, workspace=workspace)
    for part in ("train.jsonl", "test.jsonl", "topic", "label"):
        assert part in caught.value.problem.en
    assert list(workspace.blobs.ids()) == []


def test_tokens_and_tags_become_text_and_spans(workspace: Workspace) -> None:
    rows = [{"id": 1, "tokens": ["Anna", "left"], "tags": ["B-PER", "O"]}, {"id": 2, "tokens": ["Hi"], "tags": ["O"]}]
    stored = read_rows(workspace, add(rows, name="a", workspace=workspace))
    assert stored[0] == {"id": 1, "text": "Anna left", "spans": [{"start": 0, "end": 4, "label": "PER"}]}
    assert stored[1]["spans"] == []


def test_the_user_may_set_a_kind(workspace: Workspace) -> None:
    dataset = add([{"text": "a", "grade": "3"}], name="a", kinds={"grade": "number"}, workspace=workspace)
    assert read_rows(workspace, dataset) == [{"text": "a", "grade": 3}]
    with pytest.raises(InvalidInput):
        add([{"text": "a", "grade": "good"}], name="a", kinds={"grade": "number"}, workspace=workspace)


def test_a_preview_shows_kinds_and_first_rows_in_both_languages(workspace: Workspace) -> None:
    said: list[Event] = []
    add(ROWS, name="a", workspace=workspace, listener=said.append)
    preview = next(event.message for event in said if event.kind == "preview")
    for text in (preview.en, preview.zh):
        assert "text (text) | label (category)" in text
        assert "this is text number 4 | no" in text
        assert "number 5" not in text


@pytest.mark.parametrize("name", ["a@3", "a/b", "", " ", "x" * 81, "../up"])
def test_a_name_that_cannot_be_one_is_refused_with_a_better_one(name: str, workspace: Workspace) -> None:
    with pytest.raises(InvalidConfig):
        add(ROWS, name=name, workspace=workspace)
    assert list(workspace.blobs.ids()) == []


def test_rows_need_a_name_and_something_must_be_given(workspace: Workspace) -> None:
    with pytest.raises(InvalidConfig):
        add(ROWS, workspace=workspace)
    for nothing in ([], [[]], [["no mapping"]]):
        with pytest.raises(InvalidInput):
            add(*nothing, name="a", workspace=workspace)


@pytest.mark.skipif(not DATA, reason="TUNEWORKS_DATA names no folder of public data sets")
@pytest.mark.parametrize(
    ("folder", "rows", "kinds", "splits"),
    [
        ("banking77", 13_083, {"text": "text", "intent": "category"}, {"train": 10_003, "test": 3_080}),
        (
            "conll2003_en",
            20_744,
            {"text": "text", "spans": "spans"},
            {"train": 14_041, "validation": 3_250, "test": 3_453},
        ),
        (
            "chnsenticorp_htl",
            7_765,
            {"text": "text", "label": "category"},
            {"train": 6_213, "validation": 776, "test": 776},
        ),
        (
            "clinc150",
            23_700,
            {"text": "text", "intent": "category", "domain": "category"},
            {"train": 15_100, "validation": 3_100, "test": 5_500},
        ),
    ],
)
def test_public_data_is_read_whole(folder: str, rows: int, kinds: dict, splits: dict, workspace: Workspace) -> None:
    started = time.perf_counter()
    dataset = add(Path(DATA or "") / folder, workspace=workspace)
    seconds = time.perf_counter() - started
    assert dataset.rows == rows
    assert {column.name: column.kind for column in dataset.columns} == {**kinds, "split": "category"}
    assert Counter(row["split"] for row in read_rows(workspace, dataset)) == splits
    assert seconds < 5
