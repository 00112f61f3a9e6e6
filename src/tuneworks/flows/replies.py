"""Answers kept under the callers' own keys: the same request is answered once, whoever sends it how often."""

from __future__ import annotations

from datetime import datetime, timedelta

from tuneworks.core.clock import now
from tuneworks.core.errors import Conflict, InvalidInput
from tuneworks.core.processes import is_alive, owner
from tuneworks.core.replies import Reply
from tuneworks.core.text import Text
from tuneworks.core.workspace import Workspace

KEPT = timedelta(hours=24)
UNDER_WAY = timedelta(hours=1)
SWEPT_AT_ONCE = 8


def begin_reply(workspace: Workspace, id: str, request: str) -> Reply:
    """The answer that was given to this very request, or (without a status) the one that is now to be worked out.

    Raises ``InvalidInput`` where the key was used for another request, ``Conflict`` where this one is under way.
    """
    store = workspace.store
    while True:
        revision, known = store.revision(Reply, id), store.get(Reply, id)
        if known is not None and not _is_free(known):
            if known.request != request:
                raise _used()
            if known.status is None:
                raise _under_way()
            return known
        mine = Reply(id, request, now(), owner())
        try:
            store.put(mine, expect={id: revision})
        except Conflict:
            continue
        _sweep(workspace)
        return mine


def keep_reply(workspace: Workspace, reply: Reply) -> None:
    """Store the answer; it is given away afterwards."""
    workspace.store.put(reply)


def drop_reply(workspace: Workspace, reply: Reply) -> None:
    """Forget a request that came to nothing worth keeping: sent again it is worked out again."""
    workspace.store.remove(Reply, reply.id)


def _is_free(known: Reply) -> bool:
    """Whether nobody will ask for it any more, or whoever worked on it is gone."""
    age = datetime.fromisoformat(now()) - datetime.fromisoformat(known.made)
    if known.status is not None:
        return age > KEPT
    return age > UNDER_WAY or not is_alive(known.owner)


def _sweep(workspace: Workspace) -> None:
    for old in workspace.store.find(Reply, limit=SWEPT_AT_ONCE):
        if _is_free(old):
            workspace.store.remove(Reply, old.id)


def _used() -> InvalidInput:
    return InvalidInput(
        Text(
            "This Idempotency-Key was used for another request.",
            "此 Idempotency-Key 已用于另一个请求。",
        ),
        Text("Make a new key for every new request.", "请为每个新请求生成新的键。"),
    )


def _under_way() -> Conflict:
    return Conflict(
        Text(
            "A request with this Idempotency-Key is being answered right now.",
            "带有此 Idempotency-Key 的请求正在处理。",
        ),
        Text("Send it again in a moment: the answer will then be the same.", "请稍后重新发送，届时会得到同一个答案。"),
    )
