"""Answer a file as a job: a run of its own that is followed, stopped and gone on with, and answers no row twice."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path

from tuneworks.core import lifecycle, registry
from tuneworks.core.access import Caller
from tuneworks.core.asking import Row
from tuneworks.core.batch_jobs import BatchJob
from tuneworks.core.clock import now
from tuneworks.core.errors import Conflict, InvalidInput, NotFound
from tuneworks.core.events import advance, silent
from tuneworks.core.files import staged_beside
from tuneworks.core.holding import Hold
from tuneworks.core.records import to_json
from tuneworks.core.text import Text
from tuneworks.core.types import ModelVersion, Prediction, Run, RunConfig
from tuneworks.core.workspace import Workspace
from tuneworks.flows.answer_files import AnswerFile, Line
from tuneworks.flows.asked_rows import batches, counted_from, key_of, layout_of, opened_rows
from tuneworks.flows.guard import Fault, tried
from tuneworks.flows.rates import must_have_left
from tuneworks.flows.references import deployment_of, run_of
from tuneworks.flows.usage import Spent, characters_in, meter_of
from tuneworks.serving.engine import LoadedModel, engine_of
from tuneworks.serving.inputs import check_rows, kept
from tuneworks.serving.pictures import image_columns, taken

KIND = "predict"
SOURCE = "source"
FILES = "files"
ENDING = re.compile(r"\.[a-z0-9]{1,8}")
CHECKING = Text("checking rows", "正在检查数据行")
ANSWERING = Text("answering rows", "正在作答")


def incoming(workspace: Workspace, name: str) -> Path:
    """Where the bytes of a file called ``name`` are put for ``queue_batch``; swept where it never takes them."""
    ending = Path(name).suffix.lower()
    folder = staged_beside(workspace.checkpoints / "upload")
    folder.mkdir(parents=True)
    return folder / f"{SOURCE}{ending if ENDING.fullmatch(ending) else ''}"


def copied(workspace: Workspace, path: str) -> Path:
    """A file of the workspace's folder ``files`` as ``incoming`` bytes; ``NotFound`` for any other place."""
    home = (workspace.root / FILES).resolve()
    try:
        found = (home / path).resolve()
        is_there = found.is_relative_to(home) and found.is_file()
    except (OSError, ValueError):
        is_there = False
    if not is_there:
        raise NotFound(
            Text(f"There is no file {path!r} in {home}.", f"{home} 中没有文件 {path!r}。"),
            Text(
                "Put it there, or send its bytes as the body of the request.",
                "请将文件放入该文件夹，或作为请求体发送。",
            ),
        )
    place = incoming(workspace, found.name)
    shutil.copyfile(found, place)
    return place


def queue_batch(
    deployment: str,
    file: Path,
    *,
    name: str = "",
    layout: str = "auto",
    key: str | None = None,
    log: bool = True,
    by: Caller | None = None,
    workspace: Workspace,
) -> BatchJob:
    """A job that waits to be done: every row of an ``incoming`` file answered by the champion of this moment.

    ``layout`` as in ``predict_file``; ``key``: the column of the caller's keys.
    """
    try:
        job = _asked(deployment, file, layout, workspace)
    except BaseException:
        shutil.rmtree(file.parent, ignore_errors=True)
        raise
    run = lifecycle.queue(workspace, RunConfig(name=job.deployment), kind=KIND)
    job = replace(job, id=run.id, source=name or file.name, key=key, log=log, by=by)
    workspace.store.put(job)
    file.parent.rename(workspace.checkpoints / run.id)
    return job


def batch_of(workspace: Workspace, id: str) -> BatchJob:
    """The job of that id."""
    job = workspace.store.get(BatchJob, id)
    if job is None:
        raise NotFound(
            Text(f"There is no job {id!r}.", f"没有编号为 {id!r} 的作业。"),
            Text("Use the id that came when it was asked for.", "请使用提交作业时返回的编号。"),
        )
    return job


def batch_answers(workspace: Workspace, id: str) -> Path:
    """The file with a finished job's answers, a JSON line each; ``Conflict`` where it is not finished."""
    job, run = batch_of(workspace, id), run_of(workspace, id)
    if job.result is not None and run.status == "finished":
        return workspace.blobs.local(job.result)
    raise Conflict(
        Text(f"The job {id} is {run.status}; it has no answers yet.", f"作业 {id} 的状态为 {run.status}，尚无答案。"),
        run.error or Text(f"Follow it: GET /v1/runs/{id}/events", f"跟踪进度：GET /v1/runs/{id}/events"),
    )


def batch_run(hold: Hold) -> None:
    """A claimed job from its first row, or from the first that was not answered before, to its end."""
    workspace, run = hold.workspace, hold.run
    job = batch_of(workspace, run.id)
    loaded = engine_of(workspace).model(job.served)
    folder = workspace.checkpoints / run.id
    total = _checked(hold, job, loaded, folder)
    with AnswerFile(folder, run.claims) as answers:
        _answer(hold, job, loaded, answers, total)
    result = workspace.blobs.write(answers.path)
    workspace.store.put(replace(job, rows=total, result=result))
    lifecycle.finish(workspace, run)
    shutil.rmtree(folder, ignore_errors=True)


def forget_batch(workspace: Workspace, run: Run) -> list[str]:
    """Delete what is stored of a run's job; the blobs that nothing refers to any more."""
    job = workspace.store.get(BatchJob, run.id)
    if job is None:
        return []
    workspace.store.remove(BatchJob, job.id)
    others = {other.result for other in workspace.store.find(BatchJob)}
    return [job.result] if job.result and job.result not in others else []


def _asked(deployment: str, file: Path, layout: str, workspace: Workspace) -> BatchJob:
    """What is answered, by whom; an error where the file cannot be read so."""
    found = deployment_of(workspace, deployment)
    how = layout_of(file) if layout == "auto" else _known(layout)
    spec = engine_of(workspace).model(found.champion).model.spec
    with opened_rows(file, how, spec, deployment, silent) as rows:
        next(rows, None)
    return BatchJob("", found.id, found.champion, file.name, how)


def _known(layout: str) -> str:
    """A layout that one file can have."""
    if layout == "lines" or (layout in registry.names("readers") and not registry.load("readers", layout).folders):
        return layout
    known = [
        "auto",
        "lines",
        *(name for name in registry.names("readers") if not registry.load("readers", name).folders),
    ]
    raise InvalidInput(
        Text(f"A file cannot be read as {layout!r}.", f"无法按 {layout!r} 读取文件。"),
        Text(f"Choose one of: {', '.join(known)}", f"可选：{'、'.join(known)}"),
    )


# -- the work ----------------------------------------------------------------------------------------


def _checked(hold: Hold, job: BatchJob, loaded: LoadedModel, folder: Path) -> int:
    """How many rows there are, each of them fit to be answered: what is wrong is said before the first answer."""
    total = 0
    for first, rows in _batches(job, loaded, folder):
        total += len(rows)
        _keys(job, rows, first)
        if not image_columns(loaded.model.spec):
            with counted_from(first):
                check_rows(loaded.task, loaded.model.spec, rows)
        advance(hold.hear, CHECKING, total, None)
    if job.by is not None:
        must_have_left(hold.workspace, job.by, total - (job.rows or 0))
    return total


def _answer(hold: Hold, job: BatchJob, loaded: LoadedModel, answers: AnswerFile, total: int) -> None:
    began, before = time.monotonic(), answers.lines
    for first, rows in _batches(job, loaded, folder=answers.path.parent, skipped=before):
        ids = [_id(job, first + at) for at in range(len(rows))]
        keys = _keys(job, rows, first)
        logged = _logged(hold.workspace, job, ids) if first == before + 1 and hold.run.claims > 1 else {}
        with counted_from(first):
            fresh = [at for at, id in enumerate(ids) if id not in logged]
            made = _predictions(hold.workspace, job, loaded, [(ids[at], keys[at], rows[at]) for at in fresh])
        if job.log:
            hold.workspace.store.append(made)
        known = {**logged, **{prediction.id: prediction for prediction in made}}
        answers.add([_line(loaded.version, known[id]) for id in ids])
        if job.by is not None:
            asked = [rows[at] for at in fresh]
            meter_of(hold.workspace).count(job.by, Spent(job.deployment, len(asked), characters_in(asked)), requests=0)
        took = (time.monotonic() - began) / (answers.lines - before)
        values = {"seconds_left": round(took * (total - answers.lines), 1), "rows_per_second": round(1 / took, 1)}
        advance(hold.hear, ANSWERING, answers.lines, total, values=values)


def _predictions(
    workspace: Workspace, job: BatchJob, loaded: LoadedModel, asked: Sequence[tuple[str, str | None, Row]]
) -> list[Prediction]:
    if not asked:
        return []
    started = time.perf_counter()
    rows = taken(workspace.blobs, [row for _, _, row in asked], image_columns(loaded.model.spec))
    given = tried(workspace, job.served, rows)
    if isinstance(given, Fault):
        raise given.error
    milliseconds = round((time.perf_counter() - started) * 1000 / len(rows), 3)
    version, made = loaded.version, now()
    return [
        Prediction(id, job.deployment, version.id, made, kept(version.spec, row), answer, milliseconds, key)
        for (id, key, _), row, answer in zip(asked, rows, given.answers, strict=True)
    ]


def _logged(workspace: Workspace, job: BatchJob, ids: Sequence[str]) -> dict[str, Prediction]:
    """Of these rows' predictions those that an attempt before this one logged, though it did not write them down."""
    found = map(partial(workspace.store.get, Prediction), ids if job.log else ())
    return {prediction.id: prediction for prediction in found if prediction is not None}


def _batches(job: BatchJob, loaded: LoadedModel, folder: Path, skipped: int = 0) -> Iterator[tuple[int, list[Row]]]:
    """The rows after the first ``skipped`` ones in batches, each with its first row's number, from 1."""
    source = next(folder.glob(f"{SOURCE}*"), folder / SOURCE)
    with opened_rows(source, job.layout, loaded.model.spec, job.deployment, silent) as rows:
        for first, batch in batches(islice(rows, skipped, None)):
            yield skipped + first, batch


def _keys(job: BatchJob, rows: Sequence[Row], first: int) -> list[str | None]:
    return [key_of(row, job.key, first + at) if job.key else None for at, row in enumerate(rows)]


def _id(job: BatchJob, row: int) -> str:
    """A prediction's id by its job and row alone, so that a row answered again is the same prediction."""
    return f"pred-{sha256(f'{job.id}:{row}'.encode()).hexdigest()[:16]}"


def _line(version: ModelVersion, made: Prediction) -> str:
    return to_json(Line(made.id, made.answer, version.label, made.milliseconds, made.key))
