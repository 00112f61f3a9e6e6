"""Forecasts of real series: tuned with the default settings on the usual split, test rows scored once.

    python -m bench.series [etth1]

The strength is chosen on validation windows; ``--backtest`` scores blocks before the test rows instead.
"""

from __future__ import annotations

import csv
import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tuneworks
from bench.quality import data_folder, peak_megabytes
from tuneworks.core.types import TaskSpec

FLOOR, COVERAGE = 1.26, (0.72, 0.88)
MONTH = 30 * 24
USUAL = (12 * MONTH, 16 * MONTH, 20 * MONTH)
BACKTESTS = [(train * MONTH, (train + 2) * MONTH, (train + 4) * MONTH) for train in (6, 8, 10, 12)]
SPEC = TaskSpec(task="time-series-forecasting", target="OT", inputs={"history": "OT", "time": "date"})


def main(arguments: Sequence[str]) -> int:
    if "--backtest" in arguments:
        for ends in BACKTESTS:
            report(f"etth1 to row {ends[-1]}", scored(rows_of(ends)))
        return 0
    scores = scored(rows_of(USUAL))
    report("etth1", scores)
    reached = scores["mae"]["value"] <= FLOOR and COVERAGE[0] <= scores["coverage"]["value"] <= COVERAGE[1]
    return 0 if reached else 1


def rows_of(ends: tuple[int, int, int]) -> list[dict[str, Any]]:
    """The rows up to the last end, each in train, validation or test by the ends."""
    with open(data_folder() / "etth1" / "ETTh1.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[: ends[-1]]
    names = ("train", "validation", "test")
    sides = [names[sum(number >= end for end in ends)] for number in range(len(rows))]
    return [{"date": row["date"], "OT": row["OT"], "split": side} for row, side in zip(rows, sides, strict=True)]


def scored(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The report of a version tuned on the rows: its scores, and what it is compared with."""
    with (
        tempfile.TemporaryDirectory() as folder,
        tuneworks.Workspace.open(Path(folder) / ".tuneworks") as workspace,
    ):
        tuneworks.add(rows, name="etth1", workspace=workspace)
        began = time.monotonic()
        config = tuneworks.RunConfig(dataset="etth1", spec=SPEC)
        version = tuneworks.tune(config=config, workspace=workspace)
        made = json.loads((workspace.reports / version.label / "report.json").read_text(encoding="utf-8"))
        seconds = time.monotonic() - began
    return {**made["evaluation"]["scores"], "seconds": seconds, "comparisons": made["comparisons"]}


def report(name: str, scores: Mapping[str, Any]) -> None:
    figures = " ".join(
        f"{metric} {score['value']:.3f} [{score['low']:.3f}, {score['high']:.3f}]"
        for metric, score in scores.items()
        if isinstance(score, dict)
    )
    print(f"{name}: {figures}; {scores['seconds']:.0f} s, peak {peak_megabytes():.0f} MB", flush=True)
    for comparison in scores["comparisons"]:
        gain = comparison["difference"]
        print(f"    over {comparison['name']['en']}: {gain['value']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}]")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
