"""Text generation on real data: the base before and after tuning, by ROUGE on the same test rows.

    python -m bench.generation [--epochs N] [--rows TRAIN VALIDATION TEST] [--base ADDRESS]

The data set is dialogsum in the folder that ``TUNEWORKS_DATA`` names; of its three test summaries the first counts.
The epoch whose weights are kept is chosen on validation rows. Prints scores with 95 % intervals, seconds and memory.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import tuneworks
from bench.harness import SPLITS, data_folder, each, hear, tell, tuned
from tuneworks.core.types import Recipe, RunConfig, TaskSpec

DATA = "dialogsum"
BASE = "pkg:traceforge-title-model"
SHOWN = ("rouge_1", "rouge_2", "rouge_l", "chrf")


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rows", type=int, nargs=3, default=(394, 98, 500))
    parser.add_argument("--base", default=BASE)
    asked = parser.parse_args(words)
    return each({DATA: partial(run, rows=asked.rows, recipe=Recipe(asked.base, epochs=asked.epochs))}, [])


def run(workspace: tuneworks.Workspace, *, rows: Sequence[int], recipe: Recipe) -> bool:
    """Tune, print the test scores beside the untuned base's; whether it gained beyond chance."""
    tuneworks.add(list(dialogues(rows)), name=DATA, workspace=workspace, kinds={"summary": "text"})
    spec = TaskSpec("text-generation", inputs={"text": "dialogue"}, target="summary")
    outcome = tuned(workspace, RunConfig(dataset=DATA, spec=spec, recipe=recipe), hear)
    tell(DATA, outcome, others=SHOWN)
    for mistake in outcome.report["evaluation"]["mistakes"][-3:]:
        print("true:", mistake["truth"], "\nwritten:", mistake["answer"])
    return all(comparison["difference"]["low"] > 0 for comparison in outcome.report["comparisons"])


def dialogues(most: Sequence[int]) -> Iterator[dict[str, Any]]:
    """The dialogues with their (first) summary and their split; at most so many rows of each split."""
    for split, count in zip(SPLITS, most, strict=True):
        lines = (data_folder() / DATA / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
        for line in lines[:count]:
            row = json.loads(line)
            yield {
                "dialogue": row["dialogue"],
                "summary": row["summary"] if "summary" in row else row["summaries"][0],
                "split": split,
            }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
