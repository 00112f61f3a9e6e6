"""Scores on tables: every choice is made on validation rows, the winner's test rows are scored once.

python -m bench.tables [DATA SET ...]
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import tuneworks
from bench.harness import chosen, data_folder, each, read, tell, tuned
from tuneworks.core.evaluation import Comparison
from tuneworks.core.text import plain
from tuneworks.core.types import ModelVersion, Recipe, RunConfig, TaskSpec
from tuneworks.flows.held_out import plan_of
from tuneworks.statistics.comparison import compare
from tuneworks.statistics.score_arrays import unpack

COLUMNS, NGRAMS = "columns", "ngrams"
TREES, LINEAR = Recipe(COLUMNS, "boosting"), Recipe(COLUMNS, "head")
LIFE_CAP = 125


@dataclass(frozen=True)
class Trial:
    """A data set as rows, what is asked of it, the recipes to choose from, and the floor; ``kinds`` as for ``add``."""

    rows: Callable[[], list[dict[str, Any]]]
    spec: TaskSpec
    floor: float
    recipes: Sequence[Recipe] = (TREES, LINEAR)
    kinds: Mapping[str, str] = field(default_factory=dict)
    less_is_better: bool = False


def trials() -> dict[str, Trial]:
    """All trials by name."""
    life = TaskSpec(
        task="tabular-regression",
        target="life",
        metric="rmse",
        options={"window": 30, "group": "unit", "order": "cycle", "cap": LIFE_CAP},
    )
    return {
        "german_credit": Trial(lambda: tabular("german_credit"), credit("creditability"), 0.78),
        "uci_credit_default": Trial(lambda: tabular("uci_credit_default"), credit("default.payment.next.month"), 0.79),
        "cmapss_fd001": Trial(engines, life, 13.0, kinds=dict.fromkeys(MEASURED, "number"), less_is_better=True),
    }


def credit(target: str) -> TaskSpec:
    return TaskSpec(task="tabular-classification", target=target, metric="roc_auc")


def main(names: Sequence[str]) -> int:
    known = {name: partial(run, name=name, trial=trial) for name, trial in trials().items()}
    return each({**known, "online_shopping_10_cats": mixed}, names)


def run(workspace: tuneworks.Workspace, *, name: str, trial: Trial) -> bool:
    """Choose on validation, tune the winner, print its test score; whether the floor was reached."""
    tuneworks.add(trial.rows(), name=name, kinds=trial.kinds, workspace=workspace)
    recipe = chosen(workspace, name, trial.spec, trial.recipes)
    outcome = tuned(workspace, RunConfig(dataset=name, spec=trial.spec, recipe=recipe))
    tell(name, outcome, trial.floor)
    return outcome.value <= trial.floor if trial.less_is_better else outcome.value >= trial.floor


def mixed(workspace: tuneworks.Workspace) -> bool:
    """A text and a category together against each alone, paired on the same test rows."""
    name, inputs = "online_shopping_10_cats", {"text": "text", "category": "category"}
    text = TaskSpec(task="text-classification", inputs={"text": "text"}, target="label")
    table = TaskSpec(task="tabular-classification", inputs={"category": "category"}, target="label", metric="accuracy")
    beside = Recipe({"text": (NGRAMS,), "category": (COLUMNS,)}, "head")
    tuneworks.add(list(read(name)), name=name, workspace=workspace)
    asked = (
        (text, Recipe(NGRAMS, "head")),
        (table, LINEAR),
        (TaskSpec(task="text-classification", inputs=inputs, target="label"), beside),
    )
    outcomes = [tuned(workspace, RunConfig(dataset=name, spec=spec, recipe=recipe)) for spec, recipe in asked]
    for outcome in outcomes:
        tell(name, outcome)
    *alone, both = outcomes
    best = max(alone, key=lambda outcome: outcome.value)
    gain = paired(workspace, best.version, both.version).difference
    print(f"    together over {best.version.label}: {gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]", flush=True)
    return gain.high >= 0


def paired(workspace: tuneworks.Workspace, champion: ModelVersion, challenger: ModelVersion) -> Comparison:
    """Two versions' reported scores on the same test rows, whatever columns each of them reads."""
    tallies = []
    for version in (champion, challenger):
        scores = unpack((workspace.reports / version.label / "scores.safetensors").read_bytes())
        data = plan_of(workspace, version).data
        tallies.append(data.task.tally(data.spec, scores, data.test))
    return compare(*tallies, metric="accuracy", name=plain(champion.label))


def tabular(name: str) -> list[dict[str, Any]]:
    """The rows of the folder's CSV files with their split."""
    made: list[dict[str, Any]] = []
    for split in ("train", "validation", "test"):
        with open(data_folder() / name / f"{split}.csv", encoding="utf-8", newline="") as file:
            made += [{**row, "split": split} for row in csv.DictReader(file)]
    return made


MEASURED = ("cycle", *(f"setting_{i}" for i in range(1, 4)), *(f"sensor_{i}" for i in range(1, 22)), "life")


def engines() -> list[dict[str, Any]]:
    """Every cycle of every engine with the cycles it has left; of test engines that is known at the last cycle alone.

    One training engine in five is held out for validation.
    """
    left = [int(line) for line in (data_folder() / "cmapss_fd001" / "RUL_FD001.txt").read_text().split()]
    made = []
    for unit, cycles in cycles_of("train"):
        split = "validation" if unit % 5 == 0 else "train"
        made += [
            {**row, "unit": f"train-{unit}", "life": len(cycles) - i, "split": split} for i, row in numbered(cycles)
        ]
    for unit, cycles in cycles_of("test"):
        known = {len(cycles): left[unit - 1]}
        made += [{**row, "unit": f"test-{unit}", "life": known.get(i), "split": "test"} for i, row in numbered(cycles)]
    return made


def numbered(cycles: Sequence[dict[str, Any]]) -> list[tuple[int, dict[str, Any]]]:
    return list(enumerate(cycles, start=1))


def cycles_of(side: str) -> list[tuple[int, list[dict[str, Any]]]]:
    """Each engine's number and its cycles in order."""
    units: dict[int, list[dict[str, Any]]] = {}
    for line in (data_folder() / "cmapss_fd001" / f"{side}_FD001.txt").read_text().splitlines():
        unit, *values = line.split()
        units.setdefault(int(unit), []).append(dict(zip(MEASURED, map(float, values), strict=False)))
    return sorted(units.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
