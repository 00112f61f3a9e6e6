"""Images on real data: defects and scans told apart, and defects found by one who has seen good ones alone.

    python -m bench.images [NAME ...]

Everything is by default settings; test rows are scored once.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import tuneworks
from bench.harness import Bench, Outcome, data_folder, each, tell, tuned
from tuneworks.core.types import RunConfig, TaskSpec

GOOD = 20
GOOD_VALIDATION = 4


def covid_ct(workspace: tuneworks.Workspace) -> bool:
    """Lung scans: the files' own splits keep the pictures of one paper together."""
    files = [data_folder() / "covid_ct" / f"{split}.jsonl" for split in ("train", "validation", "test")]
    tuneworks.add(*files, name="covid_ct", workspace=workspace)
    spec = TaskSpec(inputs={"image": "image"}, target="label", metric="roc_auc")
    return _reached(workspace, "covid_ct", RunConfig(dataset="covid_ct", spec=spec), 0.82)[1]


def neu_surface_defects(workspace: tuneworks.Workspace) -> bool:
    """Six kinds of defects of steel, from a folder of class folders."""
    tuneworks.add(data_folder() / "neu_surface_defects" / "images", name="neu", workspace=workspace)
    return _reached(workspace, "neu_surface_defects", RunConfig(dataset="neu"), 0.98)[1]


def neu_anomaly(workspace: tuneworks.Workspace) -> bool:
    """Each kind in turn is the known good, of which twenty images are shown; all others are anomalies."""
    folder = data_folder() / "neu_surface_defects" / "images"
    reached, areas = True, []
    for known in sorted(child.name for child in (folder / "train").iterdir()):
        name = f"only-{known.replace('_', '-')}"
        tuneworks.add(_known_good(folder, known), name=name, workspace=workspace)
        config = RunConfig(dataset=name, spec=TaskSpec(task="anomaly-detection", target="state"))
        outcome, enough = _reached(workspace, name, config, 0.85)
        reached &= enough
        areas.append(outcome.value)
        scores = outcome.version.scores
        print(f"    false alarms {scores['false_alarms'].value:.3f}, missed {scores['missed'].value:.3f}")
    print(f"neu_anomaly: mean ROC AUC {sum(areas) / len(areas):.4f} over {len(areas)} kinds", flush=True)
    return reached


def _known_good(folder: Path, known: str) -> list[Mapping[str, Any]]:
    """Twenty training images of the kind, drawn at random, some for validation, and the test images of all kinds."""
    every = sorted((folder / "train" / known).iterdir())
    good = [every[i] for i in sorted(np.random.default_rng(0).permutation(len(every))[:GOOD])]
    sides = ["train"] * (GOOD - GOOD_VALIDATION) + ["validation"] * GOOD_VALIDATION
    shown = [{"image": path, "state": "good", "split": side} for path, side in zip(good, sides, strict=True)]
    asked = sorted((folder / "test").rglob("*.jpg"))
    kinds = ["good" if path.parent.name == known else path.parent.name for path in asked]
    return [
        *shown,
        *({"image": path, "state": kind, "split": "test"} for path, kind in zip(asked, kinds, strict=True)),
    ]


def _reached(workspace: tuneworks.Workspace, name: str, config: RunConfig, floor: float) -> tuple[Outcome, bool]:
    """What came of it, printed, and whether its test score reached the floor."""
    outcome = tuned(workspace, config)
    tell(name, outcome, floor)
    return outcome, outcome.value >= floor


BENCHES: Mapping[str, Bench] = {
    "covid_ct": covid_ct,
    "neu_surface_defects": neu_surface_defects,
    "neu_anomaly": neu_anomaly,
}


def main(names: Sequence[str]) -> int:
    return each(BENCHES, names)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
