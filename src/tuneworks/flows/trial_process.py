"""Trials in a process of their own: what takes the process down leaves the search standing.

The search sends what to try and answers what is measured on the way; lines of JSON go to and fro. A process ends when
its search does, whatever ended that.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

from tuneworks.core.errors import RunFailed, TuneworksError
from tuneworks.core.events import Listener
from tuneworks.core.hands import Hand
from tuneworks.core.records import from_plain, to_json
from tuneworks.core.text import Text
from tuneworks.core.trials import Measured
from tuneworks.core.types import Event, RunConfig
from tuneworks.core.workspace import Workspace
from tuneworks.flows.trial import GoesOn, Order, OutOfTime, Trying

LAST_SECONDS = 10.0
SECONDS_BETWEEN_EVENTS = 0.5


class Hangup(Exception):
    """The other end of the line is gone."""


class Line:
    """Values to and from another process, a line of JSON each."""

    def __init__(self, read: Callable[[], bytes], write: Callable[[bytes], object]) -> None:
        self._read, self._write = read, write

    def send(self, value: Any) -> None:
        try:
            self._write(to_json(value).encode() + b"\n")
        except (OSError, ValueError) as error:
            raise Hangup from error

    def receive(self) -> Any:
        line = self._read()
        if not line.endswith(b"\n"):
            raise Hangup
        return json.loads(line)


class TrialProcess:
    """Tries one recipe after another in a process; started with the first, and anew after one that killed it."""

    def __init__(self, config: RunConfig, start: Callable[[], Hand]) -> None:
        self._config, self._start = config, start
        self._hand: Hand | None = None

    def __call__(self, order: Order, goes_on: GoesOn, listener: Listener) -> Measured | None:
        """As ``Trying``; raises ``RunFailed`` where the process ended before it answered."""
        kind, value = self._answered(order, goes_on, listener)
        return ANSWERS[kind](value)

    def close(self) -> None:
        """End the process, in the midst of a trial too."""
        self._end(0.0)

    def _answered(self, order: Order, goes_on: GoesOn, listener: Listener) -> tuple[str, Any]:
        """How the process says that the trial ended; where it is not heard out it is ended, for it still tries."""
        try:
            line = self._line()
            line.send(order)
            while True:
                kind, value = line.receive()
                if kind == "measured":
                    line.send(goes_on(from_plain(Measured, value)))
                elif kind == "event":
                    listener(from_plain(Event, value))
                else:
                    return kind, value
        except Hangup as error:
            raise self._died() from error
        except BaseException:
            self._end(0.0)
            raise

    def _line(self) -> Line:
        if self._hand is not None:
            return Line(self._hand.readline, self._hand.write)
        self._hand = self._start()
        line = Line(self._hand.readline, self._hand.write)
        line.send(self._config)
        return line

    def _end(self, patience: float) -> int | None:
        hand, self._hand = self._hand, None
        return hand.end(patience) if hand else None

    def _died(self) -> RunFailed:
        code = self._end(LAST_SECONDS)
        return RunFailed(
            Text(
                f"The trial's process ended with code {code} (-9: killed, often for want of memory).",
                f"试验进程以代码 {code} 结束（-9 表示被终止，常因内存不足）。",
            ),
            Text("Search smaller batches or a smaller base model.", "请搜索更小的批次或更小的基础模型。"),
        )


def _done(value: Any) -> Measured | None:
    measured: Measured | None = from_plain(Measured, value)
    return measured


def _late(value: Any) -> None:
    raise OutOfTime(value)


def _refused(value: Any) -> None:
    raise RunFailed(from_plain(Text, value["problem"]), from_plain(Text, value["fix"]))


def _broken(value: Any) -> None:
    raise RuntimeError(f"A trial failed in its process:\n{value}")


ANSWERS: dict[str, Callable[[Any], Measured | None]] = {
    "done": _done,
    "late": _late,
    "refused": _refused,
    "broken": _broken,
}


def work(line: Line, root: str, search: int) -> None:
    """Try what comes over the line until it is closed."""
    config = from_plain(RunConfig, line.receive())
    with Workspace.open(root) as workspace:
        trying: Trying | None = None
        while True:
            order = from_plain(Order, line.receive())
            try:
                trying = trying or Trying(workspace, config)
                line.send(["done", trying(order, _asking(line), _telling(line, search))])
            except OutOfTime as late:
                line.send(["late", late.seconds])
            except TuneworksError as error:
                line.send(["refused", {"problem": error.problem, "fix": error.fix}])
            except Hangup:
                raise
            except Exception:
                line.send(["broken", traceback.format_exc()])


def _asking(line: Line) -> GoesOn:
    def goes_on(measured: Measured) -> bool:
        line.send(["measured", measured])
        return bool(line.receive())

    return goes_on


def _telling(line: Line, search: int) -> Listener:
    """A listener that passes on what is worth seeing, and ends the process when its search is gone."""
    told = 0.0

    def listen(event: Event) -> None:
        nonlocal told
        if os.getppid() != search:
            raise Hangup
        often = event.step is not None and event.step != event.total
        if not often or time.monotonic() - told >= SECONDS_BETWEEN_EVENTS:
            told = time.monotonic()
            line.send(["event", event])

    return listen


def main(root: str) -> None:
    """The process: what it prints goes to standard error, for standard output is the line."""
    search = os.getppid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    outgoing = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def write(line: bytes) -> None:
        outgoing.write(line)
        outgoing.flush()

    try:
        work(Line(sys.stdin.buffer.readline, write), root, search)
    except Hangup:
        os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
