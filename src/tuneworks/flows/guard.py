"""Releases under guard: who answers a request, and what happens where a version cannot.

A version that does not load, answers with not-a-number or fails too often is taken back by itself: a challenger is
tried no longer, a new champion gives way to the one before it. The request at hand is answered by that one.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import numpy

from tuneworks.core.answers import Answer
from tuneworks.core.clock import now
from tuneworks.core.errors import BrokenSeal, Conflict, TuneworksError, Unavailable
from tuneworks.core.text import Text, plain
from tuneworks.core.types import Deployment, Policy, Served
from tuneworks.core.wanted import Abandoned
from tuneworks.core.workspace import Workspace
from tuneworks.flows.moves import moves_of, without
from tuneworks.serving.engine import LoadedModel, engine_of
from tuneworks.serving.pictures import image_columns, taken

NEW = ("deployed", "promoted")
NAME = "guard"
_making = threading.Lock()


@dataclass(frozen=True)
class Given:
    """Who answered a request, the rows as they were asked, and one score array and one answer for each."""

    served: Served
    loaded: LoadedModel
    rows: Sequence[Any]
    scores: list[Any]
    answers: list[Answer]


@dataclass(frozen=True)
class Fault:
    """Why a version gave no answer; ``grave``: it is to be taken back at once, without waiting for others."""

    reason: Text
    error: Exception
    grave: bool


class Guard:
    """How the versions of deployments have fared in this process, each over its newest requests."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._failed: dict[tuple[str, str], deque[bool]] = {}
        self._led: dict[str, Served] = {}
        self._opening: set[str] = set()
        self._turn = threading.Lock()

    def note(self, deployment: str, served: Served, policy: Policy, failed: bool) -> float | None:
        """Remember how a request went; the share of failed ones where that is past the policy's limit."""
        with self._turn:
            key = deployment, served.version_id
            fared = self._failed.get(key)
            if fared is None or fared.maxlen != policy.window:
                fared = self._failed[key] = deque(fared or (), policy.window)
            fared.append(failed)
            share = sum(fared) / len(fared)
            return share if failed and len(fared) >= policy.fewest and share > policy.error_share else None

    def leads(self, deployment: Deployment, served: Served) -> None:
        """Remember the champion that answered last."""
        if served == deployment.champion:
            self._led[deployment.id] = served

    def opened(self, deployment: Deployment, served: Served) -> Served:
        """Who answers while ``served`` is being opened: whoever did before, if that one is still in memory."""
        before = self._before(deployment, served)
        engine = engine_of(self._workspace)
        if before is None or engine.is_open(served) or not engine.is_open(before):
            return served
        with self._turn:
            if served.version_id in self._opening:
                return before
            self._opening.add(served.version_id)
        threading.Thread(target=self._open, args=(deployment, served), name="opening", daemon=True).start()
        return before

    def _before(self, deployment: Deployment, served: Served) -> Served | None:
        if served == deployment.challenger:
            return deployment.champion
        last = self._led.get(deployment.id)
        return last if last in deployment.previous else None

    def _open(self, deployment: Deployment, served: Served) -> None:
        try:
            _opened(self._workspace, deployment, served)
        except TuneworksError:
            return  # whoever asks it next is told
        finally:
            with self._turn:
                self._opening.discard(served.version_id)


def guard_of(workspace: Workspace) -> Guard:
    """The workspace's one guard, made on first use."""
    with _making:
        if NAME not in workspace.loaded:
            workspace.loaded[NAME] = Guard(workspace)
        guard: Guard = workspace.loaded[NAME]
        return guard


def chosen(workspace: Workspace, deployment: Deployment, key: str) -> Served:
    """Who answers the request with that key (else that id): always the same one for the same release and key."""
    challenger = deployment.challenger
    in_canary = (
        challenger is not None and deployment.mode == "canary" and place(deployment, key) < deployment.policy.share
    )
    served = challenger if challenger is not None and in_canary else deployment.champion
    return guard_of(workspace).opened(deployment, served)


def place(deployment: Deployment, key: str) -> float:
    """Where a key stands among all of a release's, 0 to 1: a larger share keeps whoever was in a smaller one."""
    release = deployment.challenger.version_id if deployment.challenger else ""
    digest = sha256(f"{deployment.id}\n{release}\n{key}".encode()).digest()
    return float(int.from_bytes(digest[:8], "big") / 2**64)


def answered(workspace: Workspace, deployment: Deployment, served: Served, rows: Sequence[Any]) -> Given:
    """The answers of ``served``; where it cannot answer, those of the version that takes its place."""
    given = tried(workspace, served, rows)
    guard = guard_of(workspace)
    if isinstance(given, Given):
        guard.note(deployment.id, served, deployment.policy, failed=False)
        guard.leads(deployment, served)
        return given
    after = judged(workspace, deployment, served, given)
    if after is None or after.champion == served:
        raise given.error
    return answered(workspace, after, after.champion, rows)


def able(workspace: Workspace, deployment: Deployment, served: Served) -> Served:
    """The version, opened; where it does not load, the one that takes its place."""
    try:
        engine_of(workspace).model(served)
    except Exception as error:
        fault = _unopened(error)
        after = judged(workspace, deployment, served, fault)
        if after is None or after.champion == served:
            raise
        return able(workspace, after, after.champion)
    return served


def tried(workspace: Workspace, served: Served, rows: Sequence[Any]) -> Given | Fault:
    """What a version answers, or why it cannot; what is wrong with the rows or this machine is raised."""
    engine = engine_of(workspace)
    try:
        loaded = engine.model(served)
    except Exception as error:
        return _unopened(error)
    rows = taken(workspace.blobs, rows, image_columns(loaded.model.spec))
    try:
        scores, answers = engine.answer(served, rows)
    except (TuneworksError, Abandoned):
        raise
    except Exception as error:
        return failing(loaded, error)
    if any(numpy.isnan(score).any() for score in scores):
        return _not_a_number(loaded)
    return Given(served, loaded, rows, scores, answers)


def judged(workspace: Workspace, deployment: Deployment, served: Served, fault: Fault) -> Deployment | None:
    """The deployment after a version failed: without that version where the fault is grave or one of too many."""
    share = guard_of(workspace).note(deployment.id, served, deployment.policy, failed=True)
    if served == deployment.challenger:
        doomed = fault.grave or share is not None
    else:
        broken = isinstance(fault.error, BrokenSeal)
        doomed = broken or ((fault.grave or share is not None) and _is_new(workspace, deployment))
    if doomed:
        reason = fault.reason if fault.grave else _too_many(fault.reason, share or 0.0, deployment.policy)
        try:
            return without(workspace, deployment.id, served, reason, automatic=True)
        except Conflict:
            return workspace.store.get(Deployment, deployment.id)
    return deployment


def _opened(workspace: Workspace, deployment: Deployment, served: Served) -> None:
    """Open a model; one that cannot be opened is taken back."""
    try:
        engine_of(workspace).model(served)
    except Exception as error:
        judged(workspace, deployment, served, _unopened(error))


def _unopened(error: Exception) -> Fault:
    """A model that does not load; a missing package or a store that is away says nothing about the model."""
    if isinstance(error, TuneworksError) and not isinstance(error, BrokenSeal):
        raise error
    problem = error.problem if isinstance(error, TuneworksError) else plain(repr(error))
    return Fault(Text(f"It does not load: {problem.en}", f"无法载入：{problem.zh}"), error, grave=True)


def failing(loaded: LoadedModel, error: Exception) -> Fault:
    """A model that failed at some rows; what it says may quote them, so its kind alone is kept."""
    label, kind = loaded.version.label, type(error).__name__
    return Fault(Text(f"{label} failed with {kind}.", f"{label} 出错：{kind}。"), error, grave=False)


def _not_a_number(loaded: LoadedModel) -> Fault:
    label = loaded.version.label
    reason = Text(f"{label} answered with not-a-number.", f"{label} 的答案不是数值（NaN）。")
    fix = Text(
        "Send other rows, or go back to an earlier version: tuneworks rollback NAME.",
        "请换其他数据行，或回退到更早的版本：tuneworks rollback 名称。",
    )
    return Fault(reason, Unavailable(reason, fix), grave=True)


def _too_many(reason: Text, share: float, policy: Policy) -> Text:
    return Text(
        f"{share:.0%} of its newest requests failed (allowed {policy.error_share:.0%}); the last one: {reason.en}",
        f"最近请求的失败率为 {share:.0%}（允许 {policy.error_share:.0%}）；最后一次：{reason.zh}",
    )


def _is_new(workspace: Workspace, deployment: Deployment) -> bool:
    """Whether the champion came by a release not long ago: one that was rolled back to has stood its test."""
    newest = next((m for m in moves_of(workspace, deployment.id, limit=20) if m.kind in (*NEW, "rolled-back")), None)
    if newest is None or newest.kind not in NEW:
        return False
    age = datetime.fromisoformat(now()) - datetime.fromisoformat(newest.made)
    return age <= timedelta(minutes=deployment.policy.guard_minutes)
