"""A file to be answered, as work of its own: what is stored of it beside its run."""

from __future__ import annotations

from dataclasses import dataclass

from tuneworks.core.access import Caller
from tuneworks.core.served import Served


@dataclass(frozen=True)
class BatchJob:
    """A file that a deployment answers row by row; ``id`` is its run's, whose kind is ``predict``.

    ``served``: the version that answers all of it, the champion when the job was asked for. ``source``: the file's
    name; ``layout``: how it is read; ``key``: its column of the caller's keys; ``log``: whether the answers are kept
    like any other. ``by``: whose rows they count as. ``rows``: how many were answered, ``result``: the blob of the
    answers, once all are there.
    """

    id: str
    deployment: str
    served: Served
    source: str
    layout: str
    key: str | None = None
    log: bool = True
    rows: int | None = None
    result: str | None = None
    by: Caller | None = None
