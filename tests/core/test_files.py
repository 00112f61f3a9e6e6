"""A folder is there whole or not at all, and nothing is left of one that could not be filled."""

from __future__ import annotations

from pathlib import Path

import pytest

from tuneworks.core.files import whole_folder


def test_a_folder_is_filled_once_and_whole(tmp_path: Path) -> None:
    def fill(staged: Path) -> None:
        staged.mkdir()
        (staged / "a.txt").write_text("a")

    assert (whole_folder(tmp_path / "made", fill) / "a.txt").read_text() == "a"
    assert whole_folder(tmp_path / "made", lambda _: pytest.fail("it is there already")).is_dir()


def test_nothing_is_left_of_a_folder_that_could_not_be_filled(tmp_path: Path) -> None:
    def fill(staged: Path) -> None:
        staged.mkdir()
        (staged / "a.txt").write_text("a")
        raise ConnectionError

    with pytest.raises(ConnectionError):
        whole_folder(tmp_path / "made", fill)
    assert list(tmp_path.iterdir()) == []


def test_of_two_at_once_the_first_ones_stays(tmp_path: Path) -> None:
    def fill(staged: Path) -> None:
        staged.mkdir()
        other = tmp_path / "made"
        other.mkdir()
        (other / "b.txt").write_text("b")

    assert [path.name for path in whole_folder(tmp_path / "made", fill).iterdir()] == ["b.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["made"]
