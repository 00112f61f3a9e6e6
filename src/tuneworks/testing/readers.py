"""What every reader must keep to: the public contract suite, plain functions with asserts.

``check_reader(reader, sample)`` runs all of it; ``sample`` is a sound file of the reader's format with several rows.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tuneworks.core.asking import Reader
from tuneworks.core.errors import TuneworksError
from tuneworks.core.types import Event

HEAD_BYTES = 65_536
DAMAGED_COPIES = 200


def check_reader(reader: Reader, sample: Path) -> None:
    """Every promise of the contract."""
    for check in CHECKS:
        check(reader, sample)


def check_a_sound_file_is_read(reader: Reader, sample: Path) -> None:
    """The sample is accepted, its rows are mappings by column name, and the encoding is told."""
    events: list[Event] = []
    assert reader.folders == sample.is_dir()
    assert reader.accepts(sample, b"" if sample.is_dir() else sample.read_bytes()[:HEAD_BYTES])
    rows = list(reader.rows(sample, events.append))
    assert len(rows) > 1
    assert all(isinstance(row, Mapping) and all(isinstance(name, str) for name in row) for row in rows)
    assert [event.kind for event in events].count("format") == 1


def check_reading_twice_gives_the_same_rows(reader: Reader, sample: Path) -> None:
    """A reader keeps nothing between files."""
    assert list(reader.rows(sample)) == list(reader.rows(sample))


def check_damage_is_an_error_or_rows(reader: Reader, sample: Path) -> None:
    """Cut off or scrambled copies give rows or a ``TuneworksError`` that names the file, never another exception.

    A folder's files are other readers' or whoever's opens them: it is not damaged.
    """
    if sample.is_dir():
        return
    chance = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"damaged{sample.suffix}"
        for _ in range(DAMAGED_COPIES):
            path.write_bytes(damaged(sample.read_bytes(), chance))
            reader.accepts(path, path.read_bytes()[:HEAD_BYTES])
            error = refusal(reader, path)
            assert error is None or (path.name in error.problem.en and path.name in error.problem.zh)


def check_an_absent_file_is_an_error(reader: Reader, sample: Path) -> None:
    """A file that is not there is named, and so is what to do."""
    absent = sample.with_name(f"absent{sample.suffix}")
    with pytest.raises(TuneworksError) as caught:
        list(reader.rows(absent))
    assert absent.name in caught.value.problem.en
    assert caught.value.fix.zh


def refusal(reader: Reader, path: Path) -> TuneworksError | None:
    """The error the file is refused with, or ``None`` where it is read."""
    try:
        list(reader.rows(path))
    except TuneworksError as error:
        return error
    return None


def damaged(data: bytes, chance: random.Random) -> bytes:
    """The bytes cut off, or with some replaced, doubled or left out."""
    if chance.random() < 0.2:
        return data[: chance.randrange(len(data))]
    changed = bytearray(data)
    for _ in range(chance.randint(1, 5)):
        place = chance.randrange(len(changed))
        changed[place : place + chance.randint(0, 3)] = bytes(
            chance.choice(b'",;\t\r\n\0{}[]:\xff\xe4I-O') for _ in range(chance.randint(0, 3))
        )
    return bytes(changed)


CHECKS = (
    check_a_sound_file_is_read,
    check_reading_twice_gives_the_same_rows,
    check_damage_is_an_error_or_rows,
    check_an_absent_file_is_an_error,
)
