"""A recipe tried on ever more of its rows in a process of its own: the time, the memory and the score of each try.

Run as ``python -m tuneworks.flows.probe``: one JSON object comes in, one JSON line goes out for each try.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tuneworks.core.asking import Examples
from tuneworks.core.errors import TuneworksError, Unavailable
from tuneworks.core.records import from_json, from_plain, to_json, to_plain
from tuneworks.core.text import Text
from tuneworks.core.types import RunConfig, Score
from tuneworks.core.working import working_folder
from tuneworks.core.workspace import Workspace
from tuneworks.flows.fitting import Fitted, fit
from tuneworks.flows.held_out import run, validated
from tuneworks.flows.plan_run import Plan, plan_run
from tuneworks.serving.folders import store_parts

FIRST_ROWS = 48
GROWTH = 3.0
ENOUGH_SECONDS = 6.0
TIMES = 1.5  # so much longer than the first: what is told of all rows lies on the line through the last two tries
FEWEST_VALIDATION = 300  # fewer and some methods choose by folds of everything, which is other work
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Try:
    """What a recipe took on some of its rows: ``rows`` learnt from, ``read`` in all, seconds, peak, disk and score."""

    rows: int
    read: int
    seconds: float
    peak_megabytes: float
    disk_megabytes: float
    validation: Score | None
    less_is_better: bool = False


@dataclass(frozen=True)
class Failed:
    """Why a recipe could not be tried."""

    problem: Text
    fix: Text


def probe(workspace: Workspace, config: RunConfig) -> list[Try]:
    """The tries of a complete configuration, made in a new process; an error there is raised here."""
    command = [sys.executable, "-m", "tuneworks.flows.probe", workspace.address, str(time.monotonic())]
    done = subprocess.run(command, input=to_json(config), stdout=subprocess.PIPE, text=True, check=False)
    said = [json.loads(line) for line in done.stdout.splitlines()]
    if said and "problem" in said[-1]:
        failed = from_plain(Failed, said[-1])
        raise Unavailable(failed.problem, failed.fix)
    if done.returncode or not said:
        raise Unavailable(
            Text(
                f"The trial ended without a result (exit {done.returncode}).",
                f"试运行未给出结果就结束了（退出码 {done.returncode}）。",
            ),
            Text("It may need more memory than there is.", "可能是内存不足。"),
        )
    return [from_plain(Try, one) for one in said]


def tries(workspace: Workspace, config: RunConfig, began: float) -> Iterator[Try]:
    """Fit the recipe to ever more rows, twice at least, until that takes long enough to tell or they are all.

    What a process pays but once (importing, reading the dataset, compiling) counts in each: it is what passes from
    when it ``began`` to the end of its first fit, less what the same fit takes again.
    """
    plan = plan_run(workspace, config)
    random = np.random.default_rng(plan.config.recipe.seed)
    order = random.permutation(len(plan.data.train)).tolist()
    rows = min(FIRST_ROWS, len(order))
    _try(plan, order, rows, workspace.working)
    cold = time.monotonic() - began
    made = _try(plan, order, rows, workspace.working)
    once = max(0.0, cold - made.seconds)
    yield replace(made, seconds=made.seconds + once)
    enough = max(ENOUGH_SECONDS, TIMES * made.seconds)
    while rows < len(order) and made.seconds < enough:
        rows = min(round(rows * GROWTH), len(order))
        made = _try(plan, order, rows, workspace.working)
        yield replace(made, seconds=made.seconds + once)


def _try(plan: Plan, order: list[int], rows: int, place: Path) -> Try:
    """One fit on the first of the shuffled rows, with fresh caches, answered for the share to be tested, and kept."""
    data, share = plan.data, rows / len(order)
    validation = data.validation.take(range(_part(share, len(data.validation), FEWEST_VALIDATION)))
    answered = _part(share, len(data.test), 1)
    small = replace(data, train=data.train.take(sorted(order[:rows])), validation=validation)
    with working_folder(place) as folder:
        parts, cache = folder / "parts", folder / "cache"
        began = time.monotonic()
        fitted = validated(fit(small, plan.config.recipe, folder=parts, cache=cache), small, cache)
        run(fitted.open(data.spec), _others(data.train, order, rows, answered), cache)
        with Workspace.alone(folder / "kept") as kept:
            store_parts(kept, fitted.files)
        seconds = time.monotonic() - began
        disk = _megabytes_of(cache, fitted)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    read = rows + len(validation) + answered
    return Try(rows, read, seconds, peak, disk, fitted.validation, fitted.less_is_better)


def _part(share: float, count: int, fewest: int) -> int:
    return min(count, max(fewest, round(share * count)))


def _others(train: Examples, order: list[int], rows: int, count: int) -> Examples:
    """Rows in the place of test rows, which are not looked at: those the fit has not seen, where there are any."""
    return train.take((order[rows:] or order)[:count])


def _megabytes_of(cache: Path, fitted: Fitted) -> float:
    kept = [path for path in cache.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in [*kept, *fitted.files.values()]) / MEGABYTE


def _main() -> None:
    """The child: the configuration from standard input, a line of JSON a try."""
    with Workspace.open(sys.argv[1]) as workspace:
        try:
            for made in tries(workspace, from_json(RunConfig, sys.stdin.read()), float(sys.argv[2])):
                print(json.dumps(to_plain(made)), flush=True)
        except TuneworksError as error:
            print(json.dumps(to_plain(Failed(error.problem, error.fix))), flush=True)


if __name__ == "__main__":
    _main()
