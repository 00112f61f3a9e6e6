"""Ids: fresh in every thread and every process, however it was begun."""

from __future__ import annotations

import multiprocessing
import re
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection

from tuneworks.core.clock import AT_ONCE, new_id


def some(count: int) -> list[str]:
    return [new_id("run") for _ in range(count)]


def tell(told: Connection) -> None:
    told.send(some(AT_ONCE))


def test_no_id_comes_twice_from_threads() -> None:
    with ThreadPoolExecutor(8) as pool:
        made = [id for ids in pool.map(some, [3 * AT_ONCE + 7] * 8) for id in ids]
    assert len(set(made)) == len(made) == 8 * (3 * AT_ONCE + 7)
    assert all(re.fullmatch(r"run-[0-9a-f]{16}", id) for id in made)


def test_forked_processes_make_ids_of_their_own() -> None:
    some(1)  # what this process has fetched is not given out by its children
    context, told = multiprocessing.get_context("fork"), []
    for _ in range(2):
        heard, said = context.Pipe(duplex=False)
        child = context.Process(target=tell, args=(said,))
        child.start()
        told += heard.recv()
        child.join()
    told += some(AT_ONCE)
    assert len(set(told)) == len(told)
