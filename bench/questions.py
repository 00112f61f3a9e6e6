"""Questions about real texts: the base is chosen on validation rows, the winner's test rows are scored once.

    python -m bench.questions [BASE:METHOD ...]

CMRC 2018: 850 questions to learn from, of the trial set; the test is the official development set.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import tuneworks
from bench.quality import data_folder, peak_megabytes, validated
from tuneworks.core.types import Event, Recipe, RunConfig, TaskSpec

NAME, FLOOR = "cmrc2018", 0.30
SPEC = TaskSpec(task="question-answering")
STEPS_A_LINE = 50


def main(recipes: Sequence[Recipe]) -> int:
    with (
        tempfile.TemporaryDirectory() as folder,
        tuneworks.Workspace.open(Path(folder) / ".tuneworks") as workspace,
    ):
        return 0 if run(workspace, recipes or (Recipe("ngrams", "head"),)) else 1


def run(workspace: tuneworks.Workspace, recipes: Sequence[Recipe]) -> bool:
    """Choose on validation, tune the winner, print its test score; whether the floor was reached."""
    tuneworks.add(data_folder() / NAME, name=NAME, workspace=workspace)
    several = len(recipes) > 1
    chosen = max(recipes, key=lambda recipe: validated(workspace, NAME, SPEC, recipe, several=several))
    began = time.monotonic()
    config = RunConfig(name=NAME, dataset=NAME, spec=SPEC, recipe=chosen)
    version = tuneworks.tune(config=config, workspace=workspace, listener=_hear)
    report = json.loads((workspace.reports / version.label / "report.json").read_text(encoding="utf-8"))
    score, exact = version.scores["answer_f1"], version.scores["exact_match"]
    print(
        f"{NAME}: answer F1 {score.value:.4f} [{score.low:.4f}, {score.high:.4f}] (floor {FLOOR}), exact match "
        f"{exact.value:.4f} [{exact.low:.4f}, {exact.high:.4f}] by {chosen.method} on {chosen.base}; "
        f"{report['evaluation']['rows']} test rows; {time.monotonic() - began:.0f} s; peak {peak_megabytes():.0f} MB",
        flush=True,
    )
    for comparison in report["comparisons"]:
        gain = comparison["difference"]
        print(
            f"    over {comparison['name']['en']} {comparison['champion']['value']:.4f}: "
            f"{gain['value']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}]"
        )
    return score.value >= FLOOR


def _hear(event: Event) -> None:
    quiet = event.step is not None and event.step % STEPS_A_LINE and "validation" not in event.values
    if not quiet:
        figures = {name: round(value, 5) for name, value in event.values.items()}
        print(f"{event.at} {event.message.en} {event.step or ''} {event.total or ''} {figures}", flush=True)


def _recipe(written: str) -> Recipe:
    base, _, method = written.rpartition(":")
    return Recipe(base, method)


if __name__ == "__main__":
    sys.exit(main([_recipe(argument) for argument in sys.argv[1:]]))
