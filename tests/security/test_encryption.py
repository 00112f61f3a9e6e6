"""Where a key is given, what people sent and were answered cannot be read from the files; keys can be changed."""

from __future__ import annotations

import base64
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tuneworks.core.answers import ClassAnswer
from tuneworks.core.errors import InvalidConfig, Unavailable
from tuneworks.core.types import Feedback, Prediction
from tuneworks.core.workspace import Workspace

SECRET = "my card ends in 4711 我的私密内容"
Keyed = Callable[..., Workspace]


def fresh() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def prediction(id: str, text: str = SECRET) -> Prediction:
    return Prediction(id, "desk", "v", "2026", {"text": text}, ClassAnswer("a", 1.0, {"a": 1.0}), 1.0, "order-7")


def bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("store.db*")))


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keyed]:
    """Opens the same workspace with these keys, the newest first."""
    held: list[Workspace] = []

    def open_with(*keys: str) -> Workspace:
        if held:
            held.pop().close()
        monkeypatch.setenv("TUNEWORKS_ENCRYPTION_KEY", ",".join(keys))
        held.append(Workspace.open(tmp_path))
        return held[0]

    yield open_with
    held.pop().close()


def test_what_was_sent_is_not_in_the_files(opened: Keyed, tmp_path: Path) -> None:
    workspace = opened(fresh())
    workspace.store.append([prediction("p1")])
    workspace.store.put(Feedback("f1", "2026", "p1", value=SECRET))
    assert workspace.store.get(Prediction, "p1") == prediction("p1")
    assert [one.value for one in workspace.store.find(Feedback, prediction_id="p1")] == [SECRET]
    assert [one.id for one in workspace.store.find(Prediction, key="order-7")] == ["p1"]
    assert SECRET.encode() not in bytes_of(tmp_path)
    assert b"4711" not in bytes_of(tmp_path)


def test_a_new_key_put_first_renews_all_and_the_old_one_can_go(opened: Keyed, tmp_path: Path) -> None:
    old, new = fresh(), fresh()
    opened().store.append([prediction("clear")])
    workspace = opened(old)
    workspace.store.append([prediction("old")])
    assert workspace.store.renew() == 1
    workspace = opened(new, old)
    assert workspace.store.renew() == 2
    assert workspace.store.renew() == 0
    workspace = opened(new)
    assert [one.inputs["text"] for one in workspace.store.find(Prediction)] == [SECRET, SECRET]
    assert SECRET.encode() not in bytes_of(tmp_path)


def test_without_its_key_a_record_is_refused_and_the_key_named(opened: Keyed) -> None:
    opened(fresh()).store.append([prediction("p1")])
    with pytest.raises(Unavailable, match="not given"):
        opened(fresh()).store.get(Prediction, "p1")
    with pytest.raises(Unavailable, match="not given"):
        opened().store.find(Prediction)


def test_a_body_moved_to_another_record_or_changed_is_refused(opened: Keyed, tmp_path: Path) -> None:
    workspace = opened(fresh())
    workspace.store.append([prediction("p1", "one"), prediction("p2", "two"), prediction("p3", "three")])
    with sqlite3.connect(tmp_path / "store.db") as database:
        database.execute("UPDATE tw_prediction SET body = (SELECT body FROM tw_prediction WHERE id='p2') WHERE id='p1'")
        database.execute(
            "UPDATE tw_prediction SET body = substr(body, 1, length(body) - 8) || 'AAAAAAA=' WHERE id='p3'"
        )
    for id in ("p1", "p3"):
        with pytest.raises(Unavailable, match="changed"):
            workspace.store.get(Prediction, id)
    assert workspace.store.get(Prediction, "p2") == prediction("p2", "two")


def test_equal_inputs_look_unlike(opened: Keyed, tmp_path: Path) -> None:
    opened(fresh()).store.append([prediction(f"p{number}") for number in range(20)])
    with closing(sqlite3.connect(tmp_path / "store.db")) as database:
        bodies = [body for (body,) in database.execute("SELECT body FROM tw_prediction")]
    assert len({body[-60:] for body in bodies}) == 20


def test_keys_may_lie_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{fresh()}\n{fresh()}\n")
    monkeypatch.setenv("TUNEWORKS_ENCRYPTION_KEY_FILE", str(file))
    with Workspace.open(tmp_path / "ws") as workspace:
        workspace.store.append([prediction("p1")])
        assert workspace.store.get(Prediction, "p1") == prediction("p1")
    assert b"4711" not in bytes_of(tmp_path / "ws")


@pytest.mark.parametrize("key", ["short", base64.b64encode(b"x" * 31).decode(), "!" * 44])
def test_a_key_that_is_none_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("TUNEWORKS_ENCRYPTION_KEY", key)
    with pytest.raises(InvalidConfig, match="32 bytes") as caught:
        Workspace.open(tmp_path)
    assert key not in str(caught.value), "a key, however wrong, is not repeated"


def test_a_key_file_that_is_not_there_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEWORKS_ENCRYPTION_KEY_FILE", str(tmp_path / "none"))
    with pytest.raises(InvalidConfig, match="none"):
        Workspace.open(tmp_path / "ws")
