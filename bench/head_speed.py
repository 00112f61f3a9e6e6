"""From a CSV file to a stored, scored version by ``head``: seconds by phase on banking77, accuracy with its interval.

    python -m bench.head_speed

The int8 encoder is drawn beforehand, as it is kept for every later run. Baselines and report come after "stored" and
are timed apart. Processor seconds stand beside wall seconds: where they are far apart, the machine was busy.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.harness import MINILM, data_folder
from tuneworks.core.packages import cache_folder

FLOOR, LIMIT = 0.925, 15.0
CODE = """
import json, sys, time
wall, marks = time.time(), []
mark = lambda name: marks.append((name, time.time() - wall, time.process_time()))
import tuneworks
from tuneworks.core.workspace import Workspace
from pathlib import Path
def hear(event):
    name = event.kind if event.kind != "progress" else event.message.en
    if not marks or marks[-1][0] != name:
        mark(name)
with Workspace.open(Path(sys.argv[2])) as workspace:
    tuneworks.add(sys.argv[1], name="banking77", workspace=workspace, listener=hear)
    version = tuneworks.tune("banking77", target="intent", base=sys.argv[3], method="head", workspace=workspace,
                             listener=hear)
    mark("end")
score = version.scores["accuracy"]
print(json.dumps({"marks": marks, "score": [score.value, score.low, score.high]}))
"""


def main(names: Sequence[str]) -> int:
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "banking77.csv"
        _write(file)
        if not any(cache_folder().glob("int8-*")):
            _run(file, Path(place) / "first")
        outcome = _run(file, Path(place) / "timed")
    before = (0.0, 0.0)
    seconds = 0.0
    for name, wall, processor in outcome["marks"]:
        print(f"    {wall - before[0]:6.2f} s, processor {processor - before[1]:6.2f} s, until: {name}")
        before = (wall, processor)
        seconds = wall if name == "stored" else seconds
    value, low, high = outcome["score"]
    reached = value >= FLOOR and seconds <= LIMIT
    print(
        f"head_speed: stored after {seconds:.1f} s (limit {LIMIT:.0f}); "
        f"accuracy {value:.4f} [{low:.4f}, {high:.4f}] (floor {FLOOR})",
        flush=True,
    )
    return 0 if reached else 1


def _write(file: Path) -> None:
    with open(file, "w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow(["text", "intent", "split"])
        for split in ("train", "test"):
            for line in (data_folder() / "banking77" / f"{split}.jsonl").read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                writer.writerow([row["text"], row["intent"], split])


def _run(file: Path, place: Path) -> dict[str, Any]:
    """One life in a fresh interpreter and workspace: what a command would do."""
    began = time.time()
    command = [sys.executable, "-c", CODE, str(file), str(place / ".tuneworks"), MINILM]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    outcome: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(f"    a whole life, start of Python to report: {time.time() - began:.1f} s")
    return outcome


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
