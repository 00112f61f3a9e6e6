"""Half of MiniLM's layers on banking77: accuracy with its interval and milliseconds a text, beside the whole.

    python -m bench.pruning [head] [distil] [full]

``head`` and ``full`` are tuned on 3 and on 6 layers; ``distil`` lets a linear head on either learn what the whole
encoder answers after ``full``. A text's milliseconds are those of all official test rows through the opened model, on
as many threads as there are, nothing cached, the best of three passes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from functools import partial

import tuneworks
from bench.harness import MINILM, Outcome, each, read, tell, tuned
from tuneworks.core.asking import Examples
from tuneworks.core.contracts import Model
from tuneworks.core.types import Recipe, RunConfig, TaskSpec
from tuneworks.flows.held_out import plan_of
from tuneworks.serving.folders import open_version

LAYERS = (3, 6)
METHODS = ("head", "distil", "full")
PASSES = 3


def main(names: Sequence[str]) -> int:
    return each({method: partial(run, method=method) for method in METHODS}, names)


def run(workspace: tuneworks.Workspace, *, method: str) -> bool:
    """The method on few layers and on all; a comparison misses no goal."""
    tuneworks.add(list(read("banking77")), name="banking77", workspace=workspace)
    teacher = _tuned(workspace, "full", 6, name="teacher") if method == "distil" else None
    for layers in LAYERS:
        outcome = _tuned(workspace, method, layers, name=f"{method}-{layers}", teacher=teacher)
        tell(f"banking77, first {layers} of 6 layers", outcome)
        print(f"    {_milliseconds(workspace, outcome):.2f} ms a text", flush=True)
    return True


def _tuned(
    workspace: tuneworks.Workspace, method: str, layers: int, *, name: str, teacher: Outcome | None = None
) -> Outcome:
    recipe = Recipe(MINILM, method, options={"first_layers": layers})
    spec = TaskSpec(target="intent", task="text-classification")
    from_version = teacher.version.label if teacher else None
    return tuned(workspace, RunConfig(name, "banking77", spec, recipe, from_version=from_version))


def _milliseconds(workspace: tuneworks.Workspace, outcome: Outcome) -> float:
    model, test = open_version(workspace, outcome.version), plan_of(workspace, outcome.version).data.test
    return 1000 * min(_seconds(model, test) for _ in range(PASSES)) / len(test)


def _seconds(model: Model, test: Examples) -> float:
    began = time.monotonic()
    model.head.scores(model, test)
    return time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
