"""The SQL store: opening, migrating, and what it says when a database refuses."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from tuneworks.core.errors import Conflict, InvalidInput, Unavailable
from tuneworks.core.text import language
from tuneworks.core.types import DatasetName, Prediction
from tuneworks.stores import _migrating, sql
from tuneworks.stores._tables import TABLES
from tuneworks.stores.sql import SqlStore
from tuneworks.testing.stores import MADE, a_prediction

NAME = DatasetName("n", "a", MADE)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def schema(file: Path) -> list[str]:
    with sqlite3.connect(file) as connection:
        return [row[0] for row in connection.execute("SELECT sql FROM sqlite_master ORDER BY name")]


def test_the_migrations_make_the_tables_the_code_knows(file: Path) -> None:
    SqlStore(file).close()
    engine = sa.create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": _migrating.VERSION_TABLE})
        assert compare_metadata(context, next(iter(TABLES.values())).metadata) == []
    engine.dispose()


def test_the_newest_migration_is_the_head() -> None:
    config = Config()
    config.set_main_option("script_location", str(_migrating.MIGRATIONS))
    head = ScriptDirectory.from_config(config).get_current_head()
    assert head == max(path.name[:4] for path in (_migrating.MIGRATIONS / "versions").glob("[0-9]*.py"))


def test_opening_a_store_at_head_imports_no_migration_tool(file: Path) -> None:
    SqlStore(file).close()
    code = """if True:
        import sys
        from tuneworks.stores.sql import SqlStore
        SqlStore(sys.argv[1]).close()
        print("alembic" in sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_every_commit_is_flushed_to_disk(file: Path) -> None:
    store = SqlStore(file)
    with store._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 10_000
    store.close()


def test_a_url_opens_the_same_store_as_its_path(file: Path) -> None:
    with_path = SqlStore(file)
    with_path.put(NAME)
    with_path.close()
    with_url = SqlStore(f"sqlite:///{file}")
    assert with_url.get(DatasetName, "n") == NAME
    with_url.close()


def test_tables_of_others_are_left_alone(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE trials (number INTEGER)")
        connection.execute("INSERT INTO trials VALUES (7)")
    SqlStore(file).close()
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT number FROM trials").fetchall() == [(7,)]


def test_a_store_written_by_a_newer_version_is_refused_untouched(file: Path) -> None:
    store = SqlStore(file)
    store.put(NAME)
    store.close()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE tw_schema SET version_num = '9999'")
    before = schema(file)
    with pytest.raises(Unavailable, match="newer Tuneworks") as caught:
        SqlStore(file)
    with language("zh"):
        assert "更新版本" in str(caught.value)
        assert "请升级" in str(caught.value)
    assert schema(file) == before


def test_a_file_that_is_no_database_is_named_and_left_as_it_is(file: Path) -> None:
    file.write_bytes(b"text,topic\nhello,greeting\n" * 100)
    before = file.read_bytes()
    with pytest.raises(Unavailable, match="not a database") as caught:
        SqlStore(file)
    assert str(file) in caught.value.problem.zh
    assert "--workspace" in caught.value.fix.en
    assert file.read_bytes() == before


def test_a_damaged_database_is_reported_not_repaired(file: Path) -> None:
    store = SqlStore(file)
    store.append([a_prediction(str(number)) for number in range(2000)])
    store.close()
    with open(file, "r+b") as damaged:
        damaged.seek(8192)
        damaged.write(os.urandom(file.stat().st_size - 12288))
    with pytest.raises(Unavailable, match="malformed") as caught:
        SqlStore(file).find(Prediction)
    assert "backup" in caught.value.fix.en


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="unable to open") as caught:
        SqlStore(tmp_path / "absent" / "store.db")
    assert str(tmp_path / "absent") in str(caught.value)


def test_waiting_too_long_for_another_writer_says_so_and_loses_nothing(file: Path, monkeypatch) -> None:
    monkeypatch.setattr(sql, "BUSY_SECONDS", 0.2)
    store = SqlStore(file)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="locked"):
        store.put(NAME)
    assert store.get(DatasetName, "n") is None
    other.execute("ROLLBACK")
    store.put(NAME)
    assert store.get(DatasetName, "n") == NAME
    other.close()
    store.close()


FULL_DISK = """
import resource, signal, sys
from tuneworks.core.errors import Unavailable
from tuneworks.stores.sql import SqlStore
from tuneworks.testing.stores import a_prediction
store = SqlStore(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, resource.RLIM_INFINITY))
written = 0
try:
    while True:
        store.append([a_prediction(f"{written}-{n}") for n in range(20)])
        written += 1
except Unavailable as error:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    store.append([a_prediction("after")])
    print(written, error.problem.en)
"""


def test_a_full_disk_is_said_and_keeps_all_that_was_written(file: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(file)], capture_output=True, text=True, check=True)
    written, _, reason = done.stdout.partition(" ")
    assert "disk" in reason
    store = SqlStore(file)
    kept = [prediction.id for prediction in store.find(Prediction)]
    assert kept == [f"{group}-{n}" for group in range(int(written)) for n in range(20)] + ["after"]
    store.close()


def test_half_a_character_is_refused_and_the_store_goes_on(file: Path) -> None:
    store = SqlStore(file)
    broken = replace(a_prediction("p"), inputs={"text": "half \ud83d"})
    with pytest.raises(InvalidInput, match=r"U\+D83D"):
        store.append([a_prediction("q"), broken])
    with pytest.raises(InvalidInput):
        store.put(replace(a_prediction("p"), key="\udc00"))
    assert store.find(Prediction) == []
    store.append([a_prediction("q")])
    assert [found.id for found in store.find(Prediction)] == ["q"]
    store.close()


def test_expecting_a_record_that_is_not_written_is_a_mistake_of_the_caller(file: Path) -> None:
    store = SqlStore(file)
    with pytest.raises(ValueError, match="other"):
        store.put(NAME, expect={"other": 1})
    store.close()


def test_processes_may_create_one_store_at_the_same_moment(file: Path) -> None:
    code = (
        "import sys; from tuneworks.stores.sql import SqlStore; from tuneworks.testing.stores import a_prediction\n"
        "sys.stdin.read(1); store = SqlStore(sys.argv[1]); store.append([a_prediction(sys.argv[2])]); store.close()"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, str(file), str(n)], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        for n in range(6)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write(b"x")
        process.stdin.flush()
    for process in started:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()
    store = SqlStore(file)
    assert {found.id for found in store.find(Prediction)} == {str(n) for n in range(6)}
    store.close()


def test_readers_are_not_held_up_by_a_writer(file: Path) -> None:
    store = SqlStore(file)
    store.put(NAME)
    inside, done = threading.Event(), threading.Event()

    def hold() -> None:
        with store._writing():
            inside.set()
            done.wait(10)

    writer = threading.Thread(target=hold)
    writer.start()
    assert inside.wait(10)
    assert store.get(DatasetName, "n") == NAME
    done.set()
    writer.join()
    store.close()


def test_of_many_threads_that_want_the_same_change_one_wins(file: Path) -> None:
    store, outcomes = SqlStore(file), []
    store.put(NAME)

    def move(number: int) -> None:
        try:
            store.put(replace(NAME, dataset_id=str(number)), expect={"n": 1})
            outcomes.append(str(number))
        except Conflict:
            outcomes.append("")

    threads = [threading.Thread(target=move, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [outcome for outcome in outcomes if outcome]
    assert len(outcomes) == 32
    assert len(winners) == 1
    found = store.get(DatasetName, "n")
    assert found is not None
    assert found.dataset_id == winners[0]
    assert store.revision(DatasetName, "n") == 2
    store.close()
