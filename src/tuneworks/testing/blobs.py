"""What every place for blobs must keep to: the public contract suite, plain functions with asserts.

``check_blobs(make_blobs)`` runs all of it; ``make_blobs(folder)`` opens a place of its own in the folder.
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tuneworks.core import registry
from tuneworks.core.errors import NotFound
from tuneworks.core.keeping import Blobs

MakeBlobs = Callable[[Path], Blobs]
SAMPLES = (b"", b"one", "中文 🧾".encode(), bytes(range(256)) * 9000)


def blobs_named(name: str) -> MakeBlobs:
    """How to open the blobs plug-in of that name in a folder."""
    place: MakeBlobs = registry.load("blobs", name)
    return place


def check_blobs(make_blobs: MakeBlobs) -> None:
    """Every promise of the contract, each in a place of its own."""
    for check in CHECKS:
        with tempfile.TemporaryDirectory() as folder:
            check(make_blobs, Path(folder))


def check_an_id_is_the_hash(make_blobs: MakeBlobs, folder: Path) -> None:
    """Bytes are found by their SHA-256, whether given as bytes or as a file."""
    blobs = make_blobs(folder / "blobs")
    for number, data in enumerate(SAMPLES):
        source = folder / f"{number}.bin"
        source.write_bytes(data)
        id = hashlib.sha256(data).hexdigest()
        assert blobs.write(source) == id
        assert blobs.write(data) == id
        assert blobs.read(id) == data
        assert source.read_bytes() == data
    assert set(blobs.ids()) == {hashlib.sha256(data).hexdigest() for data in SAMPLES}


def check_bytes_outlive_the_object(make_blobs: MakeBlobs, folder: Path) -> None:
    """A second object on the same place finds what the first one wrote."""
    id = make_blobs(folder).write(b"kept")
    assert make_blobs(folder).read(id) == b"kept"


def check_copies_are_whole(make_blobs: MakeBlobs, folder: Path) -> None:
    """A copy has the same bytes, replaces what was there and leaves nothing beside it."""
    blobs = make_blobs(folder / "blobs")
    target = folder / "deep" / "er" / "copy.bin"
    for data in SAMPLES:
        blobs.copy_to(blobs.write(data), target)
        assert target.read_bytes() == data
    assert [path.name for path in target.parent.iterdir()] == ["copy.bin"]


def check_what_is_absent_is_not_found(make_blobs: MakeBlobs, folder: Path) -> None:
    """An unknown id, or one that is no id at all, raises ``NotFound``, and no copy is made."""
    blobs = make_blobs(folder / "blobs")
    for id in (hashlib.sha256(b"never").hexdigest(), "../../etc/passwd", "", "g" * 64):
        with pytest.raises(NotFound):
            blobs.read(id)
        with pytest.raises(NotFound):
            blobs.copy_to(id, folder / "copy")
    assert not (folder / "copy").exists()


def check_bytes_lie_in_a_local_file(make_blobs: MakeBlobs, folder: Path) -> None:
    """The file of an id holds its bytes; an unknown or removed id is ``NotFound``."""
    blobs = make_blobs(folder)
    ids = {blobs.write(data): data for data in SAMPLES}
    assert {id: blobs.local(id).read_bytes() for id in ids} == ids
    blobs.remove(next(iter(ids)))
    for id in (next(iter(ids)), hashlib.sha256(b"never").hexdigest(), "../../etc/passwd", ""):
        with pytest.raises(NotFound):
            blobs.local(id)


def check_removed_bytes_are_gone(make_blobs: MakeBlobs, folder: Path) -> None:
    """Removing forgets one blob and no other, twice as well as once; writing brings it back."""
    blobs = make_blobs(folder)
    gone, kept = blobs.write(b"gone"), blobs.write(b"kept")
    blobs.remove(gone)
    blobs.remove(gone)
    assert list(blobs.ids()) == [kept]
    with pytest.raises(NotFound):
        blobs.read(gone)
    assert blobs.write(b"gone") == gone
    assert blobs.read(gone) == b"gone"


def check_threads_may_write_the_same(make_blobs: MakeBlobs, folder: Path) -> None:
    """Many threads that write the same and different bytes at once all succeed."""
    blobs, shared = make_blobs(folder), SAMPLES[3]
    written: list[str] = []

    def write(number: int) -> None:
        written.extend((blobs.write(shared), blobs.write(b"%d" % number)))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(written) == 16
    assert len(set(blobs.ids())) == 9
    assert all(hashlib.sha256(blobs.read(id)).hexdigest() == id for id in written)


CHECKS = tuple(check for name, check in list(globals().items()) if name.startswith("check_") and name != "check_blobs")
