"""Changes of what a deployment serves: one atomic write each, the deployment and the move that says why."""

from __future__ import annotations

from dataclasses import replace

from tuneworks.core.clock import new_id, now
from tuneworks.core.errors import Conflict
from tuneworks.core.meters import MOVES, count
from tuneworks.core.text import Text
from tuneworks.core.types import Deployment, Move, Policy, Served
from tuneworks.core.workspace import Workspace

KEPT_PREVIOUS = 20
ASKED = Text("As somebody asked.", "应用户要求。")
TRIED = ("shadow", "canary")


def crown(
    workspace: Workspace,
    name: str,
    served: Served,
    *,
    kind: str = "deployed",
    policy: Policy | None = None,
    reason: Text = ASKED,
) -> Deployment:
    """Move the deployment to ``served``, keeping its old champion; ``Conflict`` when another did so meanwhile.

    A challenger is tried no longer: it was tried against a champion that is gone.
    """
    revision, present = _as_it_is(workspace, name)
    if present is None:
        made = Deployment(name, served, policy=policy or Policy(), moved=now())
        return _store(workspace, made, revision, _move(kind, name, served.version_id, None, reason))
    rules = policy or present.policy
    if present.champion == served and present.challenger is None:
        if rules != present.policy:
            workspace.store.put(replace(present, policy=rules), expect={name: revision})
        return replace(present, policy=rules)
    moved = replace(present, champion=served, challenger=None, mode="champion", policy=rules, moved=now())
    if present.champion != served:
        moved = replace(moved, previous=(*present.previous, present.champion)[-KEPT_PREVIOUS:])
    move = _move(kind, name, served.version_id, present.champion.version_id, reason, automatic=reason is not ASKED)
    return _store(workspace, moved, revision, move)


def challenge(workspace: Workspace, present: Deployment, served: Served, mode: str, policy: Policy) -> Deployment:
    """The deployment with ``served`` tried beside its champion: in shadow, or as a canary."""
    revision, newest = _as_it_is(workspace, present.id)
    if newest is None or newest.champion != present.champion:
        raise _meanwhile(present.id)
    moved = replace(newest, challenger=served, mode=mode, policy=policy, moved=now())
    if moved == replace(newest, moved=moved.moved):
        return newest
    return _store(workspace, moved, revision, _move(mode, present.id, served.version_id, newest.champion.version_id))


def without(
    workspace: Workspace, name: str, served: Served, reason: Text = ASKED, *, automatic: bool = False
) -> Deployment | None:
    """The deployment without a version that it tries, or without a champion that has a predecessor.

    As it is (or gone) where it serves the version no more, or serves nothing else. The version stays in the workspace.
    """
    revision, present = _as_it_is(workspace, name)
    if present is None:
        return None
    if present.challenger == served:
        moved, kind, instead_of = replace(present, challenger=None, mode="champion"), "discarded", present.champion
    elif present.champion == served and present.previous:
        *earlier, restored = present.previous
        moved = replace(present, champion=restored, previous=tuple(earlier))
        moved, kind, instead_of = replace(moved, challenger=None, mode="champion"), "rolled-back", present.champion
    else:
        return present
    about = served.version_id if kind == "discarded" else moved.champion.version_id
    move = _move(kind, name, about, instead_of.version_id, reason, automatic)
    return _store(workspace, replace(moved, moved=now()), revision, move)


def moves_of(workspace: Workspace, name: str, *, limit: int | None = None) -> list[Move]:
    """The moves of a deployment, newest first."""
    return workspace.store.find(Move, deployment=name, newest_first=True, limit=limit)


def _as_it_is(workspace: Workspace, name: str) -> tuple[int, Deployment | None]:
    return workspace.store.revision(Deployment, name), workspace.store.get(Deployment, name)


def _store(workspace: Workspace, moved: Deployment, revision: int, move: Move) -> Deployment:
    workspace.store.put(moved, move, expect={moved.id: revision})
    count(MOVES, moved.id, move.kind, str(move.automatic).lower())
    return moved


def _move(
    kind: str, name: str, version_id: str, instead_of: str | None, reason: Text = ASKED, automatic: bool = False
) -> Move:
    return Move(new_id("move"), name, kind, version_id, now(), reason, instead_of, automatic)


def _meanwhile(name: str) -> Conflict:
    return Conflict(
        Text(f"The champion of {name!r} was changed by somebody else meanwhile.", f"{name!r} 的冠军版本已被他人更改。"),
        Text("Look at what is served now, then try again.", "请查看当前提供的版本后重试。"),
    )
