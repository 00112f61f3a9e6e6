"""Processes that fit one model together: the run's own keeps the books, the others lend it a hand.

All do the same fit on the same rows, each on its share of every batch. Only the run's own process tells, writes
checkpoints and stores. The others end when it does, and it fails where one of them does.
"""

from __future__ import annotations

import math
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from tuneworks.core import registry
from tuneworks.core.contracts import Seat
from tuneworks.core.errors import InvalidConfig, ProcessLost
from tuneworks.core.events import silent
from tuneworks.core.hands import LocalHand
from tuneworks.core.text import Text
from tuneworks.core.types import Run
from tuneworks.core.working import working_folder
from tuneworks.core.workspace import Workspace
from tuneworks.flows.fitting import fit
from tuneworks.flows.plan_run import Plan, plan_run
from tuneworks.flows.references import version_of
from tuneworks.flows.trails import Trails
from tuneworks.flows.trial import without_test_rows
from tuneworks.serving.folders import open_version

VARIABLE = "TUNEWORKS_SEAT"
"""Set by a runner that starts all processes of a run itself: ``RANK/SIZE@HOST:PORT``."""
PROGRAM = "tuneworks.flows.far"
WRITTEN = re.compile(r"(\d+)/(\d+)@(.+):(\d+)")
HERE = b"here"
HOST = "127.0.0.1"
LAST_SECONDS = 20.0


@contextmanager
def seated(workspace: Workspace, run: Run, plan: Plan) -> Iterator[Seat | None]:
    """Meanwhile as many processes as the run asks for fit its recipe; gives this one's seat, if there are others."""
    size = run.config.processes
    if size == 1:
        yield None
        return
    _must_be_shared(plan, size)
    seat = placed()
    if seat is not None:
        yield seat
        return
    with Helpers(workspace, run, size) as helpers:
        yield helpers.seat


def placed() -> Seat | None:
    """The seat that a runner gave this process."""
    found = WRITTEN.fullmatch(os.environ.get(VARIABLE, ""))
    if found is None:
        return None
    rank, size, host, port = found.groups()
    return Seat(int(rank), int(size), host, int(port), meet=lambda: print(HERE.decode(), flush=True))


def assist(workspace: Workspace, run: Run, seat: Seat) -> None:
    """Fit a run's recipe together with the process that does the run; nothing of it is kept here."""
    config = run.config
    data = without_test_rows(plan_run(workspace, config).data)
    champion = open_version(workspace, version_of(workspace, config.from_version)) if config.from_version else None
    trails = Trails(workspace.checkpoints / run.id, run.id, seconds=math.inf, listener=silent)
    with working_folder(workspace.working) as folder:
        fit(
            data,
            config.recipe,
            folder=folder,
            cache=workspace.cache,
            champion=champion,
            trails=trails.of,
            seat=seat,
        )


class Helpers:
    """The other processes of a run, on this machine; they share its threads."""

    def __init__(self, workspace: Workspace, run: Run, size: int) -> None:
        threads = max(1, int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0))) // size)
        port, words = free_port(), (workspace.address, run.id)
        self.seat = Seat(0, size, HOST, port, sharing=size, meet=self._meet)
        self._hands = [
            LocalHand(PROGRAM, words, threads, {VARIABLE: f"{rank}/{size}@{HOST}:{port}"}) for rank in range(1, size)
        ]

    def __enter__(self) -> Helpers:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        lost = isinstance(error, ProcessLost)
        codes = [hand.end(LAST_SECONDS if lost or error is None else 0.0) for hand in self._hands]
        if lost and any(codes):
            raise ProcessLost(next(filter(None, codes))) from error

    def _meet(self) -> None:
        """Wait for all others to have read what they need."""
        for hand in self._hands:
            if HERE not in map(bytes.strip, iter(hand.readline, b"")):
                raise ProcessLost


def free_port() -> int:
    """A port of this machine's own that nobody listens on now."""
    with socket.socket() as found:
        found.bind((HOST, 0))
        return int(found.getsockname()[1])


def _must_be_shared(plan: Plan, size: int) -> None:
    """Several processes share the work of a method that is named and trains a network."""
    methods = [rung.method or "" for rung in plan.rungs]
    if len(methods) == 1 and registry.load("methods", methods[0]).needs_network:
        return
    able = [name for name in registry.names("methods") if registry.constant("methods", name, "needs_network")]
    raise InvalidConfig(
        Text(
            f"{size} processes share the training of a network; this run's method is {' / '.join(methods)}.",
            f"{size} 个进程可以分担网络的训练，而此运行的方法是 {' / '.join(methods)}。",
        ),
        Text(
            f"Leave processes out, or name a method that trains a network: {', '.join(able)}.",
            f"请去掉 processes，或指定训练网络的方法：{'、'.join(able)}。",
        ),
    )
