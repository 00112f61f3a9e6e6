"""Images on real data: defects and scans told apart, and defects found by one who has seen good ones alone.

    python -m bench.images [NAME ...]

Everything is by default settings; test rows are scored once.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import tuneworks
from bench.quality import data_folder, peak_megabytes
from tuneworks.core.types import ModelVersion, RunConfig, TaskSpec

GOOD = 20
GOOD_VALIDATION = 4


def covid_ct(workspace: tuneworks.Workspace) -> bool:
    """Lung scans: the files' own splits keep the pictures of one paper together."""
    files = [data_folder() / "covid_ct" / f"{split}.jsonl" for split in ("train", "validation", "test")]
    tuneworks.add(*files, name="covid_ct", workspace=workspace)
    spec = TaskSpec(inputs={"image": "image"}, target="label", metric="roc_auc")
    return _tuned(workspace, "covid_ct", RunConfig(dataset="covid_ct", spec=spec), "roc_auc", 0.82)[1]


def neu_surface_defects(workspace: tuneworks.Workspace) -> bool:
    """Six kinds of defects of steel, from a folder of class folders."""
    tuneworks.add(data_folder() / "neu_surface_defects" / "images", name="neu", workspace=workspace)
    return _tuned(workspace, "neu_surface_defects", RunConfig(dataset="neu"), "accuracy", 0.98)[1]


def neu_anomaly(workspace: tuneworks.Workspace) -> bool:
    """Each kind in turn is the known good, of which twenty images are shown; all others are anomalies."""
    folder = data_folder() / "neu_surface_defects" / "images"
    reached, areas = True, []
    for known in sorted(child.name for child in (folder / "train").iterdir()):
        name = f"only-{known.replace('_', '-')}"
        tuneworks.add(_known_good(folder, known), name=name, workspace=workspace)
        config = RunConfig(dataset=name, spec=TaskSpec(task="anomaly-detection", target="state"))
        version, enough = _tuned(workspace, name, config, "roc_auc", 0.85)
        reached &= enough
        areas.append(version.scores["roc_auc"].value)
        print(
            f"    false alarms {version.scores['false_alarms'].value:.3f}, missed {version.scores['missed'].value:.3f}"
        )
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


def _tuned(
    workspace: tuneworks.Workspace, name: str, config: RunConfig, metric: str, floor: float
) -> tuple[ModelVersion, bool]:
    """The version, and whether its test score reached the floor; printed with what it cost."""
    began = time.monotonic()
    version = tuneworks.tune(config=config, workspace=workspace)
    report = json.loads((workspace.reports / version.label / "report.json").read_text(encoding="utf-8"))
    score = version.scores[metric]
    print(
        f"{name}: {metric} {score.value:.4f} [{score.low:.4f}, {score.high:.4f}] (floor {floor}) by "
        f"{version.recipe.method} on {version.recipe.base}; {report['evaluation']['rows']} test rows; "
        f"{time.monotonic() - began:.0f} s; peak {peak_megabytes():.0f} MB",
        flush=True,
    )
    return version, score.value >= floor


BENCHES: Mapping[str, Callable[[tuneworks.Workspace], bool]] = {
    "covid_ct": covid_ct,
    "neu_surface_defects": neu_surface_defects,
    "neu_anomaly": neu_anomaly,
}


def main(names: Sequence[str]) -> int:
    missed = 0
    for name in names or BENCHES:
        with (
            tempfile.TemporaryDirectory() as folder,
            tuneworks.Workspace.open(Path(folder) / ".tuneworks") as workspace,
        ):
            missed += not BENCHES[name](workspace)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
