"""Features are computed once, and whatever a crash left of the files, a value never gets another's features."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tuneworks.core.bounded import MOST_BYTES
from tuneworks.statistics.feature_cache import KEY, FeatureCache

WIDTH = 3
ROW = 4 * WIDTH
WRITER = """
import sys, numpy as np
from pathlib import Path
from tuneworks.statistics.feature_cache import FeatureCache

def features(values):
    return np.array([[len(v), sum(map(ord, v)), ord(v[-1])] for v in values], dtype=np.float32)

cache = FeatureCache(Path(sys.argv[1]), "base", 3)
random = np.random.default_rng(int(sys.argv[2]))
for _ in range(150):
    values = [f"text {n}" for n in random.integers(0, 400, 20)]
    assert (cache.get(values, features) == features(values)).all()
"""


def features(values: list[str]) -> np.ndarray:
    """Three numbers that tell a text from others."""
    return np.array([[len(v), sum(map(ord, v)), ord(v[-1])] for v in values], dtype=np.float32)


class Counting:
    """Computes features and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, values: list[str]) -> np.ndarray:
        self.asked += values
        return features(values)


def test_equal_content_is_computed_once(tmp_path: Path) -> None:
    compute, values = Counting(), ["one", "two", "one", "three", "two"]
    first = FeatureCache(tmp_path, "base", WIDTH).get(values, compute)
    again = FeatureCache(tmp_path, "base", WIDTH).get(values[::-1], compute)
    assert (first == features(values)).all()
    assert (again == features(values[::-1])).all()
    assert sorted(compute.asked) == ["one", "three", "two"]


def test_another_base_has_its_own_features(tmp_path: Path) -> None:
    compute = Counting()
    for fingerprint in ("one", "other"):
        FeatureCache(tmp_path, fingerprint, WIDTH).get(["text"], compute)
    assert compute.asked == ["text", "text"]


def test_no_values_have_no_features(tmp_path: Path) -> None:
    compute = Counting()
    assert FeatureCache(tmp_path, "base", WIDTH).get([], compute).shape == (0, WIDTH)
    FeatureCache(tmp_path, "base", WIDTH).get(["a"], compute)
    assert FeatureCache(tmp_path, "base", WIDTH).get([], compute).shape == (0, WIDTH)


@pytest.mark.parametrize("keys", sorted({0, 1, KEY - 1, KEY, KEY + 1, 2 * KEY, 3 * KEY - 1, 3 * KEY}))
@pytest.mark.parametrize("rows", sorted({0, 1, ROW - 1, ROW, ROW + 1, ROW + 4, 2 * ROW, 3 * ROW - 4, 3 * ROW}))
def test_files_cut_anywhere_never_give_anothers_features(tmp_path: Path, keys: int, rows: int) -> None:
    values = ["a", "bb", "ccc"]
    FeatureCache(tmp_path, "base", WIDTH).get(values, features)
    _cut(tmp_path / "base.keys", keys)
    _cut(tmp_path / "base.f32", rows)
    for asked in (values[:1], ["new"], values, ["new", "newer", *values]):
        assert (FeatureCache(tmp_path, "base", WIDTH).get(asked, features) == features(asked)).all()


def test_values_left_without_keys_are_overwritten(tmp_path: Path) -> None:
    FeatureCache(tmp_path, "base", WIDTH).get(["a"], features)
    with open(tmp_path / "base.f32", "ab") as file:
        file.write(b"\xff" * (ROW + 5))
    held, compute = FeatureCache(tmp_path, "base", WIDTH), Counting()
    assert (held.get(["a"], compute) == features(["a"])).all()
    assert compute.asked == []
    assert (held.get(["a", "b"], compute) == features(["a", "b"])).all()
    assert (tmp_path / "base.f32").stat().st_size == 2 * ROW


def test_values_are_on_disk_before_their_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    FeatureCache(tmp_path, "base", WIDTH).get(["a"], features)
    rows, keys, synced, flush = tmp_path / "base.f32", tmp_path / "base.keys", [], os.fsync

    def noted(file: int) -> None:
        flush(file)
        if os.path.sameopenfile(file, opened := os.open(rows, os.O_RDONLY)):
            synced.append((rows.stat().st_size, keys.stat().st_size))
        os.close(opened)

    monkeypatch.setattr(os, "fsync", noted)
    FeatureCache(tmp_path, "base", WIDTH).get(["a", "b", "c"], features)
    assert synced == [(3 * ROW, KEY)]
    assert keys.stat().st_size == 3 * KEY


def test_what_one_base_alone_has_made_is_bounded_too(tmp_path: Path) -> None:
    held, compute = FeatureCache(tmp_path, "base", WIDTH), Counting()
    held.get(["a"], compute)
    os.truncate(tmp_path / "base.f32", MOST_BYTES + 1)  # a hole, which takes no room
    assert (held.get(["a"], compute) == features(["a"])).all()
    assert not (tmp_path / "base.f32").exists()
    assert (held.get(["a"], compute) == features(["a"])).all()
    assert compute.asked == ["a", "a"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.text(min_size=1, max_size=3), max_size=5), max_size=5), st.integers(0, 200))
def test_any_history_with_a_cut_gives_the_right_features(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[str]], cut: int
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    for values in batches:
        made = FeatureCache(folder, "base", WIDTH).get(values, features)
        assert np.array_equal(made, features(values).reshape(-1, WIDTH))
        for path, one in ((folder / "base.f32", ROW), (folder / "base.keys", KEY)):
            if path.exists() and cut % 2:
                _cut(path, max(0, path.stat().st_size - cut % one))


def test_two_processes_writing_at_once_agree(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(seed)]) for seed in (1, 2)]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0]
    compute, values = Counting(), [f"text {n}" for n in range(400)]
    assert (FeatureCache(tmp_path, "base", WIDTH).get(values, compute) == features(values)).all()
    assert len(compute.asked) < 10


def _cut(path: Path, size: int) -> None:
    if path.exists():
        with open(path, "r+b") as file:
            file.truncate(min(size, path.stat().st_size))
