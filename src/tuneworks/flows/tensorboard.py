"""What runs tell, written as TensorBoard scalars: one folder a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from tuneworks.core.events import Listener
from tuneworks.core.registry import missing_extra
from tuneworks.core.types import Event

VARIABLE = "TUNEWORKS_TENSORBOARD"
FLUSH_SECONDS = 5
NO_RUN = "tuneworks"


class TensorBoard:
    """A listener that writes every value of counted work at its step; ``close`` writes what is left."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        try:
            from tensorboardX import SummaryWriter
        except ModuleNotFoundError as error:
            raise missing_extra("tensorboardX") from error
        self._make = SummaryWriter
        self._folder = Path(folder)
        self._writers: dict[str, Any] = {}

    def __call__(self, event: Event) -> None:
        if event.step is None or not event.values:
            return
        name = event.run_id or NO_RUN
        if name not in self._writers:
            self._writers[name] = self._make(str(self._folder / name), flush_secs=FLUSH_SECONDS)
        at = datetime.fromisoformat(event.at).timestamp()
        for value in event.values:
            self._writers[name].add_scalar(value, event.values[value], event.step, walltime=at)

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()


def tensorboard(folder: str | os.PathLike[str]) -> TensorBoard:
    """A listener that writes scalars for TensorBoard, one folder a run below the given one; close it at the end."""
    return TensorBoard(folder)


@contextmanager
def told_to_tensorboard(listener: Listener) -> Iterator[Listener]:
    """The listener, and beside it TensorBoard where ``TUNEWORKS_TENSORBOARD`` names a folder."""
    folder = os.environ.get(VARIABLE)
    if not folder:
        yield listener
        return
    board = tensorboard(folder)

    def both(event: Event) -> None:
        board(event)
        listener(event)

    try:
        yield both
    finally:
        board.close()
