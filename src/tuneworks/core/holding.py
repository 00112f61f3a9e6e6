"""Holding a run while it is done: the lease is kept alive, events are stored, and what others wish is heard of."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import FrameType

from tuneworks.core.clock import now
from tuneworks.core.errors import Conflict, RunStopped, TuneworksError
from tuneworks.core.events import Listener, tell
from tuneworks.core.lifecycle import FINISHED, fail, lease_id, release
from tuneworks.core.text import Text, plain
from tuneworks.core.types import Event, Lease, Run
from tuneworks.core.workspace import Workspace

LOOK_SECONDS = 0.3
BEAT_SECONDS = 5.0
LEASE_SECONDS = 30.0
WISHES = {"pause": Text("paused", "暂停"), "cancel": Text("cancelled", "取消")}
STOPPING = Text(
    "Stopping after this step, with a checkpoint; press Ctrl-C once more to stop at once.",
    "将在当前步骤结束并写入检查点后停止；再按一次 Ctrl-C 立即停止。",
)


class Hold:
    """A claimed run at work in this process; ``hear`` is the listener for its work, and raises when it is to stop."""

    def __init__(self, workspace: Workspace, run: Run, listener: Listener) -> None:
        self.workspace, self.run = workspace, run
        self._listener = listener
        self._pending: dict[str, Event] = {}
        self._lock, self._told = threading.Lock(), 0
        self._stop: BaseException | None = None
        self._ended = threading.Event()
        self._beaten = time.monotonic()
        self._thread = threading.Thread(target=self._live, name=f"lease of {run.id}", daemon=True)

    def hear(self, event: Event) -> None:
        """Keep an event of the run for the store, pass it on, and raise where the run is no longer to go on."""
        event = replace(event, run_id=event.run_id or self.run.id)
        self.note(event)
        self._listener(event)
        self.check()

    def note(self, event: Event) -> None:
        """Keep an event for the store; of counted work that is told often, the newest alone."""
        if event.run_id != self.run.id:
            return
        often = event.step is not None and "validation" not in event.values
        with self._lock:
            name = event.message.en if often else f"{event.kind} {event.at} {len(self._pending)}"
            self._pending.pop(name, None)
            self._pending[name] = event

    def check(self) -> None:
        """Raise where the run is no longer to go on: ``RunStopped``, ``Conflict``, or the user's Ctrl-C."""
        if self._stop is not None:
            raise self._stop

    def interrupt(self, *_: int | FrameType | None) -> None:
        """Ctrl-C: stop at the next chance; at the second one at once."""
        if isinstance(self._stop, KeyboardInterrupt):
            raise KeyboardInterrupt
        self._stop = KeyboardInterrupt()
        tell(self._listener, "stopping", STOPPING, run_id=self.run.id)

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Store what is left to store, and give the lease back."""
        self._ended.set()
        self._thread.join()
        with suppress(TuneworksError):
            self._flush()
            release(self.workspace, self.run)

    def _live(self) -> None:
        """Look at the store again and again; where it does not answer, the next time."""
        while not self._ended.wait(LOOK_SECONDS):
            with suppress(TuneworksError):
                self._look()
                self._flush()

    def is_taken(self) -> bool:
        """Whether another process has claimed the run since; what it cleared away is then no fault of this one."""
        stored = self.workspace.store.get(Run, self.run.id)
        return stored is None or stored.claims != self.run.claims

    def _look(self) -> None:
        stored = self.workspace.store.get(Run, self.run.id)
        if stored is None or stored.claims != self.run.claims:
            self._stop = self._stop or taken_over(self.run)
        elif stored.wanted is not None and stored.status == "running":
            self._stop = self._stop or stopped(self.run, stored.wanted)
        if time.monotonic() - self._beaten >= BEAT_SECONDS:
            self._beat()

    def _beat(self) -> None:
        store, name = self.workspace.store, lease_id(self.run.id)
        revision, lease = store.revision(Lease, name), store.get(Lease, name)
        if lease is not None and lease.claims == self.run.claims:
            with suppress(Conflict):
                store.put(replace(lease, beats=lease.beats + 1), expect={name: revision})
                self._beaten = time.monotonic()

    def _flush(self) -> None:
        with self._lock:
            pending, self._pending = list(self._pending.values()), {}
        numbered = []
        for event in pending:
            self._told += 1
            numbered.append(replace(event, id=f"{self.run.id}.{self.run.claims:03d}.{self._told:08d}"))
        self.workspace.store.append(numbered)


@contextmanager
def held(workspace: Workspace, run: Run, listener: Listener) -> Iterator[Hold]:
    """A claimed run while it is done; an error, a pause or Ctrl-C ends it in the store and goes on to the caller."""
    hold = Hold(workspace, run, listener)
    hold.begin()
    try:
        with _ctrl_c(hold):
            yield hold
        hold.note(Event("finished", FINISHED, now(), run.id))
    except BaseException as error:
        if not isinstance(error, Conflict) and hold.is_taken():
            raise taken_over(run) from error
        ended = fail(workspace, run, error)
        last = Event(ended.status, ended.error or plain(""), now(), run.id)
        hold.note(last)
        if isinstance(error, KeyboardInterrupt):
            listener(last)
        raise
    finally:
        hold.end()


def stopped(run: Run, wanted: str) -> RunStopped:
    """The error that ends a run because somebody wished so."""
    word = WISHES[wanted]
    if wanted == "pause":
        way = Text(f"Go on with it: tuneworks resume {run.id}", f"继续运行：tuneworks resume {run.id}")
    else:
        way = Text("Nothing of it was kept.", "未保留其任何内容。")
    return RunStopped(Text(f"The run {run.id} was {word.en}.", f"运行 {run.id} 已{word.zh}。"), way, wanted)


def taken_over(run: Run) -> Conflict:
    """The error that ends the work of a process whose lease was taken."""
    return Conflict(
        Text(
            f"The run {run.id} was taken over by another process, since this one had not been heard of.",
            f"由于本进程长时间没有响应，运行 {run.id} 已被另一个进程接管。",
        ),
        Text(f"See it: tuneworks show {run.id}", f"查看：tuneworks show {run.id}"),
    )


@contextmanager
def _ctrl_c(hold: Hold) -> Iterator[None]:
    """The first Ctrl-C lets the step end, where this is the thread that is told of it and nobody else listens."""
    usual = signal.default_int_handler
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is not usual:
        yield
        return
    signal.signal(signal.SIGINT, hold.interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
