"""Search the settings of a method: try recipes on validation rows, give up early on poor ones, tune the best."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tuneworks.core import lifecycle, registry
from tuneworks.core.config import with_settings
from tuneworks.core.errors import Conflict
from tuneworks.core.events import Listener, silent, tell
from tuneworks.core.holding import Hold, held
from tuneworks.core.ranges import Range, check_values
from tuneworks.core.records import to_plain
from tuneworks.core.recovery import recover
from tuneworks.core.spaces import Space, spaces_from
from tuneworks.core.text import Text
from tuneworks.core.trials import Trial
from tuneworks.core.types import ModelVersion, Run, RunConfig, Score, Search
from tuneworks.core.workspace import Workspace
from tuneworks.flows.making import MODEL_NAME
from tuneworks.flows.names import MODEL, must_be_name
from tuneworks.flows.plan_run import plan_run
from tuneworks.flows.references import version_of
from tuneworks.flows.search_report import Files, write_search_report
from tuneworks.flows.search_space import must_name_method, spaces_of, with_values
from tuneworks.flows.searching import Searching
from tuneworks.flows.trial import Try, Trying
from tuneworks.flows.trial_process import TrialProcess
from tuneworks.flows.tune import asked_of
from tuneworks.flows.work import do
from tuneworks.reports.searches import Found
from tuneworks.statistics.intervals import mean_interval
from tuneworks.statistics.search import importance

KIND, TUNING = "search", "tune"
ALLOWED = {"trials": Range(least=1), "seeds": Range(least=1), "workers": Range(least=0)}
THREADS_A_PROCESS = 2
TRIALS = TrialProcess.__module__


@dataclass(frozen=True)
class SearchResult:
    """The trials of a search, the best of them, which settings mattered, and the version tuned by the best recipe.

    ``repeated``: the best recipe's mean on validation rows over several seeds with its 95 % interval, from ``seeds``.
    ``importance``: setting -> its share in what tells the better trials from the rest.
    """

    run: Run
    best: Trial
    trials: tuple[Trial, ...]
    importance: Mapping[str, float]
    repeated: Score
    seeds: tuple[float, ...]
    files: Files
    version: ModelVersion | None = None


def search(
    dataset: str | None = None,
    *,
    target: str | None = None,
    task: str | None = None,
    base: str | Mapping[str, Sequence[str]] | None = None,
    method: str | None = None,
    name: str | None = None,
    trials: int | None = None,
    minutes: float | None = None,
    seeds: int | None = None,
    space: Mapping[str, str] | None = None,
    config: RunConfig | None = None,
    settings: Mapping[str, Any] | None = None,
    workers: int | None = None,
    store: bool | None = None,
    workspace: Workspace | None = None,
    listener: Listener = silent,
) -> SearchResult:
    """Try recipes of one method on validation rows, and store a version tuned by the best.

    ``space``: dotted setting -> the values to try, such as ``{"recipe.learning_rate": "log(1e-5, 1e-3)"}``; else what
    the method declares, but for settings that are given. ``minutes``: for everything. ``seeds``: how often the best
    recipe is measured in all. ``workers``: processes that do trials side by side; 0 does them in this one. ``store``:
    whether a version is tuned in the end, whose test rows are then scored once. The same words once more go on with
    a search that was cut off; ``Conflict`` where it is still at work.
    """
    workspace = workspace or Workspace.open()
    words = {"budget": minutes, "search.trials": trials, "search.seeds": seeds, "search.space": space}
    words |= {"search.workers": workers, "search.store": store}
    named = {key: word for key, word in words.items() if word is not None}
    asked = asked_of(config or RunConfig(), dataset, target, task, base, method, name)
    asked = with_settings(asked, {**named, **(settings or {})})
    check_values(asked.search, ALLOWED, "search.")
    must_be_name(asked.name or MODEL_NAME, MODEL)
    run = lifecycle.claim(workspace, _queued(workspace, _complete(workspace, asked, listener), asked))
    with held(workspace, run, listener) as hold:
        return search_run(hold)


def search_run(hold: Hold) -> SearchResult:
    """A claimed search from its first trial, or where it was cut off, to its end."""
    workspace, run = hold.workspace, hold.run
    config, asked = run.config, run.asked or run.config
    spaces = spaces_from(config.search.space)
    _tell_begin(hold.hear, config)
    with _hands(workspace, config) as hands:
        searching = Searching(workspace, run, spaces, hands, hold)
        tried = searching.all_trials()
        best = max((trial for trial in tried if trial.outcome == "measured"), key=lambda t: (t.score, -t.number))
        scores = searching.repeated(best)
    settled = _settled(asked, best)
    version = _version(hold, _settled(config, best), settled) if config.search.store else None
    weights, mean = _weights(spaces, tried), mean_interval(scores)
    label = version.label if version else None
    found = Found(config, spaces, tuple(tried), best, weights, mean, tuple(scores), label)
    files = write_search_report(workspace, run, found, settled)
    run = replace(run, score=best.score, version_id=version.id if version else None)
    lifecycle.finish(workspace, run)
    result = SearchResult(run, best, tuple(tried), weights, mean, tuple(scores), files, version)
    _tell_end(hold.hear, result)
    return result


def _settled(config: RunConfig, best: Trial) -> RunConfig:
    """The configuration of a tuning by the best recipe."""
    return with_values(replace(config, search=Search(), budget=None, goal=None), best.values)


def _version(hold: Hold, config: RunConfig, asked: RunConfig) -> ModelVersion:
    """The version by the best recipe, on the trials' own rows and parent: tuned once, and gone on with if cut off."""
    workspace = hold.workspace
    known = workspace.store.find(Run, kind=TUNING, parent_id=hold.run.id, newest_first=True)
    same = [run for run in known if _essence(run.config) == _essence(config)]
    for run in same:
        if version := workspace.store.get(ModelVersion, run.version_id or ""):
            return version
    cut_off = next((run for run in same if run.status != "finished"), None)
    run = cut_off or lifecycle.queue(workspace, config, asked, kind=TUNING, parent_id=hold.run.id)
    return version_of(workspace, do(workspace, lifecycle.again(workspace, run), hold.hear).version_id or "")


def _complete(workspace: Workspace, asked: RunConfig, listener: Listener) -> RunConfig:
    """The configuration with everything filled in, the spaces that are searched too."""
    must_name_method(asked)
    complete = plan_run(workspace, asked, listener).config
    if asked.from_version:
        complete = replace(complete, from_version=version_of(workspace, asked.from_version).id)
    written = {name: str(space) for name, space in spaces_of(complete, asked).items()}
    return replace(complete, search=replace(complete.search, space=written))


def _queued(workspace: Workspace, complete: RunConfig, asked: RunConfig) -> Run:
    """The run of an earlier search by the same words, queued once more; else a new one."""
    recover(workspace)
    for run in workspace.store.find(Run, kind=KIND, newest_first=True):
        if run.status != "cancelled" and _essence(run.config) == _essence(complete):
            _must_be_free(run)
            return lifecycle.again(workspace, replace(run, config=complete, asked=asked))
    return lifecycle.queue(workspace, complete, asked, kind=KIND)


def _must_be_free(run: Run) -> None:
    """Raise ``Conflict`` where a process that may live has the search."""
    if run.status not in lifecycle.AT_WORK or run.owner is None:
        return
    raise Conflict(
        Text(
            f"This search is at work already: it is the run {run.id} of the process {run.owner}.",
            f"该搜索已在进行：运行 {run.id}，进程 {run.owner}。",
        ),
        Text(
            f"See how far it is: tuneworks show {run.id}. Where its machine is gone, a worker takes it over: "
            "tuneworks work",
            f"查看进度：tuneworks show {run.id}。若其所在机器已停机，可由工作进程接管：tuneworks work",
        ),
    )


def _essence(config: RunConfig) -> Any:
    """What makes two searches the same: all but how long they go on."""
    return to_plain(replace(config, budget=None, checkpoint_seconds=0, search=Search(space=config.search.space)))


@contextmanager
def _hands(workspace: Workspace, config: RunConfig) -> Iterator[list[Try]]:
    """What does the trials: so many processes that share the cores, or this one."""
    workers = config.search.workers
    cores = int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))
    count = max(1, cores // THREADS_A_PROCESS) if workers is None else workers
    runner = registry.load("runners", config.search.runner)()
    words, threads = (workspace.address,), max(1, cores // max(1, count))
    start = partial(runner.hand, workspace, TRIALS, words, threads)
    processes = [TrialProcess(config, start) for _ in range(count)]
    try:
        yield [*processes] if processes else [Trying(workspace, config)]
    finally:
        for process in processes:
            process.close()
        runner.close()


def _weights(spaces: Mapping[str, Space], trials: Sequence[Trial]) -> dict[str, float]:
    """How much each setting mattered, by how far trials came and what they measured there."""
    known = [trial for trial in trials if trial.points]
    ranks = sorted({trial.rank for trial in known})
    return importance(spaces, [trial.values for trial in known], [ranks.index(trial.rank) for trial in known])


def _tell_begin(listener: Listener, config: RunConfig) -> None:
    tried = "; ".join(f"{name} {space}" for name, space in config.search.space.items())
    tell(
        listener,
        "search",
        Text(
            f"{config.search.trials} trials of {config.recipe.method} on {config.recipe.base}: {tried}",
            f"对 {config.recipe.base} 上的 {config.recipe.method} 进行 {config.search.trials} 次试验：{tried}",
        ),
    )


def _tell_end(listener: Listener, result: SearchResult) -> None:
    mean, tried = result.repeated, ", ".join(f"{name}={value}" for name, value in result.best.values.items())
    reach = f" [{mean.low:.4f}, {mean.high:.4f}]" if len(result.seeds) > 1 else ""
    tell(
        listener,
        "found",
        Text(
            f"best: {tried}; validation {mean.value:.4f}{reach} over {len(result.seeds)} seeds",
            f"最佳：{tried}；{len(result.seeds)} 个随机种子的验证均值 {mean.value:.4f}{reach}",
        ),
    )
    tell(listener, "report", Text(f"Report: {result.files.html}", f"报告：{result.files.html}"))
