"""Making a model version: fit, score once on held-out rows, and gather its parts. Nothing is stored here."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tuneworks.core import lifecycle
from tuneworks.core.asking import Row
from tuneworks.core.clock import new_id, now
from tuneworks.core.contracts import Model, Step
from tuneworks.core.errors import InvalidInput
from tuneworks.core.evaluation import Evaluation
from tuneworks.core.events import Listener
from tuneworks.core.types import ModelVersion, Recipe, Run, RunConfig
from tuneworks.core.workspace import Workspace
from tuneworks.flows.baselines import keep
from tuneworks.flows.fitting import Fitted, fit
from tuneworks.flows.held_out import run as run_model
from tuneworks.flows.held_out import validated
from tuneworks.flows.ladder import climb, kept
from tuneworks.flows.plan_run import Plan
from tuneworks.flows.references import version_of
from tuneworks.flows.seats import seated
from tuneworks.flows.trails import Trail, no_trail
from tuneworks.language.segments import is_chinese
from tuneworks.reports.cards import model_card
from tuneworks.serving.folders import open_version
from tuneworks.serving.pictures import named
from tuneworks.serving.seal import GOLDEN, PICTURES, golden
from tuneworks.statistics.shapes.shape import shape_of
from tuneworks.statistics.views import values_of

MODEL_NAME = "model"
HISTORY, CARD = "history.jsonl", "README.md"
LONGER = (8, 64, 512)  # how many times a text is said to be longer than what is read of one


@dataclass(frozen=True)
class Made:
    """A version that is not stored yet, its files (part name -> path or bytes), and how it scored on test rows.

    ``plan`` holds the recipe that was kept; ``score`` is its metric on validation rows, higher is better.
    """

    version: ModelVersion
    files: Mapping[str, Path | bytes]
    plan: Plan
    evaluation: Evaluation
    scores: Any
    score: float | None


def make(
    workspace: Workspace,
    run: Run,
    plan: Plan,
    folder: Path,
    listener: Listener,
    trails: Callable[[Recipe], Trail] = no_trail,
) -> Made:
    """Fit the plan's recipes in ``folder``, and score the model that is kept on the test rows."""
    began = time.monotonic()
    champion, parent = _champion(workspace, plan.config)
    climbed = climb(plan, partial(_fit, workspace, run, plan, champion, trails), folder, listener)
    fitted, plan = climbed.fitted, climbed.plan
    model = fitted.open(plan.data.spec)
    scores = run_model(model, plan.data.test, workspace.cache, listener)
    evaluation = plan.data.task.score(plan.data.spec, scores, plan.data.test)
    version = _version(workspace, run, plan, fitted, evaluation, parent)
    files: dict[str, Path | bytes] = {
        **fitted.files,
        **_golden(plan, model, workspace.cache),
        **(kept(climbed.rungs) if len(climbed.rungs) > 1 else {}),
        HISTORY: _history(fitted.history, time.monotonic() - began),
        CARD: model_card(version, evaluation, languages=_languages(plan)).encode(),
    }
    return Made(version, files, plan, evaluation, scores, _validation_score(fitted))


def _fit(
    workspace: Workspace,
    run: Run,
    plan: Plan,
    champion: Model | None,
    trails: Callable[[Recipe], Trail],
    recipe: Recipe,
    folder: Path,
    listener: Listener,
) -> Fitted:
    """One rung: a recipe fitted, with its measure on validation rows where there are others to choose from."""
    with seated(workspace, run, plan) as seat:
        fitted = fit(
            plan.data,
            recipe,
            folder=folder,
            cache=workspace.cache,
            champion=champion,
            listener=listener,
            trails=trails,
            seat=seat,
        )
    if len(plan.rungs) == 1:
        return fitted
    keep(workspace, plan, recipe, fitted, listener)
    return validated(fitted, plan.data, workspace.cache, listener)


def _validation_score(fitted: Fitted) -> float | None:
    if fitted.validation is None:
        return None
    return -fitted.validation.value if fitted.less_is_better else fitted.validation.value


def _version(
    workspace: Workspace, run: Run, plan: Plan, fitted: Fitted, evaluation: Evaluation, parent: ModelVersion | None
) -> ModelVersion:
    name = plan.config.name or MODEL_NAME
    return ModelVersion(
        id=new_id("version"),
        name=name,
        number=lifecycle.next_number(workspace, name),
        run_id=run.id,
        dataset_id=plan.dataset.id,
        spec=plan.data.spec,
        recipe=plan.config.recipe,
        output=fitted.output,
        bases=fitted.uses,
        parts={},
        scores=evaluation.scores,
        created=now(),
        parent_id=parent.id if parent else None,
    )


def _golden(plan: Plan, model: Model, cache: Path) -> dict[str, Path | bytes]:
    """Some held-out inputs, the longest and one longer still, with their scores: the seal's examples and images."""
    test = plan.data.test
    longest = max(range(len(test)), key=lambda i: sum(len(str(values[i])) for values in test.inputs.values()))
    examples = test.take(sorted({longest, *range(min(shape_of(model.output.kind).golden_rows, len(test)))}))
    columns = plan.data.spec.inputs.values()
    rows: list[Row] = [{column: row.get(column) for column in columns} for row in examples.rows]
    rows += _overlong(plan, model, rows[-1])
    pictures = {f"{PICTURES}/{name}": path for name, path in named(rows).items()}
    scores = run_model(model, plan.data.task.examples(plan.data.spec, rows), cache)
    return {GOLDEN: golden(rows, scores, plan.data.spec), **pictures}


def _overlong(plan: Plan, model: Model, row: Row) -> list[Row]:
    """A row with its texts said over and over, past what the bases read of one: another limit gives other scores.

    None where texts are written, which takes long, where all of a text is read, or where the task takes no such text.
    """
    spec = plan.data.spec
    texts = [column for column in spec.inputs.values() if spec.kinds.get(column) == "text"]
    for times in LONGER if texts and model.output.kind != "text" else ():
        made = {**row, **{column: " ".join([str(row[column])] * times) for column in texts}}
        try:
            examples = plan.data.task.examples(spec, [made])
        except InvalidInput:
            return []
        if any(any(base.truncated(values_of(use, base, spec, examples))) for use, base in model.bases):
            return [made]
    return []


def _history(steps: Sequence[Step], seconds: float) -> bytes:
    """One JSON line a step, then one with the time and memory that fitting and scoring took."""
    lines = [{"step": step.step, "total": step.total, "values": dict(step.values)} for step in steps]
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    lines.append({"values": {"seconds": round(seconds, 3), "peak_megabytes": round(megabytes, 1)}})
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def _languages(plan: Plan) -> list[str]:
    texts = [str(text) for values in plan.data.train.inputs.values() for text in values[:1000]]
    return ["zh"] if is_chinese(texts) else ["en"]


def _champion(workspace: Workspace, config: RunConfig) -> tuple[Model | None, ModelVersion | None]:
    if config.from_version is None:
        return None, None
    version = version_of(workspace, config.from_version)
    return open_version(workspace, version), version
