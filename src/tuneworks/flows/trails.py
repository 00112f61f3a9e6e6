"""The trail of a run: what its fits leave behind as they go, so that a later attempt goes on instead of beginning."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tuneworks.core.checkpoints import Checkpoints, Damaged
from tuneworks.core.contracts import Step
from tuneworks.core.environment import differences, environment
from tuneworks.core.errors import RunStopped
from tuneworks.core.events import Listener, silent, tell
from tuneworks.core.files import sha256_of_bytes
from tuneworks.core.records import from_plain, to_json, to_plain
from tuneworks.core.text import Text
from tuneworks.core.types import Recipe

Noted = Callable[[], Mapping[str, object]]
MOST_SHARE = 0.05  # of the time that checkpoints may take
HISTORY, ENVIRONMENT, MEASURED = "tuneworks.steps.jsonl", "tuneworks.environment.json", "tuneworks.measured.json"


class Trail:
    """What one fit leaves and finds; without a folder it finds nothing and leaves nothing.

    ``resumed``: the state an earlier attempt left, ``history`` the steps that led to it, ``measured`` its best.
    ``noted`` of the methods gives the best so far, asked for where it is kept.
    """

    def __init__(
        self, folder: Path | None = None, name: str = "", *, seconds: float = 0.0, listener: Listener = silent
    ) -> None:
        self._checkpoints = None if folder is None else Checkpoints(folder, name)
        self._seconds, self._listener = seconds, listener
        self._due = time.monotonic() + seconds
        found = self._checkpoints.newest(self._tell_damaged) if self._checkpoints else None
        files = dict(found.files) if found else {}
        self.history = _history(files.pop(HISTORY, b""))
        self.measured: Mapping[str, object] = json.loads(files.pop(MEASURED, b"{}"))
        then = json.loads(files.pop(ENVIRONMENT, b"{}"))
        self._changed = differences(then, environment()) if found else {}
        self.resumed = files if found else None
        if found is not None:
            self._tell_resumed()

    def passed(self, step: Step, history: Sequence[Step], noted: Noted) -> None:
        """A step is done, the last of ``history``: where a checkpoint is due, write it."""
        if time.monotonic() >= self._due:
            self._write(step, history, noted)
        self._tell_changed(step)

    def stopped(self, error: BaseException, step: Step, history: Sequence[Step], noted: Noted) -> None:
        """The fit ends after a step by this error: keep its state where somebody means to go on."""
        cancelled = isinstance(error, RunStopped) and error.wanted == "cancel"
        if isinstance(error, (RunStopped, KeyboardInterrupt)) and not cancelled:
            self._write(step, history, noted)
            self._tell_changed(step)

    def _write(self, step: Step, history: Sequence[Step], noted: Noted) -> None:
        """One checkpoint; the next is due when the time it took is a small share of all."""
        if self._checkpoints is None or step.state is None:
            return
        began = time.monotonic()
        own = {
            HISTORY: b"".join(_line(passed) for passed in history),
            ENVIRONMENT: json.dumps(environment()).encode(),
            MEASURED: to_json(noted()).encode(),
        }
        self._checkpoints.write(len(history), {**step.state(), **own})
        took = time.monotonic() - began
        self._due = began + took + max(self._seconds, took / MOST_SHARE if self._seconds else 0.0)
        tell(
            self._listener,
            "checkpoint",
            Text(f"checkpoint at step {step.step} of {step.total}", f"检查点：第 {step.step} 步，共 {step.total} 步"),
            {"seconds": took},
        )

    def _tell_damaged(self, damaged: Damaged) -> None:
        tell(
            self._listener,
            "warning",
            Text(
                f"The checkpoint {damaged.folder} is damaged ({damaged.reason}); an older one is used.",
                f"检查点 {damaged.folder} 已损坏（{damaged.reason}），改用较早的检查点。",
            ),
        )

    def _tell_changed(self, step: Step) -> None:
        """Say what has changed since the checkpoint, once a step shows that the method goes on from it all the same."""
        if not self._changed or step.state is None:
            return
        told = ", ".join(f"{name} {was} -> {now}" for name, (was, now) in self._changed.items())
        self._changed = {}
        tell(
            self._listener,
            "warning",
            Text(
                f"Since the checkpoint this has changed: {told}. The result is as good, but not the same bytes.",
                f"自该检查点以来已有变化：{told}。结果同样可用，但不会逐字节相同。",
            ),
        )

    def _tell_resumed(self) -> None:
        step = self.history[-1]
        tell(
            self._listener,
            "resumed",
            Text(
                f"going on from the checkpoint at step {step.step} of {step.total}",
                f"从检查点继续：第 {step.step} 步，共 {step.total} 步",
            ),
        )


class Trails:
    """The trails of a run's fits: one for each recipe it fits, told apart by the recipe's own hash."""

    def __init__(self, folder: Path, run_id: str, *, seconds: float, listener: Listener) -> None:
        self.folder, self._run_id, self._seconds, self._listener = folder, run_id, seconds, listener

    def of(self, recipe: Recipe) -> Trail:
        name = sha256_of_bytes(to_json(recipe).encode())[:16]
        return Trail(self.folder / name, f"{self._run_id}/{name}", seconds=self._seconds, listener=self._listener)

    def remove(self) -> None:
        """The run is done: nothing will be gone on from."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _line(step: Step) -> bytes:
    said = {"step": step.step, "total": step.total, "message": to_plain(step.message), "values": dict(step.values)}
    return (json.dumps(said, ensure_ascii=False) + "\n").encode()


def _history(lines: bytes) -> tuple[Step, ...]:
    read = [json.loads(line) for line in lines.splitlines()]
    return tuple(Step(r["step"], r["total"], from_plain(Text, r["message"]), r["values"]) for r in read)


NO_TRAIL = Trail()


def no_trail(recipe: Recipe) -> Trail:
    """The trail of a fit that nobody will go on with."""
    return NO_TRAIL
