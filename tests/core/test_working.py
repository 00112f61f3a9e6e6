"""Working folders go with their process, killed or not; those of the living stay."""

from __future__ import annotations

import multiprocessing
import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from tuneworks.core.working import sweep, working_folder


def works_until_killed(place: Path, told: Connection) -> None:
    with working_folder(place) as folder:
        (folder / "half").write_bytes(bytes(1000))
        told.send(folder)
        signal.pause()


def test_a_folder_is_there_as_long_as_it_is_worked_in(tmp_path: Path) -> None:
    with working_folder(tmp_path / "working") as one, working_folder(tmp_path / "working") as other:
        assert one != other
        (one / "parts").mkdir()
        sweep(tmp_path / "working")
        assert (one / "parts").is_dir()
    assert list((tmp_path / "working").iterdir()) == []


def test_it_goes_with_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="wrong"), working_folder(tmp_path):
        raise ValueError("wrong")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_goes_with_the_next(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    heard, told = context.Pipe(duplex=False)
    worker = context.Process(target=works_until_killed, args=(tmp_path, told))
    worker.start()
    left = heard.recv()
    sweep(tmp_path)
    assert (left / "half").exists()  # its process lives
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    assert (left / "half").exists()
    with working_folder(tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder]
