"""What every store must keep to: the public contract suite, plain functions with asserts.

``check_store(make_store)`` runs all of it; ``make_store(folder)`` opens a store that lives in the folder, again and
again the same one, and can be sent to another process (a module's function, not a lambda).
"""

from __future__ import annotations

import multiprocessing
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from tuneworks.core import registry
from tuneworks.core.access import AuditEntry
from tuneworks.core.answers import ClassAnswer
from tuneworks.core.audit import first_break
from tuneworks.core.errors import Conflict
from tuneworks.core.keeping import Store
from tuneworks.core.types import Dataset, DatasetName, ModelVersion, Output, Prediction, Recipe, TaskSpec

MakeStore = Callable[[Path], Store]
MADE = "2026-01-01T00:00:00.000000Z"
PROCESSES = 2
INCREMENTS = 40


def store_named(name: str) -> MakeStore:
    """How to open the store plug-in of that name in a folder."""
    return partial(_open_store, name)


def check_store(make_store: MakeStore) -> None:
    """Every promise of the contract, each on a store of its own."""
    for check in CHECKS:
        with tempfile.TemporaryDirectory() as folder:
            check(make_store, Path(folder))


def check_a_record_comes_back_equal(make_store: MakeStore, folder: Path) -> None:
    """What is put is what is got, in this process and after opening again."""
    store = make_store(folder)
    store.put(a_version("v", 1), a_prediction("p"), DatasetName("数据", "d" * 64, MADE))
    store.close()
    store = make_store(folder)
    assert store.get(ModelVersion, "v") == a_version("v", 1)
    assert store.get(Prediction, "p") == a_prediction("p")
    assert store.get(DatasetName, "数据") == DatasetName("数据", "d" * 64, MADE)
    assert store.get(DatasetName, "v") is None
    store.close()


def check_changes_are_noted_in_a_chain(make_store: MakeStore, folder: Path) -> None:
    """Every change of an audited record has an entry that follows from the one before; a refused write has none."""
    store, name = make_store(folder), DatasetName("n", "a", MADE)
    store.put(name, a_version("v", 1))
    store.put(replace(name, dataset_id="b"))
    with pytest.raises(Conflict):
        store.put(replace(name, dataset_id="c"), expect={"n": 1})
    store.append([a_prediction("p")])
    store.remove(DatasetName, "n")
    store.close()
    store = make_store(folder)
    entries = store.find(AuditEntry)
    told = [(entry.action, entry.kind, entry.record) for entry in entries]
    assert told == [
        ("added", "DatasetName", "n"),
        ("added", "ModelVersion", "v"),
        ("changed", "DatasetName", "n"),
        ("removed", "DatasetName", "n"),
    ]
    assert entries[2].change == {"dataset_id": ('"a"', '"b"')}
    assert first_break(entries) is None
    assert first_break([*entries[:1], *entries[2:]]) is not None
    store.close()


def check_what_was_read_a_moment_ago_is_never_older_than_asked(make_store: MakeStore, folder: Path) -> None:
    """With an age, another's write is seen after it at the latest, and one's own at once."""
    store, other = make_store(folder), make_store(folder)
    first, second, third = (DatasetName("n", dataset, MADE) for dataset in "abc")
    assert store.get(DatasetName, "n", age=60.0) is None
    other.put(first)
    assert store.get(DatasetName, "n", age=60.0) == first
    other.put(second)
    assert store.get(DatasetName, "n", age=60.0) == first
    assert store.get(DatasetName, "n") == second
    time.sleep(0.02)
    assert store.get(DatasetName, "n", age=0.01) == second
    store.put(third)
    assert store.get(DatasetName, "n", age=60.0) == third
    store.remove(DatasetName, "n")
    assert store.get(DatasetName, "n", age=60.0) is None
    store.close()
    other.close()


def check_revisions_count_writes(make_store: MakeStore, folder: Path) -> None:
    """A revision is 0 before the first write and grows by one with each."""
    store, name = make_store(folder), DatasetName("n", "a", MADE)
    assert store.revision(DatasetName, "n") == 0
    for revision in (1, 2, 3):
        store.put(name)
        assert store.revision(DatasetName, "n") == revision
    store.close()


def check_an_outdated_write_is_refused(make_store: MakeStore, folder: Path) -> None:
    """A write that expects another revision raises ``Conflict`` and changes nothing."""
    store, first = make_store(folder), DatasetName("n", "a", MADE)
    store.put(first, expect={"n": 0})
    for wrong in (0, 2, 7):
        with pytest.raises(Conflict):
            store.put(replace(first, dataset_id="b"), expect={"n": wrong})
    with pytest.raises(Conflict):
        store.put(DatasetName("absent", "b", MADE), expect={"absent": 1})
    assert store.get(DatasetName, "n") == first
    assert store.get(DatasetName, "absent") is None
    store.put(replace(first, dataset_id="b"), expect={"n": 1})
    assert store.revision(DatasetName, "n") == 2
    store.close()


def check_a_put_is_all_or_nothing(make_store: MakeStore, folder: Path) -> None:
    """When one record of a call conflicts, none of them is written."""
    store = make_store(folder)
    store.put(DatasetName("old", "a", MADE))
    with pytest.raises(Conflict):
        store.put(a_dataset("new"), DatasetName("old", "b", MADE), a_version("v", 1), expect={"old": 0})
    assert store.get(Dataset, "new") is None
    assert store.get(ModelVersion, "v") is None
    assert store.get(DatasetName, "old") == DatasetName("old", "a", MADE)
    store.close()


def check_a_number_belongs_to_one_version(make_store: MakeStore, folder: Path) -> None:
    """Two versions never share a name and number."""
    store = make_store(folder)
    store.put(a_version("v", 1))
    with pytest.raises(Conflict):
        store.put(a_version("w", 1))
    store.put(a_version("w", 2))
    assert [version.number for version in store.find(ModelVersion, name="tickets")] == [1, 2]
    store.close()


def check_find_keeps_the_order_of_first_writing(make_store: MakeStore, folder: Path) -> None:
    """Records are found by searched columns in the order they were first written, whatever was rewritten since."""
    store = make_store(folder)
    store.append([a_prediction(id, key=key) for id, key in (("c", "x"), ("a", "y"), ("b", "x"))])
    store.put(a_prediction("c", key="x"))
    assert [found.id for found in store.find(Prediction)] == ["c", "a", "b"]
    assert [found.id for found in store.find(Prediction, newest_first=True, limit=2)] == ["b", "a"]
    assert [found.id for found in store.find(Prediction, key="x", deployment="tickets")] == ["c", "b"]
    assert store.find(Prediction, key="x", deployment="other") == []
    assert [found.id for found in store.find(Prediction, after="c", limit=1)] == ["a"]
    assert [found.id for found in store.find(Prediction, after="c", key="x")] == ["b"]
    assert store.find(Prediction, after="b") == []
    assert len(store.find(Prediction, after="unknown")) == 3
    store.put(a_prediction("c", key=None))
    assert [found.id for found in store.find(Prediction, key=None)] == ["c"]
    with pytest.raises(TypeError):
        store.find(Prediction, milliseconds=1.0)
    store.close()


def check_append_leaves_what_is_there(make_store: MakeStore, folder: Path) -> None:
    """An id that was appended before stays as it was; nothing doubles."""
    store = make_store(folder)
    store.append([a_prediction("a", key="first")])
    store.append([a_prediction("a", key="second"), a_prediction("b")])
    store.append([])
    assert [(found.id, found.key) for found in store.find(Prediction)] == [("a", "first"), ("b", "k")]
    store.close()


def check_a_copy_is_of_one_moment_and_comes_back_row_by_row(make_store: MakeStore, folder: Path) -> None:
    """What is written while a copy is read is not in it; only a store that holds nothing takes it in, and goes on."""
    store = make_store(folder)
    store.append([a_prediction(str(number)) for number in range(20)])
    store.put(a_prediction("3", key="changed"))
    rows = store.copy_out()
    copied = [next(rows)]
    store.append([a_prediction("later")])
    copied += rows
    assert len(copied) == 20
    assert store.faults() == []
    with pytest.raises(Conflict):
        store.copy_in(copied)
    for record in store.find(Prediction):
        store.remove(Prediction, record.id)
    assert store.copy_in(iter(copied)) == len(copied)
    assert list(store.copy_out()) == copied
    assert store.revision(Prediction, "3") == 2
    store.append([a_prediction("next")])
    assert [found.id for found in store.find(Prediction, newest_first=True, limit=2)] == ["next", "19"]
    store.close()


def check_remove_says_whether_there_was_one(make_store: MakeStore, folder: Path) -> None:
    """A removed record is gone, and its id starts anew."""
    store = make_store(folder)
    store.put(DatasetName("n", "a", MADE))
    assert store.remove(DatasetName, "n")
    assert not store.remove(DatasetName, "n")
    assert store.get(DatasetName, "n") is None
    assert store.revision(DatasetName, "n") == 0
    store.put(DatasetName("n", "b", MADE), expect={"n": 0})
    store.close()


def check_threads_lose_no_update(make_store: MakeStore, folder: Path) -> None:
    """Eight threads that count in one record through one store lose nothing."""
    store = make_store(folder)
    threads = [threading.Thread(target=_count_up, args=(store, 10)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counter = store.get(DatasetName, "counter")
    assert counter is not None
    assert counter.dataset_id == "80"
    store.close()


def check_processes_lose_no_update(make_store: MakeStore, folder: Path) -> None:
    """Processes that open, count and append at once lose nothing and never fail for being locked out."""
    fresh = multiprocessing.get_context("spawn")
    processes = [fresh.Process(target=_count_and_append, args=(make_store, folder, n)) for n in range(PROCESSES)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * PROCESSES
    store = make_store(folder)
    counter = store.get(DatasetName, "counter")
    assert counter is not None
    assert counter.dataset_id == str(PROCESSES * INCREMENTS)
    assert len({found.id for found in store.find(Prediction)}) == PROCESSES * INCREMENTS
    store.close()


def a_dataset(id: str) -> Dataset:
    """A small dataset record."""
    return Dataset(id, "file:///rows.csv", (), 3, MADE)


def a_version(id: str, number: int) -> ModelVersion:
    """A small model version record."""
    spec = TaskSpec(
        "text-classification", {"text": "text"}, "topic", ("账单", "login"), options={"depth": [1, {"a": None}]}
    )
    recipe = Recipe({"text": ("ngrams",)}, "head", learning_rate=0.1)
    output = Output("classes", 2)
    return ModelVersion(id, "tickets", number, "run-1", "d", spec, recipe, output, (), {"head": "b" * 64}, {}, MADE)


def a_prediction(id: str, key: str | None = "k") -> Prediction:
    """A small prediction record."""
    answer = ClassAnswer("账单", 0.75, {"账单": 0.75, "login": 0.25})
    return Prediction(id, "tickets", "v", MADE, {"text": "发票 🧾 'quoted' \"double\" \x00 end"}, answer, 1.5, key)


def _open_store(name: str, folder: Path) -> Store:
    store: Store = registry.load("stores", name)(folder / "store.db")
    return store


def _count_and_append(make_store: MakeStore, folder: Path, process: int) -> None:
    store = make_store(folder)
    for number in range(INCREMENTS):
        _count_up(store, 1)
        store.append([a_prediction(f"{process}-{number}")])
    store.close()


def _count_up(store: Store, times: int) -> None:
    """Add one to a shared counter as often as asked, trying again whenever somebody else was first."""
    done = 0
    while done < times:
        revision = store.revision(DatasetName, "counter")
        present = store.get(DatasetName, "counter")
        count = int(present.dataset_id) if present else 0
        try:
            store.put(DatasetName("counter", str(count + 1), MADE), expect={"counter": revision})
            done += 1
        except Conflict:
            continue


CHECKS = tuple(check for name, check in list(globals().items()) if name.startswith("check_") and name != "check_store")
