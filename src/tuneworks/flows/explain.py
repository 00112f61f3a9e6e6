"""Say why an answer is what it is: the parts of the row it rests on, or the rows it was learnt from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tuneworks.core import registry
from tuneworks.core.asking import Examples, Row
from tuneworks.core.errors import InvalidInput, MissingExtra, NotFound
from tuneworks.core.explaining import Attribution, Explainer, Explanation, Question
from tuneworks.core.text import Text
from tuneworks.core.types import Dataset, Deployment, ModelVersion, Prediction, Served
from tuneworks.core.workspace import Workspace
from tuneworks.flows.known_rows import known_of
from tuneworks.flows.references import deployment_of, version_of
from tuneworks.serving.engine import LoadedModel, engine_of
from tuneworks.serving.inputs import check_rows, kept
from tuneworks.serving.loaded import runtime_of
from tuneworks.serving.pictures import image_columns, taken
from tuneworks.statistics.score_arrays import join
from tuneworks.statistics.shapes.shape import shape_of

AUTO = "auto"
ROWS_AT_ONCE = 256


def explain(
    deployment: str,
    rows: Sequence[Row] = (),
    *,
    prediction: str | None = None,
    explainer: str = AUTO,
    workspace: Workspace | None = None,
) -> list[Explanation]:
    """What each row's answer rests on, in order; or a logged prediction's, by its id, from the version that gave it.

    ``deployment`` may be a version reference such as ``name@3``. ``auto`` takes, of the explainers that show parts of
    the input, the one that runs the model the fewest times; where none fits, the nearest training rows. Nothing is
    logged.
    """
    workspace = workspace or Workspace.open()
    if prediction is None:
        served = _served(workspace, deployment)
    else:
        served, rows = _as_answered(workspace, deployment, prediction, rows)
    loaded = engine_of(workspace).model(served)
    spec = loaded.model.spec
    checked = check_rows(loaded.task, spec, taken(workspace.blobs, rows, image_columns(spec)))
    if not checked:
        return []
    question = _question(workspace, loaded, loaded.task.examples(spec, checked))
    answers = loaded.task.decode(spec, question.scores, question.examples)
    return [
        Explanation(
            loaded.version.label, kept(spec, row), answer, *_explained(_alone(question, at), explainer), prediction
        )
        for at, (row, answer) in enumerate(zip(checked, answers, strict=True))
    ]


def _alone(question: Question, at: int) -> Question:
    """One of the examples by itself, so that what is said of it does not depend on others."""
    return replace(question, examples=question.examples.take([at]), scores=question.scores[at : at + 1])


def _explained(question: Question, explainer: str) -> tuple[str, Text, Attribution, str | None]:
    """By what, why by that, what the one answer rests on, and which of its labels is explained."""
    name, chosen, reason = _chosen(question, explainer)
    leading = shape_of(question.model.output.kind).leading(question.scores[0])
    label = None if leading is None else question.model.spec.labels[leading]
    (attribution,) = chosen.explain(question)
    return name, reason, attribution, label


def _served(workspace: Workspace, reference: str) -> Served:
    """The deployment's champion, or a version by its own runtime."""
    if "@" in reference and workspace.store.get(Deployment, reference) is None:
        version = version_of(workspace, reference)
        return Served(version.id, runtime_of(version.bases))
    return deployment_of(workspace, reference).champion


def _as_answered(workspace: Workspace, deployment: str, id: str, rows: Sequence[Row]) -> tuple[Served, list[Row]]:
    """The version that gave the prediction, as the deployment serves it where it still does, and its row."""
    found, logged = deployment_of(workspace, deployment), workspace.store.get(Prediction, id)
    if rows:
        raise InvalidInput(
            Text("Rows and a prediction's id were given.", "同时给出了数据行和预测 id。"),
            Text("Give one of the two.", "请只提供其中之一。"),
        )
    if logged is None or logged.deployment != found.id:
        raise NotFound(
            Text(
                f"The deployment {found.id!r} has no logged prediction {id!r}.",
                f"部署 {found.id!r} 没有 id 为 {id!r} 的预测记录。",
            ),
            Text("Use the id that came with its answer.", "请使用随其答案返回的 id。"),
        )
    moving = (found.champion, *([found.challenger] if found.challenger else ()), *reversed(found.previous))
    same = [served for served in moving if served.version_id == logged.version_id]
    if same:
        return same[0], [logged.inputs]
    version = workspace.store.get(ModelVersion, logged.version_id)
    return Served(logged.version_id, runtime_of(version.bases) if version else ""), [logged.inputs]


def _question(workspace: Workspace, loaded: LoadedModel, examples: Examples) -> Question:
    def run(asked: Examples) -> Any:
        parts = []
        for begin in range(0, len(asked), ROWS_AT_ONCE):
            some = asked.take(range(begin, min(begin + ROWS_AT_ONCE, len(asked))))
            with loaded.turn:
                parts.append(loaded.runtime.run(loaded.model, some))
        return join(parts)

    dataset = workspace.store.get(Dataset, loaded.version.dataset_id)
    return Question(
        loaded.model,
        loaded.task,
        examples,
        run(examples),
        run,
        lambda: known_of(workspace, loaded),
        dataset.rows if dataset else 0,
    )


def _chosen(question: Question, wanted: str) -> tuple[str, Explainer, Text]:
    """The explainer that is named, or the one that shows parts and costs the least, with why it is that one."""
    able: list[tuple[bool, float, str, Explainer]] = []
    for name in registry.names("explainers") if wanted == AUTO else [wanted]:
        try:
            explainer = registry.load("explainers", name)()
        except MissingExtra:
            if wanted != AUTO:
                raise
            continue
        cost = explainer.cost(question)
        if cost is not None:
            able.append((explainer.by_rows, cost, name, explainer))
    if not able:
        raise _none_fits(question, wanted)
    _, cost, name, chosen = min(able, key=lambda one: one[:3])
    return name, chosen, _why(name, chosen, cost, wanted)


def _why(name: str, chosen: Explainer, cost: float, wanted: str) -> Text:
    how = Text("chosen", "自动选用") if wanted == AUTO else Text("as asked", "按要求使用")
    runs = int(np.ceil(cost))
    price = Text(f", {runs} runs of the model a row", f"，每行运行模型 {runs} 次")
    if chosen.by_rows:
        price = Text(f", among {runs} rows of the dataset", f"，在数据集的 {runs} 行中")
    elif runs == 1:
        price = Text(", from one run of the model", "，只需运行模型一次")
    return Text(f"{name} ({how.en}{price.en}): {chosen.reason.en}", f"{name}（{how.zh}{price.zh}）：{chosen.reason.zh}")


def _none_fits(question: Question, wanted: str) -> InvalidInput:
    kind = question.model.output.kind
    if wanted == AUTO:
        return InvalidInput(
            Text(f"No explainer fits this model's answers ({kind}).", f"没有适用于该模型答案（{kind}）的解释器。"),
            Text(
                "Its dataset was deleted; add it again to see the nearest rows.",
                "其数据集已删除；重新添加后可查看最相似的数据行。",
            ),
        )
    return InvalidInput(
        Text(
            f"The explainer {wanted!r} cannot explain this model's answers ({kind}).",
            f"解释器 {wanted!r} 无法解释该模型的答案（{kind}）。",
        ),
        Text("Leave it out: auto chooses one that can.", "请省略它：auto 会自动选用合适的解释器。"),
    )
