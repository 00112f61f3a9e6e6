"""Questions about real texts: the base is chosen on validation rows, the winner's test rows are scored once.

    python -m bench.questions [BASE:METHOD ...]

CMRC 2018: 850 questions to learn from, of the trial set; the test is the official development set.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

import tuneworks
from bench.harness import chosen, data_folder, each, hear, tell, tuned
from tuneworks.core.types import Recipe, RunConfig, TaskSpec

NAME, FLOOR = "cmrc2018", 0.30
SPEC = TaskSpec(task="question-answering")


def main(words: Sequence[str]) -> int:
    return each({NAME: partial(run, recipes=[*map(_recipe, words)] or [Recipe("ngrams", "head")])}, [])


def run(workspace: tuneworks.Workspace, *, recipes: Sequence[Recipe]) -> bool:
    """Choose on validation, tune the winner, print its test score; whether the floor was reached."""
    tuneworks.add(data_folder() / NAME, name=NAME, workspace=workspace)
    recipe = chosen(workspace, NAME, SPEC, recipes)
    outcome = tuned(workspace, RunConfig(name=NAME, dataset=NAME, spec=SPEC, recipe=recipe), hear)
    tell(NAME, outcome, FLOOR, ("exact_match",))
    return outcome.value >= FLOOR


def _recipe(written: str) -> Recipe:
    base, _, method = written.rpartition(":")
    return Recipe(base, method)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
