"""Backups are whole and of one moment, restores all or nothing, and the doctor finds what is amiss."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tuneworks.cli.main import main
from tuneworks.core.errors import Conflict, NotFound, Unavailable, UnreadableFile
from tuneworks.core.text import set_language
from tuneworks.core.types import Deployment, Prediction
from tuneworks.core.workspace import Workspace
from tuneworks.flows.backup import backup
from tuneworks.flows.doctor import Checkup, doctor
from tuneworks.flows.predict import predict
from tuneworks.flows.references import version_of
from tuneworks.flows.restore import restore
from tuneworks.testing.workspaces import NAME, deployed_workspace

ROWS = [{"text": "where is my parcel"}, {"text": "我付了两次钱"}]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept") / ".tuneworks"
    deployed_workspace(folder, rows=200).close()
    return folder


@pytest.fixture(scope="module")
def archive(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    with Workspace.open(prepared) as opened:
        return backup(tmp_path_factory.mktemp("archive") / "kept.tar", workspace=opened).file.read_bytes()


@pytest.fixture
def workspace(prepared: Path, tmp_path: Path) -> Iterator[Workspace]:
    shutil.copytree(prepared, tmp_path / ".tuneworks")
    with Workspace.open(tmp_path / ".tuneworks") as opened:
        yield opened


def rows_of(workspace: Workspace) -> list[tuple[str, object]]:
    return [(kind, dict(row)) for kind, row in workspace.store.copy_out()]


def test_what_was_backed_up_comes_back_row_by_row_and_byte_by_byte(workspace: Workspace, tmp_path: Path) -> None:
    given = predict(NAME, ROWS, workspace=workspace)
    made = backup(tmp_path / "kept.tar", workspace=workspace)
    assert (made.records, made.blobs) == (len(rows_of(workspace)), len(list(workspace.blobs.ids())))
    (workspace.root / "token").write_text("tw_secret")
    with Workspace.open(tmp_path / "again") as again:
        restored = restore(made.file, workspace=again)
        assert (restored.records, restored.blobs) == (made.records, made.blobs)
        assert rows_of(again) == rows_of(workspace)
        assert list(again.blobs.ids()) == list(workspace.blobs.ids())
        report = Path("reports") / f"{NAME}@1" / "report.json"
        assert (again.root / report).read_bytes() == (workspace.root / report).read_bytes()
        assert not (again.root / "token").exists()
        assert [one.answer for one in predict(NAME, ROWS, workspace=again)] == [one.answer for one in given]
        assert len(again.store.find(Prediction)) == 4
    assert b"tw_secret" not in made.file.read_bytes()


def test_a_backup_while_the_log_is_written_is_of_one_moment(workspace: Workspace, tmp_path: Path) -> None:
    stopped = threading.Event()

    def write() -> None:
        while not stopped.is_set():
            predict(NAME, ROWS, workspace=workspace)

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    made = [backup(tmp_path / f"{number}.tar", workspace=workspace) for number in range(3)]
    stopped.set()
    for writer in writers:
        writer.join()
    assert made[0].records < made[2].records
    with Workspace.open(tmp_path / "again") as again:
        restore(made[2].file, workspace=again)
        kept = [one.id for one in again.store.find(Prediction)]
    assert kept == [one.id for one in workspace.store.find(Prediction)][: len(kept)]
    assert len(kept) % len(ROWS) == 0


def test_nothing_is_ever_overwritten(workspace: Workspace, tmp_path: Path) -> None:
    made = backup(tmp_path / "kept.tar", workspace=workspace)
    before = made.file.read_bytes()
    with pytest.raises(Conflict, match="exists already"):
        backup(made.file, workspace=workspace)
    assert made.file.read_bytes() == before
    with pytest.raises(Conflict, match="not empty"):
        restore(made.file, workspace=workspace)
    for stray in ("blob", "report"):
        with Workspace.open(tmp_path / stray) as occupied:
            if stray == "blob":
                occupied.blobs.write(b"somebody else's")
            else:
                (occupied.reports / "x").mkdir(parents=True)
                (occupied.reports / "x" / "report.html").write_text("mine")
            with pytest.raises(Conflict, match="not empty"):
                restore(made.file, workspace=occupied)
            assert rows_of(occupied) == []
    with pytest.raises(NotFound):
        restore(tmp_path / "absent.tar", workspace=workspace)


def flipped(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def with_member(data: bytes, name: str, content: bytes = b"x", link: str = "") -> bytes:
    """The archive with one more member before all others."""
    made = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(data)) as old, tarfile.open(fileobj=made, mode="w") as new:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        if link:
            member.type, member.linkname, member.size = tarfile.SYMTYPE, link, 0
        new.addfile(member, io.BytesIO(content))
        for one in old:
            new.addfile(one, old.extractfile(one))
    return made.getvalue()


@pytest.mark.parametrize(
    "break_it",
    [
        flipped,
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: b"no archive at all" * 100,
        lambda data: with_member(data, "../outside"),
        lambda data: with_member(data, "reports/../../outside"),
        lambda data: with_member(data, "/etc/outside"),
        lambda data: with_member(data, "reports/link", link="/etc/passwd"),
        lambda data: with_member(data, "reports/x/extra.html"),
        lambda data: with_member(data, "manifest.json", b'{"format": 9}'),
        lambda data: with_member(data, "manifest.json", json.dumps({"format": 1, "files": {}}).encode()),
    ],
)
def test_a_broken_archive_is_refused_and_writes_nothing(
    archive: bytes, tmp_path: Path, break_it: Callable[[bytes], bytes]
) -> None:
    broken = tmp_path / "kept.tar"
    broken.write_bytes(break_it(archive))
    with Workspace.open(tmp_path / "again") as again:
        with pytest.raises(UnreadableFile, match="no whole backup"):
            restore(broken, workspace=again)
        assert rows_of(again) == []
        assert list(again.blobs.ids()) == []
    assert not (tmp_path / "outside").exists()


def test_a_restore_that_was_cut_off_is_done_again(workspace: Workspace, tmp_path: Path) -> None:
    made = backup(tmp_path / "kept.tar", workspace=workspace)
    with Workspace.open(tmp_path / "again") as again:
        again.blobs.write(workspace.blobs.read(next(iter(workspace.blobs.ids()))))
        restore(made.file, workspace=again)
        assert rows_of(again) == rows_of(workspace)


def test_what_is_damaged_is_not_backed_up_as_if_it_were_whole(workspace: Workspace, tmp_path: Path) -> None:
    head = version_of(workspace, NAME).parts["head.safetensors"]
    blob = workspace.blobs.local(head)
    whole = blob.read_bytes()
    blob.write_bytes(whole[:-1] + b"\x07")
    with pytest.raises(Unavailable, match="damaged"):
        backup(tmp_path / "kept.tar", workspace=workspace)
    blob.unlink()
    with pytest.raises(Unavailable, match="not there"):
        backup(tmp_path / "kept.tar", workspace=workspace)
    assert [path.name for path in tmp_path.iterdir()] == [".tuneworks"]


def wrong(found: tuple[Checkup, ...]) -> list[Checkup]:
    return [one for one in found if one.level == "error"]


def test_the_doctor_finds_nothing_wrong_where_nothing_is(workspace: Workspace) -> None:
    found = doctor(workspace=workspace)
    assert wrong(found) == []
    assert {"python", "packages", "disk", "clock", "store", "blobs", f"seal {NAME}: {NAME}@1"} <= {
        one.name for one in found
    }
    assert all(one.fix for one in found if one.level != "ok")


def test_the_doctor_names_everything_that_is_amiss_and_says_what_to_do(workspace: Workspace) -> None:
    version = version_of(workspace, NAME)
    given = predict(NAME, ROWS[:1], workspace=workspace)[0]
    blob = workspace.blobs.local(version.parts["head.safetensors"])
    blob.write_bytes(blob.read_bytes()[:-1] + b"\x07")
    workspace.blobs.local(version.dataset_id).unlink()
    head = workspace.models / version.label / "head.safetensors"
    head.write_bytes(head.read_bytes()[:-1] + b"\x07")
    workspace.store.append([Prediction("later", NAME, given.version_id, "2099-01-01T00:00:00Z", {}, given.answer, 1.0)])
    found = wrong(doctor(workspace=workspace))
    said = {f"{one.name}: {one.found.en}" for one in found}
    assert f"blobs: damaged: head.safetensors of {NAME}@1" in said
    assert f"blobs: missing: the dataset {version.dataset_id[:16]}" in said
    assert any(one.name == "clock" and "2099-01-01" in one.found.en for one in found)
    assert any(one.name == f"seal {NAME}: {NAME}@1" and "head.safetensors" in one.found.zh for one in found)
    assert all(one.fix is not None for one in found)
    assert workspace.store.get(Deployment, NAME) is not None


def test_the_commands_say_what_came_of_it_and_end_with_its_code(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(folder: str, *words: str) -> tuple[object, str]:
        try:
            with pytest.raises(SystemExit) as ended:
                main(["--workspace", str(tmp_path / folder), "--lang", "zh", *words])
        finally:
            set_language(None)
        return ended.value.code, capsys.readouterr().out

    assert run(".tuneworks", "backup", str(tmp_path / "kept.tar"))[0] == 0
    code, said = run("again", "restore", str(tmp_path / "kept.tar"))
    assert (code, "条记录" in said) == (0, True)
    assert run("again", "restore", str(tmp_path / "kept.tar"))[0] == Conflict.exit_code
    code, said = run("again", "doctor")
    assert (code, f"封存 {NAME}: {NAME}@1" in said) == (0, True)
    head = tmp_path / "again" / "models" / f"{NAME}@1" / "head.safetensors"
    head.write_bytes(b"")
    assert run("again", "doctor")[0] == 1
