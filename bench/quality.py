"""Scores on real data sets: every choice is made on validation rows, the winner's test rows are scored once.

    python -m bench.quality [DATA SET ...]

Beside each score stand the seconds and the peak memory of the whole process so far.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

import tuneworks
from bench.harness import E5, MINILM, chosen, each, read, tell, tuned
from tuneworks.core.types import Event, ModelVersion, Recipe, RunConfig, TaskSpec

BESIDE = {"text": (E5, "ngrams")}
LAYERS = {"feature_layers": (6, 9, 12)}


@dataclass(frozen=True)
class Trial:
    """A data set, the column to learn, the floor its score must reach, and the recipes to choose from.

    ``seeds``: how often the winner is tuned, each time with another seed; their mean is held against the floor.
    """

    data: str
    target: str | None
    floor: float
    recipes: Sequence[Recipe]
    keep: Callable[[Mapping[str, Any]], bool] = lambda row: True
    after: Callable[[tuneworks.Workspace, ModelVersion], str] | None = None
    inputs: Mapping[str, str] = field(default_factory=lambda: {"text": "text"})
    seeds: int = 1


def trials() -> dict[str, Trial]:
    """All trials by name."""
    head, full = "head", "full"
    zh = [Recipe("ngrams", head), Recipe(E5, head), Recipe(BESIDE, head)]
    layered = Recipe(BESIDE, head, options=LAYERS)
    doubting = [replace(one, options={**one.options, "label_noise": "down-weight"}) for one in (zh[0], layered)]
    en = [Recipe(MINILM, head), Recipe({"text": (MINILM, "ngrams")}, head)]
    return {
        "banking77": Trial("banking77", "intent", 0.925, en),
        "banking77-full": Trial("banking77", "intent", 0.93, [Recipe(MINILM, full, epochs=3)], seeds=3),
        "cn_fin_news": Trial("cn_fin_news", "label", 0.95, zh),
        "chnsenticorp_htl": Trial("chnsenticorp_htl", "label", 0.91, [*zh, layered, *doubting]),
        "thucnews_titles": Trial("thucnews_titles", "label", 0.89, [*zh, layered]),
        "clinc150": Trial("clinc150", "intent", 0.955, en, keep=lambda row: row["intent"] != "oos", after=out_of_scope),
        "conll2003_en": Trial("conll2003_en", None, 0.80, [Recipe(MINILM, full, epochs=3)], inputs={}),
    }


def main(names: Sequence[str]) -> int:
    return each({name: partial(run, name=name, trial=trial) for name, trial in trials().items()}, names)


def run(workspace: tuneworks.Workspace, *, name: str, trial: Trial) -> bool:
    """Choose on validation, tune the winner, print its test score; whether the floor was reached."""
    tuneworks.add([row for row in read(trial.data) if trial.keep(row)], name=trial.data, workspace=workspace)
    spec = TaskSpec(inputs=trial.inputs, target=trial.target)
    recipe = chosen(workspace, trial.data, spec, trial.recipes)
    values = []
    for seed in range(trial.seeds):
        config = RunConfig(name=name, dataset=trial.data, spec=spec, recipe=replace(recipe, seed=seed))
        values.append(_scored(workspace, config, trial))
    if trial.seeds > 1:
        print(f"{name}: mean of {trial.seeds} seeds {np.mean(values):.4f} (floor {trial.floor})", flush=True)
    return bool(np.mean(values) >= trial.floor)


def _scored(workspace: tuneworks.Workspace, config: RunConfig, trial: Trial) -> float:
    """Tune once, print what came of it, and give the score."""
    began, stored = time.monotonic(), [0.0]

    def note(event: Event) -> None:
        if event.kind == "stored":
            stored[0] = time.monotonic() - began

    outcome = tuned(workspace, config, note)
    tell(f"{config.name}, seed {config.recipe.seed}", outcome, trial.floor)
    print(f"    stored after {stored[0]:.0f} s")
    for line in extra(outcome.report):
        print(line)
    if trial.after:
        print(trial.after(workspace, outcome.version), flush=True)
    return outcome.value


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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
