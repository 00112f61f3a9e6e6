"""Records in a real PostgreSQL: the contract's promises, restarts, many processes, clear errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from tests.real_servers import Postgresql, free_port, postgresql
from tuneworks.core.errors import InvalidConfig, Unavailable
from tuneworks.core.types import DatasetName
from tuneworks.core.workspace import Workspace
from tuneworks.stores.sql import SqlStore
from tuneworks.testing.stores import CHECKS

MADE = "2026-01-01T00:00:00.000000Z"
_numbers = count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgresql]:
    with postgresql() as running:
        yield running


@pytest.fixture
def address(server: Postgresql) -> str:
    return server.database(f"test{next(_numbers)}")


class InDatabase:
    """Opens the same store for every folder: each test has a database of its own."""

    def __init__(self, address: str) -> None:
        self.address = address

    def __call__(self, folder: Path) -> SqlStore:
        return SqlStore(self.address)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_postgresql_keeps_the_promises_of_a_store(check: Callable[..., None], address: str, tmp_path: Path) -> None:
    check(InDatabase(address), tmp_path)


def test_other_hosts_reach_it(address: str, tmp_path: Path) -> None:
    assert SqlStore(address).shared
    assert not SqlStore(tmp_path / "store.db").shared


def test_many_may_open_a_new_database_at_once(address: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        stores = list(pool.map(lambda _: SqlStore(address), range(6)))
    stores[0].put(DatasetName("n", "a", MADE))
    assert all(store.get(DatasetName, "n") for store in stores)


def test_a_restarted_server_is_met_again_with_all_that_was_written(server: Postgresql, address: str) -> None:
    store = SqlStore(address)
    for number in range(20):
        store.put(DatasetName(f"n{number}", "a", MADE))
    server.stop()
    with pytest.raises(Unavailable, match="cannot be used"):
        store.put(DatasetName("lost", "a", MADE))
    server.start()
    store.put(DatasetName("after", "a", MADE))
    assert len(store.find(DatasetName)) == 21
    assert store.get(DatasetName, "lost") is None


def test_what_does_not_answer_or_exist_is_told_with_what_to_do(server: Postgresql) -> None:
    for address, advice in (
        (f"postgresql://tuneworks@127.0.0.1:{free_port()}/x", "server runs"),
        (f"postgresql://tuneworks@127.0.0.1:{server.port}/nowhere", "createdb"),
    ):
        with pytest.raises(Unavailable) as caught:
            SqlStore(address)
        assert advice in caught.value.fix.en
    for wrong in ("mysql://root@127.0.0.1/x", "https://example.com/x", "://"):
        with pytest.raises(InvalidConfig, match="not the address of a store"):
            SqlStore(wrong)


def test_a_password_never_stays_in_the_address(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "")
    monkeypatch.setenv("TUNEWORKS_FOLDER", str(tmp_path))
    with Workspace.open(address.replace("tuneworks@", "tuneworks:s%40cret@")) as workspace:
        assert workspace.address == address
        assert workspace.root == tmp_path
        assert "s@cret" not in repr(vars(workspace.store))
