"""The plan against what then happened: time and peak memory of runs by several methods, on several data and bases.

    python -m bench.plan [DATA SET ...]

Each run is a process of its own in a workspace of its own.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import tuneworks
from bench.harness import E5, MINILM, read
from tuneworks.core.types import Recipe, RunConfig, TaskSpec

NEAR = 0.30
TARGETS = {"banking77": "intent"}
RUN = """
import json, resource, sys, tuneworks
from pathlib import Path
from tuneworks.core.records import from_json
from tuneworks.core.types import RunConfig
with tuneworks.Workspace.open(Path(sys.argv[1])) as workspace:
    version = tuneworks.tune(config=from_json(RunConfig, sys.stdin.read()), workspace=workspace)
    lines = workspace.blobs.read(version.parts["history.jsonl"]).splitlines()
    print(json.dumps(json.loads(lines[-1])["values"]))
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
    held = [_compared(case) for case in chosen]
    print(f"{sum(held)} of {len(held)} within {NEAR:.0%}", flush=True)
    return 0 if all(held) else 1


def _compared(case: Case) -> bool:
    """Plan, run, and whether both figures came out near."""
    with tempfile.TemporaryDirectory() as folder, tuneworks.Workspace.open(Path(folder) / ".tuneworks") as workspace:
        rows = [{"text": row["text"], "label": str(row[TARGETS.get(case.data, "label")])} for row in read(case.data)]
        random.Random(0).shuffle(rows)  # some files are sorted by label
        tuneworks.add(rows[: case.rows], name=case.data, workspace=workspace)
        spec = TaskSpec(task="text-classification", inputs={"text": "text"}, target="label")
        config = RunConfig(name=case.data, dataset=case.data, spec=spec, recipe=case.recipe)
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


def _run(workspace: tuneworks.Workspace, config: RunConfig) -> dict[str, float]:
    from tuneworks.core.records import to_json

    command = [sys.executable, "-c", RUN, workspace.address]
    done = subprocess.run(command, input=to_json(config), stdout=subprocess.PIPE, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
