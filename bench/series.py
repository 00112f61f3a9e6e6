"""Forecasts of real series: tuned with the default settings on the usual split, test rows scored once.

    python -m bench.series [etth1]

The strength is chosen on validation windows; ``--backtest`` scores blocks before the test rows instead.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

import tuneworks
from bench.harness import SPLITS, data_folder, each, tell, tuned
from tuneworks.core.types import RunConfig, TaskSpec

FLOOR, COVERAGE = 1.26, (0.72, 0.88)
MONTH = 30 * 24
USUAL = (12 * MONTH, 16 * MONTH, 20 * MONTH)
BACKTESTS = [(train * MONTH, (train + 2) * MONTH, (train + 4) * MONTH) for train in (6, 8, 10, 12)]
SPEC = TaskSpec(task="time-series-forecasting", target="OT", inputs={"history": "OT", "time": "date"})


def main(arguments: Sequence[str]) -> int:
    if "--backtest" in arguments:
        blocks = {
            f"etth1 to row {ends[-1]}": partial(run, name=f"etth1 to row {ends[-1]}", ends=ends) for ends in BACKTESTS
        }
        each(blocks, [])
        return 0
    return each({"etth1": partial(run, name="etth1", ends=USUAL)}, [])


def run(workspace: tuneworks.Workspace, *, name: str, ends: tuple[int, int, int]) -> bool:
    """Tune by default settings, print the test scores; whether error and coverage are as they should be."""
    tuneworks.add(rows_of(ends), name="etth1", workspace=workspace)
    outcome = tuned(workspace, RunConfig(dataset="etth1", spec=SPEC))
    tell(name, outcome, FLOOR, [score for score in outcome.version.scores if score != "mae"])
    coverage = outcome.version.scores["coverage"].value
    return outcome.value <= FLOOR and COVERAGE[0] <= coverage <= COVERAGE[1]


def rows_of(ends: tuple[int, int, int]) -> list[dict[str, Any]]:
    """The rows up to the last end, each in train, validation or test by the ends."""
    with open(data_folder() / "etth1" / "ETTh1.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[: ends[-1]]
    sides = [SPLITS[sum(number >= end for end in ends)] for number in range(len(rows))]
    return [{"date": row["date"], "OT": row["OT"], "split": side} for row, side in zip(rows, sides, strict=True)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
