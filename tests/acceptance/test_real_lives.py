"""Every shape of answer lives its whole life on real data: brought in, checked, tuned, served, corrected, re-tuned."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import tuneworks
from bench import entities, images, series, tables, texts
from bench.harness import read
from tuneworks.core.types import Recipe, RunConfig, TaskSpec
from tuneworks.flows.held_out import plan_of
from tuneworks.flows.references import version_of

ASKED = 40
NGRAMS = Recipe("ngrams", "head")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not os.environ.get("TUNEWORKS_DATA"), reason="TUNEWORKS_DATA names no folder of data sets"),
]


@dataclass(frozen=True)
class Life:
    """Real rows with their split, what is asked of them, and by which recipe; ``kinds`` as for ``add``."""

    rows: Callable[[], Sequence[dict[str, Any]]]
    spec: TaskSpec
    recipe: Recipe = field(default_factory=Recipe)
    kinds: dict[str, str] = field(default_factory=dict)


def some(rows: Iterator[dict[str, Any]], learnt: int, held_out: int = 100) -> list[dict[str, Any]]:
    """The first rows of each split."""
    most, kept = {"train": learnt, "validation": held_out, "test": held_out}, []
    for row in rows:
        if most[row["split"]]:
            most[row["split"]] -= 1
            kept.append(row)
    return kept


def scans() -> list[dict[str, Any]]:
    folder = Path(os.environ["TUNEWORKS_DATA"]) / "covid_ct"
    rows = some(read("covid_ct"), 510, 148)
    return [{"image": folder / row["image"], "label": row["label"], "split": row["split"]} for row in rows[::4]]


def defects() -> list[dict[str, Any]]:
    folder = Path(os.environ["TUNEWORKS_DATA"]) / "neu_surface_defects" / "images"
    rows = images._known_good(folder, "patches")
    return [dict(row) for row in [*rows[: images.GOOD], *rows[images.GOOD :: 4]]]


def summaries() -> Iterator[dict[str, Any]]:
    for row in read("dialogsum"):
        told = row["summary"] if "summary" in row else row["summaries"][0]
        yield {"dialogue": row["dialogue"][:300], "summary": told, "split": row["split"]}


def marked() -> Iterator[dict[str, Any]]:
    for row in read("semeval2010_task8"):
        yield {"text": row["marked"], "relation": row["relation"], "split": row["split"]}


MIXED = {"text": "text", "category": "category"}
PAIR = {"text_a": "sentence1", "text_b": "sentence2"}
WRITTEN = TaskSpec("text-generation", {"text": "dialogue"}, "summary", options={"max_new_tokens": 8})
LIVES = {
    "finre-sets": Life(
        lambda: some(texts.finre_sets(), 1000),
        TaskSpec("multi-label-classification", {"text": "text"}, "relations"),
        NGRAMS,
    ),
    "fin_sentiment": Life(
        lambda: some(read("fin_sentiment_fiqa_semeval"), 1000),
        TaskSpec("text-regression", {"text": "text"}, "score"),
        NGRAMS,
    ),
    "cmrc2018": Life(lambda: some(read("cmrc2018"), 150, 60), TaskSpec("question-answering"), NGRAMS),
    "lcqmc": Life(lambda: some(read("lcqmc"), 1000), TaskSpec("sentence-similarity", PAIR, "label"), NGRAMS),
    "semeval2010_task8": Life(
        lambda: some(marked(), 800),
        TaskSpec("relation-extraction", {"text": "text"}, "relation"),
        NGRAMS,
    ),
    "cluener2020": Life(
        lambda: some(entities.cluener(), 800), TaskSpec("token-classification"), NGRAMS, {"spans": "spans"}
    ),
    "dialogsum": Life(lambda: some(summaries(), 24, 12), WRITTEN, Recipe(epochs=1), {"summary": "text"}),
    "covid_ct": Life(scans, TaskSpec("image-classification", {"image": "image"}, "label")),
    "neu_surface_defects": Life(defects, TaskSpec("anomaly-detection", target="state")),
    "german_credit": Life(lambda: tables.tabular("german_credit"), tables.credit("creditability")),
    "cmapss_fd001": Life(
        lambda: [row for row in tables.engines() if row["split"] == "test" or row["unit"][-1] in "056"],
        tables.trials()["cmapss_fd001"].spec,
        kinds=dict(tables.trials()["cmapss_fd001"].kinds),
    ),
    "etth1": Life(lambda: series.rows_of((2000, 2500, 3000)), series.SPEC),
    "online_shopping_10_cats": Life(
        lambda: some(read("online_shopping_10_cats"), 1000),
        TaskSpec("text-classification", MIXED, "label"),
        Recipe({"text": ("ngrams",), "category": ("columns",)}, "head"),
    ),
}


@pytest.mark.parametrize("name", LIVES)
def test_a_shape_of_answer_lives_its_whole_life_on_real_data(name: str, tmp_path: Path) -> None:
    life = LIVES[name]
    with tuneworks.Workspace.open(tmp_path / ".tuneworks") as workspace:
        tuneworks.add(life.rows(), name=name, kinds=life.kinds, workspace=workspace)
        found = tuneworks.check(name, target=life.spec.target, task=life.spec.task, workspace=workspace)
        config = RunConfig(name, name, life.spec, life.recipe)
        version = tuneworks.tune(config=config, workspace=workspace)
        report = tuneworks.evaluate(version.label, workspace=workspace)
        tuneworks.deploy(name, workspace=workspace)
        data = plan_of(workspace, version_of(workspace, version.id)).data
        rows = list(data.test.rows)[:ASKED]
        asked = [{column: row[column] for column in data.spec.inputs.values()} for row in rows]
        answers = tuneworks.predict(name, asked, workspace=workspace)
        for answer, row in zip(answers, rows, strict=True):
            truth = data.task.truth(data.spec, row)
            if truth is not None:
                tuneworks.feedback(answer.id, value=truth, workspace=workspace)
        signals = tuneworks.watch(name, workspace=workspace)
        successor = tuneworks.retune(name, workspace=workspace)
    score = report.evaluation.scores[report.evaluation.metric]
    print(
        f"{name}: {len(found.findings)} findings; {report.evaluation.metric} {score.value:.3f} "
        f"[{score.low:.3f}, {score.high:.3f}] on {report.evaluation.rows}; {len(answers)} served; "
        f"{len(signals)} signals; {successor.version.label} "
        f"{'promoted' if successor.promoted else 'not better'}"
    )
    assert report.evaluation.rows == len(data.test)
    assert len(answers) == len(rows)
    assert successor.version.number == 2
    assert successor.version.parent_id == version.id
