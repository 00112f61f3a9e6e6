"""A checkpoint is whole or absent, and one of which a byte differs is never gone on from."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tuneworks.core.checkpoints import KEPT, MANIFEST, Checkpoints, Damaged

MUTATIONS, LONG_MUTATIONS = 100, 1000


def state(step: int) -> dict[str, bytes]:
    """Files of a step, of several sizes, empty and equal ones among them."""
    chance = random.Random(step)
    weights = {f"weights_{i}.safetensors": chance.randbytes(chance.choice((1, 100, 9000))) for i in range(3)}
    return {**weights, "empty": b"", "progress.json": b'{"step": %d}' % step, "same": b"equal in every checkpoint"}


def written(folder: Path, *steps: int) -> Checkpoints:
    checkpoints = Checkpoints(folder, "run-1/fit")
    for step in steps:
        checkpoints.write(step, state(step))
    return checkpoints


def newest(checkpoints: Checkpoints) -> tuple[int | None, list[Damaged]]:
    told: list[Damaged] = []
    found = checkpoints.newest(told.append)
    assert found is None or dict(found.files) == state(found.step)
    return (found.step if found else None), told


def test_what_is_written_is_found(tmp_path: Path) -> None:
    checkpoints = written(tmp_path, 5)
    assert newest(checkpoints) == (5, [])
    assert newest(Checkpoints(tmp_path / "elsewhere", "run-1/fit")) == (None, [])


def test_the_newest_is_that_of_the_highest_step_whatever_the_clock_says(tmp_path: Path) -> None:
    checkpoints = written(tmp_path, 999, 1000)
    for place, age in zip(sorted(tmp_path.iterdir()), (-1e8, 3e8), strict=True):
        for path in (place, *place.iterdir()):
            os.utime(path, (time.time() - age,) * 2)
    assert newest(checkpoints) == (1000, [])
    written(tmp_path, 1001)
    assert newest(checkpoints) == (1001, [])


def test_only_the_last_few_are_kept(tmp_path: Path) -> None:
    written(tmp_path, *range(1, 9))
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{step:010d}" for step in range(9 - KEPT, 9)]


def test_a_step_may_be_written_again(tmp_path: Path) -> None:
    checkpoints = written(tmp_path, 7)
    (tmp_path / "0000000007" / "empty").write_bytes(b"no longer")
    assert newest(checkpoints)[0] is None
    assert newest(written(tmp_path, 7)) == (7, [])


def test_the_checkpoint_of_another_run_is_none(tmp_path: Path) -> None:
    written(tmp_path, 7)
    assert newest(Checkpoints(tmp_path, "run-2/fit"))[0] is None


@pytest.mark.parametrize("name", ["../up", "a/b", MANIFEST, ".hidden", ""])
def test_a_file_cannot_be_named_out_of_its_checkpoint(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        Checkpoints(tmp_path, "run-1/fit").write(1, {name: b""})


def test_a_damaged_checkpoint_is_told_and_the_older_good_one_used(tmp_path: Path) -> None:
    every_damage_is_seen(tmp_path, MUTATIONS, seed=20260701)


@pytest.mark.long
def test_a_thousand_damaged_checkpoints_are_told(tmp_path: Path) -> None:
    every_damage_is_seen(tmp_path, LONG_MUTATIONS, seed=20260702)


def every_damage_is_seen(folder: Path, count: int, seed: int) -> None:
    print(f"seed {seed}")
    chance = random.Random(seed)
    checkpoints = written(folder / "good", 10, 20)
    for number in range(count):
        mutated = folder / str(number)
        shutil.copytree(checkpoints.folder, mutated)
        mutate = chance.choice(DAMAGES)
        mutate(mutated / "0000000020", chance)
        found, told = newest(Checkpoints(mutated, checkpoints.name))
        assert found == 10, f"mutation {number}: {mutate.__name__}"
        assert [damaged.folder.name for damaged in told] == ["0000000020"]
        assert told[0].reason
        shutil.rmtree(mutated)


# -- what can happen to a checkpoint -------------------------------------------------------------------


def flip_a_bit(place: Path, chance: random.Random) -> None:
    path, held = some_file(place, chance)
    at = chance.randrange(len(held))
    path.write_bytes(held[:at] + bytes([held[at] ^ 1 << chance.randrange(8)]) + held[at + 1 :])


def truncate(place: Path, chance: random.Random) -> None:
    path, held = some_file(place, chance)
    path.write_bytes(held[: chance.randrange(len(held))])


def grow(place: Path, chance: random.Random) -> None:
    path, held = some_file(place, chance)
    path.write_bytes(held + chance.choice((b"\0", b"\n", b" ", held)))


def blank_a_page(place: Path, chance: random.Random) -> None:
    path, held = some_file(place, chance)
    at = chance.randrange(len(held))
    blank = held[:at] + b"\0" * len(held[at : at + 4096]) + held[at + 4096 :]
    path.write_bytes(blank if blank != held else held + b"\0")


def swap_two_files(place: Path, chance: random.Random) -> None:
    one, other = chance.sample(sorted(place.iterdir()), 2)
    held = one.read_bytes(), other.read_bytes()
    other.write_bytes(held[0])
    one.write_bytes(held[1])


def take_from_the_older(place: Path, chance: random.Random) -> None:
    name = chance.choice(sorted(path.name for path in place.iterdir() if path.name not in ("same", "empty")))
    shutil.copyfile(place.parent / "0000000010" / name, place / name)


def replace_by_the_older(place: Path, chance: random.Random) -> None:
    shutil.rmtree(place)
    shutil.copytree(place.parent / "0000000010", place)


def lose_a_file(place: Path, chance: random.Random) -> None:
    chance.choice(sorted(place.iterdir())).unlink()


def add_a_file(place: Path, chance: random.Random) -> None:
    (place / chance.choice(("more", ".hidden", "manifest.json.old"))).write_bytes(chance.randbytes(3))


def rename_a_file(place: Path, chance: random.Random) -> None:
    path = chance.choice(sorted(place.iterdir()))
    path.rename(path.with_name(f"{path.name}x"))


def make_a_folder_of_a_file(place: Path, chance: random.Random) -> None:
    path = chance.choice(sorted(place.iterdir()))
    path.unlink()
    path.mkdir()


def reformat_the_manifest(place: Path, chance: random.Random) -> None:
    manifest = place / MANIFEST
    manifest.write_bytes(
        manifest.read_bytes().replace(*chance.choice(((b" ", b"  "), (b"{", b'{"x": 1, '), (b"\n", b""))))
    )


def some_file(place: Path, chance: random.Random) -> tuple[Path, bytes]:
    path = chance.choice(sorted(path for path in place.iterdir() if path.stat().st_size))
    return path, path.read_bytes()


DAMAGES: tuple[Callable[[Path, random.Random], None], ...] = (
    flip_a_bit,
    truncate,
    grow,
    blank_a_page,
    swap_two_files,
    take_from_the_older,
    replace_by_the_older,
    lose_a_file,
    add_a_file,
    rename_a_file,
    make_a_folder_of_a_file,
    reformat_the_manifest,
)
