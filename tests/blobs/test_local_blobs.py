"""Blobs in local files: damage is seen and mended, big files stream, a full disk leaves nothing half-written."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest

from tuneworks.blobs.local import LocalBlobs
from tuneworks.core.errors import Unavailable


@pytest.fixture
def blobs(tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(tmp_path / "blobs")


def path_of(blobs: LocalBlobs, id: str) -> Path:
    return blobs.folder / id[:2] / id


def files_below(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_damaged_blob_is_never_handed_out(blobs: LocalBlobs, tmp_path: Path) -> None:
    id = blobs.write(b"weights")
    path_of(blobs, id).write_bytes(b"wEights")
    with pytest.raises(Unavailable, match="damaged") as caught:
        blobs.read(id)
    assert str(path_of(blobs, id)) in caught.value.problem.zh
    target = tmp_path / "copy"
    with pytest.raises(Unavailable):
        blobs.copy_to(id, target)
    assert not target.exists()


def test_writing_the_same_bytes_again_mends_a_damaged_blob(blobs: LocalBlobs) -> None:
    id = blobs.write(b"weights")
    path_of(blobs, id).write_bytes(b"")
    assert blobs.write(b"weights") == id
    assert blobs.read(id) == b"weights"


def test_an_intact_blob_is_not_written_again(blobs: LocalBlobs) -> None:
    id = blobs.write(b"weights")
    before = path_of(blobs, id).stat()
    blobs.write(b"weights")
    after = path_of(blobs, id).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_big_file_is_never_held_in_memory(blobs: LocalBlobs, tmp_path: Path) -> None:
    big = tmp_path / "big.bin"
    with open(big, "wb") as file:
        for number in range(64):
            file.write(bytes([number]) * (1 << 20))
    tracemalloc.start()
    id = blobs.write(big)
    blobs.copy_to(id, tmp_path / "copy.bin")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20
    assert (tmp_path / "copy.bin").stat().st_size == 64 << 20


def test_nothing_but_blobs_is_left_in_the_folder(blobs: LocalBlobs) -> None:
    ids = [blobs.write(b"%d" % number) for number in range(20)]
    assert files_below(blobs.folder) == sorted(ids)


def test_files_that_are_no_blobs_are_not_listed(blobs: LocalBlobs) -> None:
    id = blobs.write(b"one")
    (blobs.folder / id[:2] / "notes.txt").write_text("mine")
    (blobs.folder / f".incoming.{1}-abcd.part").write_text("half")
    assert list(blobs.ids()) == [id]


def test_no_blobs_are_listed_before_the_first_is_written(blobs: LocalBlobs) -> None:
    assert list(blobs.ids()) == []


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from tuneworks.blobs.local import LocalBlobs
from tuneworks.core.errors import Unavailable
blobs = LocalBlobs(Path(sys.argv[1]))
blobs.write(b"small")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    blobs.write(b"x" * 200_000)
except Unavailable as error:
    print(error.fix.en)
"""


def test_a_disk_that_takes_no_more_leaves_nothing_half_written(blobs: LocalBlobs) -> None:
    command = [sys.executable, "-c", FULL_DISK, str(blobs.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "disk space" in done.stdout
    assert [blobs.read(id) for id in blobs.ids()] == [b"small"]
    assert len(files_below(blobs.folder)) == 1
