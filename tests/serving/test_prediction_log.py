"""The prediction log: a call returns when its rows are durable, many share one commit, errors reach their caller."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tuneworks.core.errors import InvalidInput, Unavailable
from tuneworks.core.types import Prediction
from tuneworks.serving.prediction_log import PredictionLog
from tuneworks.stores import sql
from tuneworks.stores.sql import SqlStore
from tuneworks.testing.stores import a_prediction


class CountingStore(SqlStore):
    """The real store, counting its commits and able to hold one back."""

    def __init__(self, file: Path) -> None:
        super().__init__(file)
        self.commits = 0
        self.go = threading.Event()
        self.go.set()

    def append(self, records: Sequence[Any]) -> None:
        self.commits += 1
        assert self.go.wait(20)
        super().append(records)


@pytest.fixture
def store(tmp_path: Path):
    store = CountingStore(tmp_path / "store.db")
    yield store
    store.close()


def stored(file: Path) -> list[str]:
    """Ids as another program sees them on disk."""
    with sqlite3.connect(file) as connection:
        return [row[0] for row in connection.execute("SELECT id FROM tw_prediction ORDER BY position")]


def in_threads(calls: Sequence[Any]) -> list[BaseException | None]:
    outcomes: list[BaseException | None] = [None] * len(calls)

    def call(number: int) -> None:
        try:
            calls[number]()
        except Exception as error:
            outcomes[number] = error

    threads = [threading.Thread(target=call, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return outcomes


def held_back(store: CountingStore, log: PredictionLog, calls: Sequence[Any]) -> list[BaseException | None]:
    """Run the calls so that all of them wait while one earlier commit is held, hence travel in one group."""
    store.go.clear()
    first = threading.Thread(target=log.append, args=([a_prediction("first")],))
    first.start()
    wait_for(lambda: store.commits == 1)
    release = threading.Thread(target=lambda: (wait_for(lambda: len(log._pending) == len(calls)), store.go.set()))
    release.start()
    outcomes = in_threads(calls)
    first.join(30)
    release.join(30)
    return outcomes


def wait_for(condition) -> None:
    for _ in range(1000):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never came true")


def test_a_call_returns_when_its_rows_are_on_disk(store: CountingStore, tmp_path: Path) -> None:
    log = PredictionLog(store)
    for number in range(5):
        log.append([a_prediction(f"{number}-{row}") for row in range(3)])
        assert stored(tmp_path / "store.db")[-3:] == [f"{number}-{row}" for row in range(3)]
    log.close()


def test_everybody_who_waits_shares_one_commit(store: CountingStore, tmp_path: Path) -> None:
    log = PredictionLog(store)
    calls = [lambda n=n: log.append([a_prediction(str(n))]) for n in range(40)]
    assert held_back(store, log, calls) == [None] * 40
    assert store.commits == 2
    assert sorted(stored(tmp_path / "store.db")) == sorted([*map(str, range(40)), "first"])
    log.close()


def test_one_callers_bad_row_spoils_nobody_elses(store: CountingStore) -> None:
    log = PredictionLog(store)
    bad = replace(a_prediction("bad"), inputs={"text": "half \ud83d"})
    rows = [[a_prediction("a")], [bad], [a_prediction("b")]]
    outcomes = held_back(store, log, [lambda r=r: log.append(r) for r in rows])
    assert [type(outcome) for outcome in outcomes] == [type(None), InvalidInput, type(None)]
    assert sorted(found.id for found in store.find(Prediction)) == ["a", "b", "first"]
    log.close()


def test_a_store_that_cannot_write_is_told_to_every_caller_and_the_log_goes_on(store, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(sql, "BUSY_SECONDS", 0.2)
    impatient = SqlStore(tmp_path / "store.db")
    log = PredictionLog(impatient)
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    outcomes = in_threads([lambda n=n: log.append([a_prediction(str(n))]) for n in range(8)])
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 8
    other.execute("ROLLBACK")
    log.append([a_prediction("after")])
    assert stored(tmp_path / "store.db") == ["after"]
    log.close()
    impatient.close()
    other.close()


def test_an_event_loop_may_wait_for_many(store: CountingStore, tmp_path: Path) -> None:
    log = PredictionLog(store)

    async def all_at_once() -> None:
        await asyncio.gather(*(log.append_async([a_prediction(str(n))]) for n in range(100)))

    asyncio.run(all_at_once())
    assert sorted(stored(tmp_path / "store.db")) == sorted(map(str, range(100)))
    log.close()


def test_a_caller_who_went_away_stops_nobody(store: CountingStore) -> None:
    log = PredictionLog(store)

    async def give_up_then_go_on() -> None:
        store.go.clear()
        waiting = [asyncio.create_task(log.append_async([a_prediction("0")]))]
        await asyncio.to_thread(wait_for, lambda: store.commits == 1)
        waiting += [asyncio.create_task(log.append_async([a_prediction(str(n))])) for n in (1, 2)]
        await asyncio.to_thread(wait_for, lambda: len(log._pending) == 2)
        waiting[1].cancel()
        waiting[2].cancel()
        await asyncio.sleep(0.05)
        store.go.set()
        await waiting[0]
        await log.append_async([a_prediction("after")])

    asyncio.run(asyncio.wait_for(give_up_then_go_on(), 20))
    assert {"0", "after"} <= {found.id for found in store.find(Prediction)}
    log.close()


def test_closing_writes_what_is_pending_then_refuses(store: CountingStore, tmp_path: Path) -> None:
    log = PredictionLog(store)
    store.go.clear()
    callers = [threading.Thread(target=log.append, args=([a_prediction(str(n))],)) for n in range(5)]
    callers[0].start()
    wait_for(lambda: store.commits == 1)
    for caller in callers[1:]:
        caller.start()
    wait_for(lambda: len(log._pending) == 4)
    threading.Timer(0.1, store.go.set).start()
    log.close()
    assert sorted(stored(tmp_path / "store.db")) == [str(n) for n in range(5)]
    for caller in callers:
        caller.join(10)
    with pytest.raises(Unavailable, match="closed"):
        log.append([a_prediction("late")])


def test_a_log_nobody_used_closes_at_once(store: CountingStore) -> None:
    PredictionLog(store).close()
    assert store.commits == 0
