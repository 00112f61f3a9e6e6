"""Choose the runtime that serves a version, by measuring on this box; what was chosen for it once is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress

import numpy

from tuneworks.core import registry
from tuneworks.core.asking import Row
from tuneworks.core.errors import InvalidConfig, TuneworksError, Untrusted
from tuneworks.core.events import Listener, silent, tell
from tuneworks.core.files import write_atomically
from tuneworks.core.records import to_plain
from tuneworks.core.text import Text
from tuneworks.core.types import Deployment, ModelVersion, Served
from tuneworks.core.workspace import Workspace
from tuneworks.flows.held_out import plan_of
from tuneworks.serving.choice import AGREEMENT, DIFFERENCE, Choice, Measured, Way, choose, ways
from tuneworks.serving.engine import LoadedModel, engine_of
from tuneworks.serving.folders import store_parts
from tuneworks.serving.loaded import runtime_of, runtimes_asked
from tuneworks.serving.seal import golden_rows
from tuneworks.serving.signature import signer

MOST_ROWS = 256
REPORT = "runtimes.json"


def prepare(
    workspace: Workspace, version: ModelVersion, runtime: str | None = None, listener: Listener = silent
) -> Served:
    """The version opened by the runtime that serves it, compiled where that is worth it, its seal checked by running.

    ``runtime``: what the user asks for; what answers other than the tuned version is refused all the same.
    """
    engine = engine_of(workspace)
    if kept := _chosen_before(workspace, version, runtime):
        with suppress(Untrusted):  # it is compiled and signed anew
            engine.reopen(kept)
            return kept
    own = runtime_of(version.bases)
    tuned = Served(version.id, own)
    was_open = engine.is_open(tuned)
    loaded = engine.reopen(tuned)
    found = [] if runtime == own else list(ways(loaded.model, runtime))
    if not found:
        return tuned if runtime in (None, own) else _as_it_is(workspace, version, runtime or own)
    served = _measured(workspace, loaded, found, runtime, listener)
    if served.compiled:
        engine.reopen(served)
        if not was_open:
            engine.forget(tuned)
    return served


def _measured(
    workspace: Workspace, tuned: LoadedModel, found: Sequence[Way], runtime: str | None, listener: Listener
) -> Served:
    version, own = tuned.version, runtime_of(tuned.version.bases)
    rows = _held_out(workspace, tuned)
    choice = choose(tuned, found, own=own, rows=rows, asked=runtime is not None, within=workspace.working)
    for measured in choice.measured:
        tell(listener, "runtime", _told(measured))
    if runtime is not None and not choice.files:
        raise _unfaithful(version, choice)
    _report(workspace, version, choice)
    blobs = store_parts(workspace, signer(workspace.working)(choice.files)) if choice.files else {}
    return Served(version.id, choice.taken.runtime, blobs, choice.taken.fidelity if blobs else {})


def _chosen_before(workspace: Workspace, version: ModelVersion, runtime: str | None) -> Served | None:
    """How a deployment serves, tries or served the version already, by the runtime that is asked for."""
    return next(
        (
            served
            for served in _everything_served(workspace)
            if served.version_id == version.id and runtime in (None, served.runtime)
        ),
        None,
    )


def _everything_served(workspace: Workspace) -> Iterator[Served]:
    for deployment in workspace.store.find(Deployment, newest_first=True):
        yield deployment.champion
        if deployment.challenger is not None:
            yield deployment.challenger
        yield from reversed(deployment.previous)


def _as_it_is(workspace: Workspace, version: ModelVersion, runtime: str) -> Served:
    """The version by another runtime that runs its bases as they are."""
    if runtimes_asked(version.bases) <= set(registry.load("runtimes", runtime).runs):
        return engine_of(workspace).prepare(version, runtime)
    own = runtime_of(version.bases)
    raise InvalidConfig(
        Text(
            f"The runtime {runtime!r} cannot run the bases of {version.label}.",
            f"运行时 {runtime!r} 无法运行 {version.label} 的基座模型。",
        ),
        Text(f"Leave the runtime out, or use {own!r}.", f"请省略运行时，或使用 {own!r}。"),
    )


def _held_out(workspace: Workspace, tuned: LoadedModel) -> list[Row]:
    """Inputs of validation and test rows, evenly over all; the golden rows where the dataset is gone."""
    spec = tuned.model.spec
    columns = list(spec.inputs.values())
    try:
        data = plan_of(workspace, tuned.version).data
    except TuneworksError:
        return golden_rows(tuned.model)
    every = [*data.validation.rows, *data.test.rows]
    whole = [row for row in every if all(row.get(column) is not None for column in columns)] or every
    chosen = numpy.linspace(0, len(whole) - 1, min(len(whole), MOST_ROWS)).astype(int)
    return [{column: whole[i].get(column) for column in columns} for i in chosen]


def _report(workspace: Workspace, version: ModelVersion, choice: Choice) -> None:
    """What was measured, beside the version's other reports."""
    content = {
        "version": version.label,
        "tolerance": {"agreement": AGREEMENT, "difference": DIFFERENCE},
        "measured": choice.measured,
        "taken": choice.taken,
    }
    data = json.dumps(to_plain(content), ensure_ascii=False, indent=1).encode()
    write_atomically(workspace.reports / version.label / REPORT, data)


def _told(measured: Measured) -> Text:
    speed = f"{measured.milliseconds:.2f} ms"
    pace = f"{measured.rows_a_second:.0f}"
    if not measured.form:
        return Text(
            f"{measured.runtime}, as it was tuned: {speed} a row, {pace} rows/s",
            f"{measured.runtime}（微调时的形式）：每行 {speed}，每秒 {pace} 行",
        )
    kept, refused = measured.is_faithful, Text(": not within the tolerance", "：超出容差")
    return Text(
        f"{_name(measured)}: {speed} a row, {pace} rows/s; {_figures(measured).en}{'' if kept else refused.en}",
        f"{_name(measured)}：每行 {speed}，每秒 {pace} 行；{_figures(measured).zh}{'' if kept else refused.zh}",
    )


def _figures(measured: Measured) -> Text:
    return Text(
        f"{measured.agreement:.1%} of {measured.rows} held-out rows answered alike, scores {measured.difference:.4f} "
        "apart",
        f"{measured.rows} 行保留数据中 {measured.agreement:.1%} 答案相同，分数平均相差 {measured.difference:.4f}",
    )


def _name(measured: Measured) -> str:
    return measured.runtime if measured.form == measured.runtime else f"{measured.runtime} {measured.form}"


def _unfaithful(version: ModelVersion, choice: Choice) -> InvalidConfig:
    own, *others = choice.measured
    best = max(others, key=lambda measured: measured.agreement)
    figures = _figures(best)
    return InvalidConfig(
        Text(
            f"{_name(best)} does not answer as {version.label} was tuned to: {figures.en}; at least {AGREEMENT:.0%} "
            f"alike and at most {DIFFERENCE:g} apart is allowed.",
            f"{_name(best)} 的答案与 {version.label} 微调时不符：{figures.zh}；"
            f"要求至少 {AGREEMENT:.0%} 相同，平均相差不超过 {DIFFERENCE:g}。",
        ),
        Text(f"Leave the runtime out, or use {own.runtime!r}.", f"请省略运行时，或使用 {own.runtime!r}。"),
    )
