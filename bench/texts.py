"""Several labels, numbers and relations of real texts: bases are chosen on validation rows, test rows scored once.

python -m bench.texts [NAME ...]
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import tuneworks
from bench.harness import E5, MINILM, chosen, each, read, tell, tuned
from tuneworks.core.types import Recipe, RunConfig, TaskSpec
from tuneworks.language.mentions import by_wording

Rows = Iterator[dict[str, Any]]
RELATIONS = "relation-extraction"


@dataclass(frozen=True)
class Trial:
    """Rows with their split, what is asked, the bases to choose from, and the floor the test score must reach."""

    rows: Callable[[], Rows]
    spec: TaskSpec
    recipes: Sequence[Recipe]
    floor: float
    scores: tuple[str, ...] = field(default=())


def trials() -> dict[str, Trial]:
    """All trials by name."""
    en = [Recipe(base) for base in (MINILM, {"marked": (MINILM, "ngrams")})]
    zh = [Recipe(base) for base in ("ngrams", {"text": (E5, "ngrams")})]
    opinions = [Recipe(base) for base in ("ngrams", MINILM, {"text": (MINILM, "ngrams")})]
    marked = TaskSpec(RELATIONS, {"text": "marked"}, "relation")
    pair = TaskSpec(RELATIONS, {"text": "text", "head": "head", "tail": "tail"}, "relation")
    sets = TaskSpec("multi-label-classification", {"text": "text"}, "relations")
    opinion = TaskSpec("text-regression", {"text": "text"}, "score", metric="pearson")
    return {
        "semeval2010_task8": Trial(lambda: read("semeval2010_task8"), marked, en, 0.72, ("accuracy",)),
        "finre": Trial(lambda: read("finre"), pair, zh, 0.30, ("relation_micro_f1", "accuracy")),
        "finre-sets": Trial(finre_sets, sets, zh, 0.40, ("macro_f1", "subset_accuracy", "roc_auc")),
        "fin_sentiment": Trial(lambda: read("fin_sentiment_fiqa_semeval"), opinion, opinions, 0.5, ("rmse", "mae")),
    }


def main(names: Sequence[str]) -> int:
    return each({name: partial(run, name=name, trial=trial) for name, trial in trials().items()}, names)


def run(workspace: tuneworks.Workspace, *, name: str, trial: Trial) -> bool:
    """Choose on validation, tune the winner, print its test score; whether the floor was reached."""
    tuneworks.add(list(trial.rows()), name=name, workspace=workspace)
    recipe = chosen(workspace, name, trial.spec, trial.recipes)
    outcome = tuned(workspace, RunConfig(name=name, dataset=name, spec=trial.spec, recipe=recipe))
    tell(name, outcome, trial.floor, trial.scores)
    return outcome.value >= trial.floor


def finre_sets() -> Rows:
    """Every sentence and pair once, with all relations of the pair; its head is written as 甲, its tail as 乙."""
    relations: dict[tuple[str, str], set[str]] = {}
    for row in read("finre"):
        found = by_wording(row["text"], row["head"], row["tail"])
        assert found is not None
        stretches = {found.head: "甲", found.tail: "乙"}
        text = row["text"]
        for (start, end), name in sorted(stretches.items(), reverse=True):
            text = f"{text[:start]}{name}{text[end:]}"
        relations.setdefault((row["split"], text), set()).update({row["relation"]} - {"unknown"})
    for (split, text), found_relations in relations.items():
        yield {"text": text, "relations": sorted(found_relations), "split": split}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
