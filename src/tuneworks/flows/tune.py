"""Make a model version: plan, fit, score once on held-out rows, store it whole, write its report."""

from __future__ import annotations

import json
import resource
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tuneworks.core import lifecycle, registry
from tuneworks.core.clock import new_id, now
from tuneworks.core.config import with_settings
from tuneworks.core.contracts import Model, Step
from tuneworks.core.evaluation import Evaluation
from tuneworks.core.events import Listener, silent, tell
from tuneworks.core.text import Text
from tuneworks.core.types import ModelVersion, Recipe, Run, RunConfig, Score, TaskSpec
from tuneworks.core.workspace import Workspace
from tuneworks.flows.evaluate import write_report
from tuneworks.flows.fitting import Fitted, fit
from tuneworks.flows.held_out import run as run_model
from tuneworks.flows.names import MODEL, must_be_name
from tuneworks.flows.plan_run import Plan, plan_run
from tuneworks.flows.references import version_of
from tuneworks.language.segments import is_chinese
from tuneworks.reports.cards import model_card
from tuneworks.serving.folders import open_version, store_parts
from tuneworks.serving.pictures import named
from tuneworks.serving.seal import GOLDEN, PICTURES, golden
from tuneworks.statistics.shapes.shape import shape_of

RUNNER = "inline"
MODEL_NAME = "model"


def tune(
    dataset: str | None = None,
    *,
    target: str | None = None,
    task: str | None = None,
    base: str | Mapping[str, Sequence[str]] | None = None,
    method: str | None = None,
    name: str | None = None,
    config: RunConfig | None = None,
    settings: Mapping[str, Any] | None = None,
    workspace: Workspace | None = None,
    listener: Listener = silent,
) -> ModelVersion:
    """Adapt a base model to a dataset and store the result as the name's next version.

    Arguments override ``config``; ``settings`` are dotted keys such as ``{"recipe.epochs": 3}``.
    """
    workspace = workspace or Workspace.open()
    asked = with_settings(_merged(config or RunConfig(), dataset, target, task, base, method, name), settings or {})
    must_be_name(asked.name or MODEL_NAME, MODEL)
    plan = plan_run(workspace, asked, listener)
    _tell_plan(plan, listener)
    run = lifecycle.start(workspace, plan.config, asked)
    try:
        runner = registry.load("runners", RUNNER)()
        version, evaluation, scores = runner.submit(run.id, lambda: _make(workspace, run, plan, listener))
    except BaseException as error:
        lifecycle.fail(workspace, run, error)
        raise
    score = version.scores[evaluation.metric]
    tell(
        listener,
        "stored",
        Text(
            f"{version.label} stored: {evaluation.metric} {_figures(score)} on {evaluation.rows} held-out rows",
            f"{version.label} 已保存：{evaluation.metric} {_figures(score)}，留出 {evaluation.rows} 行",
        ),
    )
    write_report(workspace, version, plan, evaluation, scores, listener=listener)
    return version


def _figures(score: Score) -> str:
    return f"{score.value:.4f} [{score.low:.4f}, {score.high:.4f}]"


def _make(workspace: Workspace, run: Run, plan: Plan, listener: Listener) -> tuple[ModelVersion, Evaluation, Any]:
    """Fit, score on the test rows, and store version and finished run together."""
    began = time.monotonic()
    champion, parent = _champion(workspace, plan.config)
    with tempfile.TemporaryDirectory(prefix="tuneworks-") as place:
        folder = Path(place)
        fitted = fit(
            plan.data, plan.config.recipe, folder=folder, cache=workspace.cache, champion=champion, listener=listener
        )
        model = fitted.open(folder, plan.data.spec)
        scores = run_model(model, plan.data.test, workspace.cache, listener)
        evaluation = plan.data.task.score(plan.data.spec, scores, plan.data.test)
        version = _version(workspace, run, plan, fitted, evaluation, parent)
        files: dict[str, Path | bytes] = {
            **fitted.files,
            **_golden(plan, model, workspace.cache),
            "history.jsonl": _history(fitted.history, time.monotonic() - began),
            "README.md": model_card(version, evaluation, languages=_languages(plan)).encode(),
        }
        version = replace(version, parts=store_parts(workspace, files))
        return lifecycle.finish(workspace, run, version), evaluation, scores


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
    """Some held-out inputs, the longest among them, with the scores they give: the seal's examples and their images."""
    test = plan.data.test
    longest = max(range(len(test)), key=lambda i: sum(len(str(values[i])) for values in test.inputs.values()))
    examples = test.take(sorted({longest, *range(min(shape_of(model.output.kind).golden_rows, len(test)))}))
    columns = plan.data.spec.inputs.values()
    rows = [{column: row.get(column) for column in columns} for row in examples.rows]
    pictures = {f"{PICTURES}/{name}": path for name, path in named(rows).items()}
    return {GOLDEN: golden(rows, run_model(model, examples, cache), labels=plan.data.spec.labels), **pictures}


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


def _merged(
    config: RunConfig,
    dataset: str | None,
    target: str | None,
    task: str | None,
    base: str | Mapping[str, Sequence[str]] | None,
    method: str | None,
    name: str | None,
) -> RunConfig:
    spec: TaskSpec = replace(config.spec, target=target or config.spec.target, task=task or config.spec.task)
    chosen: Any = (
        base
        if base is None or isinstance(base, str)
        else {c: (a,) if isinstance(a, str) else tuple(a) for c, a in base.items()}
    )
    recipe: Recipe = replace(config.recipe, base=chosen or config.recipe.base, method=method or config.recipe.method)
    return replace(config, dataset=dataset or config.dataset, name=name or config.name, spec=spec, recipe=recipe)


def _tell_plan(plan: Plan, listener: Listener) -> None:
    data, recipe = plan.data, plan.config.recipe
    counts = f"{len(data.train)} / {len(data.validation)} / {len(data.test)}"
    labels = len(data.spec.labels)
    known_en, known_zh = (f"{labels} labels; ", f"{labels} 个标签；") if labels else ("", "")
    tell(
        listener,
        "plan",
        Text(
            f"{plan.config.spec.task}: {recipe.method} on {recipe.base}; {known_en}"
            f"train / validation / test rows: {counts}",
            f"{plan.config.spec.task}：在 {recipe.base} 上使用 {recipe.method}；{known_zh}"
            f"训练 / 验证 / 测试行数：{counts}",
        ),
    )
