"""A pack is whole or refused, needs no network to be made, installed or run, and answers as the model did."""

from __future__ import annotations

import io
import json
import random
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest

import tuneworks
from tuneworks.core.errors import Conflict, InvalidInput, NotFound, UnreadableFile
from tuneworks.core.workspace import Workspace
from tuneworks.flows.pack import Packed, pack
from tuneworks.flows.packed import SUMS
from tuneworks.flows.verify import verify
from tuneworks.flows.wheels import needed, write_wheel
from tuneworks.testing.workspaces import deployed_workspace

TEXTS = [{"text": "my parcel is late"}, {"text": "重复扣款了"}]
MUTATIONS = 12


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with deployed_workspace(tmp_path_factory.mktemp("workspace"), rows=120) as made:
        yield made


@pytest.fixture(scope="module")
def packed(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Packed:
    return pack("tickets", tmp_path_factory.mktemp("pack") / "tickets.pack.tar", workspace=workspace)


def test_a_pack_is_whole_and_its_model_answers(packed: Packed) -> None:
    found = verify(packed.file)
    assert found.card == packed.card
    assert found.card.version == "tickets@1"
    assert found.files == packed.wheels + 6


def test_a_pack_has_what_the_model_needs_and_no_more(packed: Packed) -> None:
    with tarfile.open(packed.file) as tar:
        wheels = {name.rpartition("/")[2].partition("-")[0] for name in tar.getnames() if name.endswith(".whl")}
    assert {"tuneworks", "numpy", "scikit_learn", "fastapi", "pydantic_core"} <= wheels
    assert not {"torch", "transformers", "pytest", "ruff"} & wheels


def test_a_pack_is_never_overwritten(packed: Packed, workspace: Workspace) -> None:
    with pytest.raises(Conflict, match="exists already"):
        pack("tickets", packed.file, workspace=workspace)


def test_no_changed_byte_goes_unseen(packed: Packed, tmp_path: Path) -> None:
    chance, changed = random.Random(0), tmp_path / "changed.tar"
    data = packed.file.read_bytes()
    with tarfile.open(packed.file) as tar:
        contents = [(member.offset_data, member.size) for member in tar if member.size]
    for begin, size in chance.sample(contents, MUTATIONS):
        at = begin + chance.randrange(size)
        changed.write_bytes(data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :])
        with pytest.raises(UnreadableFile, match="no whole pack"):
            verify(changed)


def _extra(tar: tarfile.TarFile, folder: str) -> None:
    tar.addfile(tarfile.TarInfo(f"{folder}/extra.sh"), io.BytesIO())


def _outside(tar: tarfile.TarFile, folder: str) -> None:
    tar.addfile(tarfile.TarInfo(f"{folder}/../outside"), io.BytesIO())


def _link(tar: tarfile.TarFile, folder: str) -> None:
    member = tarfile.TarInfo(f"{folder}/link")
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    tar.addfile(member)


@pytest.mark.parametrize("spoil", [_extra, _outside, _link])
def test_nothing_can_be_put_into_a_pack(
    packed: Packed, tmp_path: Path, spoil: Callable[[tarfile.TarFile, str], None]
) -> None:
    spoiled = tmp_path / "spoiled.tar"
    shutil.copy(packed.file, spoiled)
    with tarfile.open(spoiled, "a") as tar:
        spoil(tar, "tickets-pack")
    with pytest.raises(UnreadableFile, match="no whole pack"):
        verify(spoiled)


def test_a_pack_that_was_cut_off_is_refused(packed: Packed, tmp_path: Path) -> None:
    cut, data = tmp_path / "cut.tar", packed.file.read_bytes()
    for share in (0.0, 0.5, 0.9):
        cut.write_bytes(data[: int(len(data) * share)])
        with pytest.raises(UnreadableFile, match="no whole pack"):
            verify(cut)
    with pytest.raises(NotFound):
        verify(tmp_path / "absent.tar")


def test_a_pack_for_another_python_says_so(packed: Packed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tuneworks.flows.verify.here", lambda: ("3.99", "Linux x86_64"))
    with pytest.raises(InvalidInput, match=r"this is Python 3\.99"):
        verify(packed.file)


def test_a_package_as_a_wheel_again_holds_the_same_files(tmp_path: Path) -> None:
    package = distribution("click")
    wheel = write_wheel(package, tmp_path)
    with zipfile.ZipFile(wheel) as opened:
        assert opened.testzip() is None
        for file in package.files or ():
            if file.parts[0] == "click" and "__pycache__" not in file.parts:
                assert opened.read(file.as_posix()) == Path(str(package.locate_file(file))).read_bytes()
    assert [one.metadata["Name"] for one in needed(["click"])].count("click") == 1


def test_units_are_what_systemd_takes(packed: Packed, tmp_path: Path) -> None:
    with tarfile.open(packed.file) as tar:
        tar.extractall(tmp_path, filter="data")
    unit = tmp_path / "tickets-pack" / "tuneworks.service"
    assert "Description=Tuneworks serving tickets\n" in unit.read_text(encoding="utf-8")
    analyse = shutil.which("systemd-analyze")
    if analyse is None:
        pytest.skip("systemd-analyze is not installed")
    runnable = unit.read_text(encoding="utf-8").replace("/opt/tuneworks/venv/bin/tuneworks", sys.executable)
    unit.write_text(runnable.replace("User=tuneworks\n", ""), encoding="utf-8")
    done = subprocess.run([analyse, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False)
    assert not [line for line in done.stderr.splitlines() if unit.name in line], done.stderr


def test_the_container_file_is_what_a_linter_takes(packed: Packed, tmp_path: Path) -> None:
    with tarfile.open(packed.file) as tar:
        tar.extractall(tmp_path, filter="data")
    linter = Path(sysconfig.get_path("scripts")) / "hadolint"
    asked = [linter, tmp_path / "tickets-pack" / "Containerfile"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


@pytest.mark.long
def test_a_pack_is_installed_and_answers_without_any_network(
    packed: Packed, workspace: Workspace, tmp_path: Path
) -> None:
    """Without a network interface where that can be arranged, else with every proxy and index out of reach."""
    with tarfile.open(packed.file) as tar:
        tar.extractall(tmp_path, filter="data")
    alone = ["unshare", "--net"] if _may_unshare() else []
    shell = [*alone, "sh", str(tmp_path / "tickets-pack" / "install.sh"), str(tmp_path / "installed")]
    away = {
        "PATH": "/usr/bin:/bin",
        "PYTHON": sys.executable,
        "PIP_INDEX_URL": "http://127.0.0.1:9/",
        "HOME": str(tmp_path),
    }
    subprocess.run(shell, env=away, check=True, capture_output=True, text=True)
    program = str(tmp_path / "installed" / "venv" / "bin" / "tuneworks")
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in TEXTS), encoding="utf-8")
    asked = [*alone, program, "--workspace", str(tmp_path / "installed" / "workspace"), "--json", "predict", "tickets"]
    done = subprocess.run([*asked, str(rows)], env=away, check=True, capture_output=True, text=True)
    here = tuneworks.predict("tickets", TEXTS, workspace=workspace)
    assert [one.answer.label in done.stdout for one in here] == [True, True]


def test_every_file_of_a_pack_is_in_its_sums(packed: Packed) -> None:
    with tarfile.open(packed.file) as tar:
        sums = tar.extractfile(f"tickets-pack/{SUMS}")
        assert sums is not None
        listed = {line.split("  ", 1)[1] for line in sums.read().decode().splitlines()}
        held = {name.partition("/")[2] for name in tar.getnames()}
    assert listed == held - {SUMS}


def _may_unshare() -> bool:
    tried = ["unshare", "--net", "true"]
    return shutil.which("unshare") is not None and subprocess.run(tried, check=False).returncode == 0
