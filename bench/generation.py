"""Text generation on real data: the base before and after tuning, by ROUGE on the same test rows.

    python -m bench.generation [--epochs N] [--rows TRAIN VALIDATION TEST] [--base ADDRESS]

The data set is dialogsum in the folder that ``TUNEWORKS_DATA`` names; of its three test summaries the first counts.
The epoch whose weights are kept is chosen on validation rows. Prints scores with 95 % intervals, seconds and memory.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import tuneworks
from tuneworks.core.types import Event, Recipe, RunConfig, TaskSpec
from tuneworks.flows.evaluate import evaluate

DATA = "dialogsum"
BASE = "pkg:traceforge-title-model"
SHOWN = ("rouge_1", "rouge_2", "rouge_l", "chrf")
NOTED_STEPS = 5


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rows", type=int, nargs=3, default=(394, 98, 500))
    parser.add_argument("--base", default=BASE)
    asked = parser.parse_args(words)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, tuneworks.Workspace.open(Path(folder)) as workspace:
        tuneworks.add(list(rows(asked.rows)), name=DATA, workspace=workspace, kinds={"summary": "text"})
        config = RunConfig(
            spec=TaskSpec("text-generation", inputs={"text": "dialogue"}, target="summary"),
            recipe=Recipe(asked.base, epochs=asked.epochs),
        )
        version = tuneworks.tune(DATA, config=config, workspace=workspace, listener=told(began))
        tell_scores("tuned", version.scores)
        report = evaluate(version.label, workspace=workspace)
        for comparison in report.comparisons:
            before = comparison.champion
            print(f"{comparison.name.en}: {comparison.metric} {before.value:.4f} [{before.low:.4f}, {before.high:.4f}]")
        for mistake in report.evaluation.mistakes[-3:]:
            print("true:", mistake.truth, "\nwritten:", mistake.answer)
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{time.monotonic() - began:.0f} seconds, {megabytes:.0f} MB at most")
    return 0


def rows(most: Sequence[int]) -> Iterator[dict[str, Any]]:
    """The dialogues with their (first) summary and their split; at most so many rows of each split."""
    folder = Path(os.environ["TUNEWORKS_DATA"]) / DATA
    for split, count in zip(("train", "validation", "test"), most, strict=True):
        lines = (folder / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
        for line in lines[:count]:
            row = json.loads(line)
            yield {
                "dialogue": row["dialogue"],
                "summary": row["summary"] if "summary" in row else row["summaries"][0],
                "split": split,
            }


def tell_scores(name: str, scores: Any) -> None:
    for metric in SHOWN:
        score = scores[metric]
        print(f"{name}: {metric} {score.value:.4f} [{score.low:.4f}, {score.high:.4f}]", flush=True)


def told(began: float) -> Any:
    """A listener that prints every fifth step, with the seconds since the beginning."""

    def hear(event: Event) -> None:
        if (event.step or 0) % NOTED_STEPS == 0 or "validation" in event.values:
            figures = {name: round(value, 4) for name, value in event.values.items()}
            print(
                f"{time.monotonic() - began:6.0f} s  {event.message.en} {event.step}/{event.total} {figures}",
                flush=True,
            )

    return hear


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
