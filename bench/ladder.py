"""The ladder against the cheapest sufficient method by itself: goals that different rungs meet, seconds of both.

A goal that no rung surely meets has no cheapest sufficient method; it counts as missed.

    python -m bench.ladder [DATA SET ...]

Both begin in a workspace of their own with the dataset added, and end when the version is stored.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tuneworks
from bench.harness import read
from tuneworks.core.types import Event, ModelVersion, Recipe, RunConfig, TaskSpec
from tuneworks.flows.ladder import MET, table_of

MOST_TIMES, WARMING_ROWS = 1.3, 1500
SPECS = {"banking77": "intent", "clinc150": "intent", "chnsenticorp_htl": "label", "thucnews_titles": "label"}
GOALS = {"banking77": 0.92, "clinc150": 0.94, "chnsenticorp_htl": 0.86, "thucnews_titles": 0.86}


@dataclass(frozen=True)
class Timed:
    """A version, the seconds from the start of tuning until it was stored, and whether it surely meets a goal."""

    version: ModelVersion
    seconds: float
    met: bool


def main(names: Sequence[str]) -> int:
    missed = [name for name in names or GOALS if not compared(name)]
    return 1 if missed else 0


def compared(name: str) -> bool:
    """The ladder on one data set, then the recipe that it kept by itself; whether it took no more than it may.

    A ladder on a few rows goes before, so that neither of the two is the one that imports and unpacks.
    """
    tuned(name, Recipe(), None, about_rows=WARMING_ROWS)
    climbed = tuned(name, Recipe(), GOALS[name])
    alone = tuned(name, climbed.version.recipe, None)
    times = climbed.seconds / alone.seconds
    recipe, score = climbed.version.recipe, climbed.version.scores["accuracy"]
    print(
        f"{name}: goal {GOALS[name]}, kept {recipe.method} on {recipe.base}, accuracy {score.value:.4f} "
        f"[{score.low:.4f}, {score.high:.4f}]; ladder {climbed.seconds:.0f} s, alone {alone.seconds:.0f} s: "
        f"{times:.2f} times (limit {MOST_TIMES}){'' if climbed.met else '; no rung surely meets the goal'}",
        flush=True,
    )
    return climbed.met and times <= MOST_TIMES


def tuned(name: str, recipe: Recipe, goal: float | None, about_rows: int | None = None) -> Timed:
    """One tuning in a workspace of its own, on all rows or on some from everywhere: a file may be sorted by label."""
    rows = [row for row in read(name) if row.get("intent") != "oos"]
    rows = rows[:: max(1, len(rows) // about_rows)] if about_rows else rows
    with tempfile.TemporaryDirectory() as folder, tuneworks.Workspace.open(Path(folder) / ".tuneworks") as workspace:
        tuneworks.add(rows, name=name, workspace=workspace)
        spec = TaskSpec(task="text-classification", inputs={"text": "text"}, target=SPECS[name])
        began, stored = time.monotonic(), [0.0]

        def note(event: Event) -> None:
            if event.kind == "stored":
                stored[0] = time.monotonic() - began
            if event.step is None:
                print(f"    {event.message.en}", flush=True)

        config = RunConfig(name=name, dataset=name, spec=spec, recipe=recipe, goal=goal)
        version = tuneworks.tune(config=config, workspace=workspace, listener=note)
        outcomes = [row[-1] for table in table_of(workspace, version) for row in table.rows]
        return Timed(version, stored[0], MET in outcomes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
