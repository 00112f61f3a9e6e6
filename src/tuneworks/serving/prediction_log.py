"""The prediction log: many callers, one writer, one flush to disk for everybody who waits (group commit)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import Future

from tuneworks.core.errors import Unavailable
from tuneworks.core.keeping import Store
from tuneworks.core.meters import LOG_FLUSHES, LOGGED, count
from tuneworks.core.text import Text
from tuneworks.core.types import Prediction

Entry = tuple[Sequence[Prediction], "Future[None]"]


class PredictionLog:
    """Appends predictions durably; a call returns when the group it travelled in is committed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pending: list[Entry] = []
        self._changed = threading.Condition()
        self._closed = False
        self._writer: threading.Thread | None = None

    def append(self, predictions: Sequence[Prediction]) -> None:
        """Log predictions and wait until they are on disk; raises what the store raised."""
        self.begin(predictions).result()

    async def append_async(self, predictions: Sequence[Prediction]) -> None:
        """The same for a server's event loop."""
        await asyncio.wrap_future(self.begin(predictions))

    def begin(self, predictions: Sequence[Prediction]) -> Future[None]:
        """The same without waiting: done once they are on disk."""
        done: Future[None] = Future()
        with self._changed:
            if self._closed:
                raise _closed()
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_groups, name="prediction-log", daemon=True)
                self._writer.start()
            self._pending.append((list(predictions), done))
            self._changed.notify()
        return done

    def close(self) -> None:
        """Write what is pending, then stop; later calls are refused."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._writer is not None:
            self._writer.join()

    def _write_groups(self) -> None:
        while group := self._next_group():
            self._write(group)

    def _next_group(self) -> list[Entry]:
        """All that is pending, as soon as there is any; empty when closed and drained."""
        with self._changed:
            self._changed.wait_for(lambda: self._pending or self._closed)
            group, self._pending = self._pending, []
        return group

    def _write(self, group: list[Entry]) -> None:
        """Commit a group; where one caller's rows cannot be stored, only that caller hears of it."""
        try:
            self._store.append([prediction for predictions, _ in group for prediction in predictions])
        except Exception as error:
            if len(group) == 1 or isinstance(error, Unavailable):
                for _, done in group:
                    _tell(done, error)
            else:
                for entry in group:
                    self._write([entry])
        else:
            count(LOG_FLUSHES)
            count(LOGGED, amount=sum(len(predictions) for predictions, _ in group))
            for _, done in group:
                _tell(done, None)


def _tell(done: Future[None], error: Exception | None) -> None:
    if not done.set_running_or_notify_cancel():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)


def _closed() -> Unavailable:
    return Unavailable(
        Text("The prediction log is closed.", "预测日志已关闭。"),
        Text("Start the server again.", "请重新启动服务。"),
    )
