"""Requests that wait for a worker: whoever is free takes as many of one deployment as fit, and never waits for more.

A request of many rows is taken piece by piece, each time behind the requests that came meanwhile. What waits is
bounded; a request past the bound is refused at once, with the time after which to ask again.
"""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tuneworks.core.clock import new_id
from tuneworks.core.errors import Overloaded, Unavailable
from tuneworks.core.text import Text

BATCH_TOKENS = 256
LEAST_TOKENS = 64
MOST_REQUESTS = 512
MOST_TOKENS = 65_536
MOST_RETRY_SECONDS = 60
BYTES_A_TOKEN = 4


@dataclass(eq=False)
class Request:
    """Rows of one caller, and the answers so far; whoever cancels ``done`` no longer wants them.

    ``id``: that of its first answer. ``weights``: roughly how many tokens each row is. ``choice``: who answers, chosen
    once (``choosing``) for all rows.
    """

    deployment: str
    rows: Sequence[Any]
    keys: Sequence[str | None]
    weights: Sequence[int]
    done: Future[Any] = field(default_factory=Future)
    choice: Any = None
    choosing: Any = field(default_factory=threading.Lock)
    answers: list[Any] = field(default_factory=list)
    taken: int = 0
    answered: int = 0
    asked: float = field(default_factory=time.perf_counter)
    trace: Any = None
    id: str = field(default_factory=lambda: new_id("pred"))

    def finish(self, value: Any) -> None:
        """Give the caller what was asked for, where somebody still waits for it."""
        with suppress(InvalidStateError):
            self.done.set_result(value)

    def fail(self, error: BaseException) -> None:
        """Tell the caller what went wrong; the first error counts."""
        with suppress(InvalidStateError):
            self.done.set_exception(error)


@dataclass(frozen=True)
class Piece:
    """Rows ``start`` to ``stop`` of a request."""

    request: Request
    start: int
    stop: int

    @property
    def rows(self) -> Sequence[Any]:
        return self.request.rows[self.start : self.stop]

    @property
    def weight(self) -> int:
        return sum(self.request.weights[self.start : self.stop])


class Batches:
    """A line of requests for each deployment, and the worker threads that take from the lines in turn.

    ``answer``: the answers, or the error, of each piece of a batch. ``finish``: told of a request whose last answer
    is there.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Piece]], Sequence[Any]],
        finish: Callable[[Request], None],
        workers: int,
    ) -> None:
        self._answer, self._finish = answer, finish
        self._lines: OrderedDict[str, deque[Request]] = OrderedDict()
        self._waiting = self._tokens = self._idle = self._unwanted = 0
        self._seconds_a_token = 0.0
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"worker-{number}", daemon=True) for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, request: Request) -> None:
        """Put a request in its line; raises ``Overloaded`` where too much waits already."""
        request.answers = [None] * len(request.rows)
        weight = sum(request.weights)
        with self._changed:
            if self._closed:
                raise _closed()
            if self._unwanted and self._is_full(weight):
                self._forget_unwanted()
            if self._is_full(weight):
                raise _overloaded(self._waiting, self._retry_seconds())
            self._lines.setdefault(request.deployment, deque()).append(request)
            self._waiting += 1
            self._tokens += weight
            self._changed.notify()
        request.done.add_done_callback(self._note_unwanted)

    def refusal(self) -> Overloaded | None:
        """What the next request would be refused with, at a glance; ``None`` where it might not be."""
        if self._unwanted or not self._is_full(1):
            return None
        return _overloaded(self._waiting, self._retry_seconds())

    def waiting(self) -> dict[tuple[str, ...], float]:
        """How many requests wait in each line."""
        with self._changed:
            return {(deployment,): float(len(line)) for deployment, line in self._lines.items()}

    def close(self) -> None:
        """Answer what waits, then stop; later requests are refused."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _is_full(self, weight: int) -> bool:
        return self._waiting >= MOST_REQUESTS or (self._waiting > 0 and self._tokens + weight > MOST_TOKENS)

    def _note_unwanted(self, done: Future[Any]) -> None:
        """Nobody waits for the rest of a request; whether any of it is in a line is looked at where room is needed."""
        if done.cancelled() or done.exception():
            with self._changed:
                self._unwanted += 1

    def _forget_unwanted(self) -> None:
        self._unwanted = 0
        for deployment, line in list(self._lines.items()):
            wanted = deque(request for request in line if not request.done.done())
            for request in line:
                if request.done.done():
                    self._forget(request)
            self._lines[deployment] = wanted
            if not wanted:
                del self._lines[deployment]

    def _forget(self, request: Request) -> None:
        self._waiting -= 1
        self._tokens -= sum(request.weights[request.taken :])

    def _retry_seconds(self) -> int:
        seconds = math.ceil(self._tokens * self._seconds_a_token / len(self._threads))
        return min(MOST_RETRY_SECONDS, max(1, seconds))

    def _work(self) -> None:
        while (batch := self._next()) is not None:
            if batch:
                self._run(batch)

    def _next(self) -> list[Piece] | None:
        """A batch from the line whose turn it is; ``None`` when closed and nothing waits."""
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._lines or self._closed)
            self._idle -= 1
            if not self._lines:
                return None
            deployment, line = self._lines.popitem(last=False)
            batch = self._taken(line)
            if line:
                self._lines[deployment] = line
            if self._lines:
                self._changed.notify()
            return batch

    def _taken(self, line: deque[Request]) -> list[Piece]:
        """As many requests from the front of a line as fit; of one that fits into no batch, its next rows.

        Where other workers are free too, each takes its share.
        """
        batch: list[Piece] = []
        room = min(BATCH_TOKENS, max(LEAST_TOKENS, self._tokens // (1 + self._idle)))
        unfinished: list[Request] = []
        while line and room > 0:
            request = line.popleft()
            if request.done.done():
                self._forget(request)
                continue
            piece = _fitting(request, room)
            if batch and piece.stop < len(request.rows):
                line.appendleft(request)
                break
            self._take(piece)
            room -= piece.weight
            batch.append(piece)
            if piece.stop < len(request.rows):
                unfinished.append(request)
        line.extend(unfinished)
        return batch

    def _take(self, piece: Piece) -> None:
        piece.request.taken = piece.stop
        self._tokens -= piece.weight
        self._waiting -= piece.stop == len(piece.request.rows)

    def _run(self, batch: list[Piece]) -> None:
        began = time.perf_counter()
        try:
            answered = self._answer(batch)
        except Exception as error:
            answered = [error] * len(batch)
        seconds = (time.perf_counter() - began) / sum(piece.weight for piece in batch)
        self._seconds_a_token += 0.1 * (seconds - self._seconds_a_token)
        for piece, answers in zip(batch, answered, strict=True):
            self._settle(piece, answers)

    def _settle(self, piece: Piece, answers: Any) -> None:
        request = piece.request
        if isinstance(answers, Exception):
            request.fail(answers)
            return
        request.answers[piece.start : piece.stop] = answers
        with self._changed:
            request.answered += piece.stop - piece.start
            is_whole = request.answered == len(request.rows)
        if is_whole and not request.done.done():
            try:
                self._finish(request)
            except Exception as error:
                request.fail(error)


def weight_of(row: Any) -> int:
    """Roughly how many tokens a row is: of English a word, of Chinese a character and a half."""
    values = row.values() if isinstance(row, Mapping) else ()
    return 2 + sum(map(_tokens, values))


def _tokens(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode(errors="replace")) // BYTES_A_TOKEN
    return len(value) if isinstance(value, (list, tuple)) else 1


def _fitting(request: Request, room: int) -> Piece:
    """The request's next rows that fit into the room, at least one."""
    stop = request.taken
    while stop < len(request.rows):
        room -= request.weights[stop]
        if room < 0 and stop > request.taken:
            break
        stop += 1
    return Piece(request, request.taken, stop)


def _overloaded(waiting: int, seconds: int) -> Overloaded:
    return Overloaded(
        Text(
            f"{waiting} requests are waiting already; this one was refused.",
            f"已有 {waiting} 个请求在等待；本请求被拒绝。",
        ),
        Text(f"Ask again in {seconds} seconds.", f"请在 {seconds} 秒后重试。"),
        seconds,
    )


def _closed() -> Unavailable:
    return Unavailable(
        Text("The server is stopping.", "服务正在停止。"),
        Text("Ask again once it has started.", "请在服务启动后重试。"),
    )
