"""A plug-in is one file: put there, the whole house works with it; taken away, nothing of it remains."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.house.source import PACKAGE

TWINS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "tasks/urgency.py": ("tasks/text_classification.py", {"TextClassification": "Urgency"}),
    "bases/letters.py": ("bases/ngrams.py", {"class Ngrams": "class Letters", '== "ngrams"': '== "letters"'}),
    "methods/ridge.py": ("methods/head.py", {"class Head(": "class Ridge("}),
    "readers/lines_of_json.py": ("readers/jsonl.py", {"class Jsonl": "class LinesOfJson", ".jsonl": ".jlines"}),
    "finders/shouting.py": ("finders/empty_texts.py", {"EmptyTexts": "Shouting", "empty-texts": "shouting"}),
    "detectors/strangers.py": ("detectors/unseen_values.py", {"UnseenValues": "Strangers"}),
}
"""New file -> the file it is made after, and what is named anew in it."""

STORY = """
import sys, json, tuneworks
from pathlib import Path
from tuneworks.core import registry
rows = [{"text": f"{'late parcel' if i % 2 else 'card refused'} {i}", "topic": "delivery" if i % 2 else "payment"}
        for i in range(200)] + [{"text": " ", "topic": "delivery"}]
Path("tickets.jlines").write_text("".join(json.dumps(row) + chr(10) for row in rows))
workspace = tuneworks.Workspace.open(Path("workspace"))
tuneworks.add("tickets.jlines", workspace=workspace)
found = tuneworks.check("tickets", task="urgency", workspace=workspace).findings
version = tuneworks.tune("tickets", task="urgency", base="letters", method="ridge", workspace=workspace)
tuneworks.deploy("tickets", workspace=workspace)
answers = tuneworks.predict("tickets", [{"text": f"late parcel {i}"} for i in range(40)], workspace=workspace)
tuneworks.feedback(answers[0].id, value="lost", workspace=workspace)
signals = tuneworks.watch("tickets", workspace=workspace)
print(version.spec.task, version.bases[0].name, version.recipe.method, answers[0].answer.label)
print(sorted({finding.finder for finding in found} & {"shouting"}))
print([signal.detector for signal in signals if signal.detector == "strangers"])
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PACKAGE, tmp_path / "source" / "tuneworks"))


def run(package: Path, code: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(package.parent), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=package.parent.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_one_of_each_works_as_soon_as_its_file_is_there_and_is_gone_with_it(package: Path) -> None:
    before = {path: path.read_bytes() for path in package.rglob("*.py")}
    for name, (twin, renamed) in TWINS.items():
        text = (package / twin).read_text(encoding="utf-8")
        for old, new in renamed.items():
            assert old in text, (twin, old)
            text = text.replace(old, new)
        (package / name).write_text(text, encoding="utf-8")
    (package / "readers" / "jsonl.py").rename(package / "readers" / "_put_aside.py")
    told = run(package, STORY)
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines() == ["urgency letters ridge delivery", "['shouting']", "['strangers']"]
    for name in TWINS:
        (package / name).unlink()
    (package / "readers" / "_put_aside.py").rename(package / "readers" / "jsonl.py")
    assert {path: path.read_bytes() for path in package.rglob("*.py")} == before
    names = run(
        package,
        "from tuneworks.core import registry\n"
        f"print([n for k in {sorted({name.split('/')[0] for name in TWINS})} for n in registry.names(k)])",
    )
    assert not any(Path(name).stem.replace("_", "-") in names.stdout for name in TWINS)
