"""Challengers in shadow: asked after the caller has the answer, behind it, and never in anybody's way."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy

from tuneworks.core.answers import Answer
from tuneworks.core.asking import Row
from tuneworks.core.clock import new_id, now
from tuneworks.core.errors import TuneworksError
from tuneworks.core.meters import SHADOWS, count
from tuneworks.core.text import Text
from tuneworks.core.types import Deployment, Prediction, Served, Shadow, TaskSpec
from tuneworks.core.workspace import Workspace
from tuneworks.flows.guard import Fault, guard_of, judged, tried
from tuneworks.flows.moves import crown
from tuneworks.flows.references import label_of
from tuneworks.statistics.shapes.shape import shape_of

MOST_WAITING = 256
NAME = "shadows"
ENOUGH = Text("It gave as many answers in shadow as the policy asks for.", "影子运行的答案数已达到发布策略的要求。")
_making = threading.Lock()


@dataclass(frozen=True)
class Asked:
    """What a caller asked and was answered, for the challenger to be asked too."""

    deployment: Deployment
    challenger: Served
    rows: Sequence[Row]
    predictions: Sequence[Prediction]


class Shadows:
    """One thread that asks challengers what callers asked; what it cannot keep up with is dropped and counted."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._waiting: queue.Queue[Asked | None] = queue.Queue(MOST_WAITING)
        self._left: dict[str, int] = {}
        self._thread = threading.Thread(target=self._work, name="shadows", daemon=True)
        self._thread.start()

    def offer(self, asked: Asked) -> None:
        """Have the challenger asked soon; returns at once."""
        try:
            self._waiting.put_nowait(asked)
        except queue.Full:
            _count(self._workspace, asked, "dropped", len(asked.rows))

    def close(self) -> None:
        """Ask what waits, then stop."""
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (asked := self._waiting.get()) is not None:
            try:
                made = self._asked(asked)
                self._workspace.store.append(made)
                self._promote_when_due(asked)
            except TuneworksError:  # the store or a package is away: nothing can be kept of it
                _count(self._workspace, asked, "dropped", len(asked.rows))

    def _asked(self, asked: Asked) -> list[Shadow]:
        workspace, deployment = self._workspace, asked.deployment
        began = time.perf_counter()
        given = tried(workspace, asked.challenger, asked.rows)
        milliseconds = round((time.perf_counter() - began) * 1000 / max(1, len(asked.rows)), 3)
        if isinstance(given, Fault):
            judged(workspace, deployment, asked.challenger, given)
            _count(workspace, asked, "failed", len(asked.rows))
            return [_shadow(asked, one, milliseconds, error=given.reason) for one in asked.predictions]
        guard_of(workspace).note(deployment.id, asked.challenger, deployment.policy, failed=False)
        made = []
        for prediction, answer in zip(asked.predictions, given.answers, strict=True):
            same = _same(given.loaded.model.spec, prediction, answer)
            made.append(_shadow(asked, prediction, milliseconds, answer=answer, same=same))
            _count(workspace, asked, {True: "same", False: "different", None: "measured"}[same])
        return made

    def _promote_when_due(self, asked: Asked) -> None:
        """Promote a challenger that gave as many answers as its policy asks for, counted over all processes."""
        wanted, version = asked.deployment.policy.shadow_answers, asked.challenger.version_id
        self._left[version] = self._left.get(version, 0) - len(asked.rows)
        if not wanted or self._left[version] > 0:
            return
        found = self._workspace.store.find(Shadow, deployment=asked.deployment.id, version_id=version, limit=wanted)
        self._left[version] = wanted - len(found)
        present = self._workspace.store.get(Deployment, asked.deployment.id)
        if self._left[version] <= 0 and present and (present.challenger, present.mode) == (asked.challenger, "shadow"):
            crown(self._workspace, present.id, asked.challenger, kind="promoted", reason=ENOUGH)


def shadow(
    workspace: Workspace, deployment: Deployment, rows: Sequence[Row], predictions: Sequence[Prediction]
) -> None:
    """Have the challenger in shadow asked what was just answered; nothing where there is none."""
    if deployment.challenger is None or deployment.mode != "shadow" or not predictions:
        return
    with _making:
        if NAME not in workspace.loaded:
            workspace.loaded[NAME] = Shadows(workspace)
    workspace.loaded[NAME].offer(Asked(deployment, deployment.challenger, list(rows), list(predictions)))


def _shadow(
    asked: Asked,
    prediction: Prediction,
    milliseconds: float,
    *,
    answer: Answer | None = None,
    same: bool | None = None,
    error: Text | None = None,
) -> Shadow:
    version = asked.challenger.version_id
    name = asked.deployment.id
    return Shadow(new_id("shadow"), name, version, prediction.id, now(), milliseconds, answer, same, error)


def _same(spec: TaskSpec, prediction: Prediction, answer: Answer) -> bool | None:
    """Whether two answers name the same labels; ``None`` where there are none to name."""
    given = shape_of(answer.kind).signature([prediction.answer, answer], spec)
    return bool(numpy.array_equal(*given.values)) if given.counted else None


def _count(workspace: Workspace, asked: Asked, outcome: str, rows: int = 1) -> None:
    count(SHADOWS, asked.deployment.id, label_of(workspace, asked.challenger.version_id), outcome, amount=rows)
