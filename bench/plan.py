"""The plan against what then happened: time and peak memory of runs by several methods, on several data and bases.

    python -m bench.plan [DATA SET ...]

Each run is a process of its own in a workspace of its own; its time is from the call until the version is stored.
Then runs with too small a budget: when they end.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import tuneworks
from bench.harness import E5, MINILM, read
from tuneworks.core.types import Recipe, RunConfig, TaskSpec

NEAR, PAST = 0.30, 0.10
BUDGETS = (0.5, 1.0)
TARGETS = {"banking77": "intent"}
RUN = """
import json, sys, time, tuneworks
from pathlib import Path
from tuneworks.core.errors import OverBudget
from tuneworks.core.records import from_json
from tuneworks.core.types import RunConfig
ended = []
def listen(event):
    if event.kind == "stored":
        ended.append(time.monotonic() - began)
with tuneworks.Workspace.open(Path(sys.argv[1])) as workspace:
    began = time.monotonic()
    try:
        version = tuneworks.tune(config=from_json(RunConfig, sys.stdin.read()), workspace=workspace, listener=listen)
        history = workspace.blobs.read(version.parts["history.jsonl"]).splitlines()
        megabytes = json.loads(history[-1])["values"]["peak_megabytes"]
    except OverBudget:
        ended.append(time.monotonic() - began)
        megabytes = 0.0
    print(json.dumps({"seconds": ended[0], "peak_megabytes": megabytes}))
"""


@dataclass(frozen=True)
class Case:
    """A recipe on some rows of a data set."""

    data: str
    rows: int
    recipe: Recipe


def cases() -> Iterator[Case]:
    """Twenty: methods by bases by data, of sizes that end in minutes."""
    for data, base in (("banking77", MINILM), ("chnsenticorp_htl", E5), ("thucnews_titles", E5)):
        for method, rows in (("head", 3000), ("head", 1500), ("freeze", 1500), ("full", 600), ("lora", 600)):
            yield Case(data, rows, Recipe(base, method, epochs=None if method == "head" else 2))
    for data in ("banking77", "chnsenticorp_htl", "thucnews_titles", "cn_fin_news"):
        yield Case(data, 5000, Recipe("ngrams", "head"))
    yield Case("banking77", 3000, Recipe({"text": (MINILM, "ngrams")}, "head"))


def main(names: Sequence[str]) -> int:
    chosen = [case for case in cases() if not names or case.data in names]
    near = [_compared(case) for case in chosen]
    print(f"{sum(near)} of {len(near)} within {NEAR:.0%}", flush=True)
    kept = [_ended(data, recipe, minutes) for data, recipe in _dear(chosen) for minutes in BUDGETS]
    print(f"{sum(kept)} of {len(kept)} not past their budget by more than {PAST:.0%}", flush=True)
    return 0 if all(near + kept) else 1


def _dear(chosen: Sequence[Case]) -> Iterator[tuple[str, Recipe]]:
    """On each data set what would take longer than any of the budgets: a ladder, and tuning all weights."""
    for data in dict.fromkeys(case.data for case in chosen if case.recipe.method == "full"):
        yield data, Recipe()
        yield data, Recipe(method="full")


def _compared(case: Case) -> bool:
    """Plan, run, and whether both figures came out near."""
    with _added(case.data, case.rows) as workspace:
        config = _asked(case.data, case.recipe)
        (told,) = tuneworks.plan(config=config, workspace=workspace).estimates
        happened = _run(workspace, config)
    minutes, megabytes = happened["seconds"] / 60, happened["peak_megabytes"]
    time_off, memory_off = told.minutes / minutes - 1, told.peak_megabytes / megabytes - 1
    holds = abs(time_off) <= NEAR and abs(memory_off) <= NEAR
    print(
        f"{case.data} {case.rows} rows, {case.recipe.method} on {case.recipe.base}: told {told.minutes:.2f} min "
        f"{told.peak_megabytes:.0f} MB, took {minutes:.2f} min {megabytes:.0f} MB ({time_off:+.0%}, {memory_off:+.0%})"
        f"{'' if holds else '  MISSED'}",
        flush=True,
    )
    return holds


def _ended(data: str, recipe: Recipe, minutes: float) -> bool:
    """Whether a run that would take longer ends near its budget."""
    with _added(data, None) as workspace:
        took = _run(workspace, replace(_asked(data, recipe), budget=minutes))["seconds"] / 60
    holds = took <= minutes * (1 + PAST)
    method = recipe.method or "ladder"
    print(f"{data}, {method}: budget {minutes} min, ended after {took:.2f}{'' if holds else '  MISSED'}", flush=True)
    return holds


@contextmanager
def _added(data: str, count: int | None) -> Iterator[tuneworks.Workspace]:
    """A workspace of its own with some of a data set's rows, or all."""
    with tempfile.TemporaryDirectory() as folder, tuneworks.Workspace.open(Path(folder) / ".tuneworks") as workspace:
        rows = [{"text": row["text"], "label": str(row[TARGETS.get(data, "label")])} for row in read(data)]
        random.Random(0).shuffle(rows)  # some files are sorted by label
        tuneworks.add(rows[:count], name=data, workspace=workspace)
        yield workspace


def _asked(data: str, recipe: Recipe) -> RunConfig:
    spec = TaskSpec(task="text-classification", inputs={"text": "text"}, target="label")
    return RunConfig(name=data, dataset=data, spec=spec, recipe=recipe)


def _run(workspace: tuneworks.Workspace, config: RunConfig) -> dict[str, float]:
    from tuneworks.core.records import to_json

    command = [sys.executable, "-c", RUN, workspace.address]
    done = subprocess.run(command, input=to_json(config), stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
