"""A small real evaluation for the report tests, with labels and texts that try to break out."""

import numpy as np

from tuneworks.core.evaluation import Comparison, Evaluation
from tuneworks.core.text import Text
from tuneworks.core.types import BaseUse, ModelVersion, Output, Recipe, TaskSpec
from tuneworks.reports.provenance import Provenance, Setting
from tuneworks.statistics.classification import evaluate_classes
from tuneworks.statistics.comparison import compare

EVIL = ("<script>alert(1)</script>", "\"quoted\" & 'single'", "退款|申请\n`x`")
HISTORY = [
    {"step": step, "total": 20, "values": {"loss": 2 / step, **({"validation_macro_f1": 0.5} if step % 5 == 0 else {})}}
    for step in range(1, 21)
]
PROVENANCE = Provenance(
    dataset="tickets <b>",
    splits={"train": 400, "validation": 50, "test": 60},
    seconds=75.4,
    memory_megabytes=812.0,
    test_scored=2,
    recipe=(Setting("recipe.epochs", 3, "user"), Setting("recipe.base", "pkg:<i>", "default")),
)


def example(labels: tuple[str, ...] = EVIL, rows: int = 60) -> tuple[ModelVersion, Evaluation, Comparison]:
    """A version, its evaluation and a comparison with the majority class."""
    generator = np.random.default_rng(0)
    truth = np.arange(rows) % len(labels)
    scores = generator.dirichlet(np.ones(len(labels)), rows) + np.eye(len(labels))[truth] * 0.5
    scores /= scores.sum(axis=1, keepdims=True)
    spec = TaskSpec("text-classification", {"text": "text"}, "topic", labels, "macro_f1")
    held_out = [{"text": f"</td><script>{i}</script> 查询", "topic": labels[t]} for i, t in enumerate(truth)]
    evaluation, tallies = evaluate_classes(truth, scores, spec=spec, rows=held_out)
    _, baseline = evaluate_classes(
        truth, np.tile([1.0] + [0.0] * (len(labels) - 1), (rows, 1)), spec=spec, rows=held_out
    )
    comparison = compare(baseline, tallies, metric="macro_f1", name=Text("majority class", "多数类"))
    version = ModelVersion(
        id="version-1",
        name="tickets",
        number=3,
        run_id="run-1",
        dataset_id="ab" * 32,
        spec=spec,
        recipe=Recipe(method="head"),
        output=Output("classes", len(labels)),
        bases=(BaseUse("text", "ngrams", "ngrams", ""),),
        parts={},
        scores=evaluation.scores,
        created="2026-01-02T03:04:05.000000Z",
        parent_id="version-0",
    )
    return version, evaluation, comparison
