"""Keep the truth about a prediction: what the answer should have been, or only whether it was right."""

from __future__ import annotations

import math
from typing import Any

from tuneworks.core.answers import Answer
from tuneworks.core.clock import new_id, now
from tuneworks.core.errors import InvalidInput, NotFound
from tuneworks.core.records import to_plain
from tuneworks.core.text import Text
from tuneworks.core.types import Feedback, ModelVersion, Prediction, TaskSpec
from tuneworks.core.workspace import Workspace
from tuneworks.flows.new_labels import new_labels
from tuneworks.statistics.shapes.shape import shape_of
from tuneworks.statistics.shapes.values import shown, whole_text


def feedback(
    prediction: str | None = None,
    *,
    key: str | None = None,
    value: Any = None,
    correct: bool | None = None,
    source: str = "user",
    weight: float = 1.0,
    workspace: Workspace | None = None,
) -> Feedback:
    """Store the true target (``value``) or a verdict (``correct``) for a prediction found by its id or your key.

    ``weight`` counts in watching (realised performance); retuning learns from every judged row alike.
    """
    workspace = workspace or Workspace.open()
    judged = _found(workspace, prediction, key)
    version = workspace.store.get(ModelVersion, judged.version_id)
    shape = shape_of(judged.answer.kind)
    spec = version.spec if version else TaskSpec()
    truth = None if value is None else shape.truth(value, judged.inputs, spec)
    error = None if truth is None else shape.error(judged.answer, truth)
    verdict = _verdict(judged.answer, error, correct if shape.right_or_wrong or truth is None else None)
    note = new_labels(version, shape.labels(truth)) if version and truth is not None else None
    given = Feedback(
        new_id("fb"), now(), judged.id, judged.key, _source(source), truth, verdict, _weight(weight), error, note
    )
    workspace.store.put(given)
    return given


def _found(workspace: Workspace, prediction: str | None, key: str | None) -> Prediction:
    if (prediction is None) == (key is None):
        raise InvalidInput(
            Text("Feedback needs a prediction's id or its key, one of the two.", "反馈需要预测的 id 或键，二者择一。"),
            Text(
                "The id comes with every prediction: tuneworks feedback ID --value VALUE",
                "每次预测都会返回 id：tuneworks feedback ID --value 值",
            ),
        )
    if prediction is not None:
        found = workspace.store.get(Prediction, prediction)
    else:
        found = next(iter(workspace.store.find(Prediction, key=key, newest_first=True, limit=1)), None)
    if found is None:
        raise _no_prediction(prediction, key)
    return found


def _no_prediction(prediction: str | None, key: str | None) -> NotFound:
    by_en = f"with the id {prediction!r}" if prediction is not None else f"with the key {key!r}"
    by_zh = f"id 为 {prediction!r}" if prediction is not None else f"键为 {key!r}"
    return NotFound(
        Text(f"There is no logged prediction {by_en}.", f"没有{by_zh}的预测记录。"),
        Text(
            "Use the id that came with the answer; predictions made with a version reference (name@3) are not logged.",
            "请使用随答案返回的 id；以版本引用（name@3）作出的预测不会记录。",
        ),
    )


def _verdict(answer: Answer, error: float | None, correct: bool | None) -> bool:
    if error is None and not isinstance(correct, bool):
        raise InvalidInput(
            Text(
                "The feedback says neither what is true nor whether the answer was right.",
                "反馈既未给出正确值，也未说明答案是否正确。",
            ),
            Text(
                "Send the true value, or correct=true or correct=false.",
                "请发送正确值，或 correct=true、correct=false。",
            ),
        )
    if error is None:
        return bool(correct)
    right = error == 0
    if isinstance(correct, bool) and correct != right:
        raise InvalidInput(
            Text(
                f"The feedback contradicts itself: correct={correct}, but by the true value given the answer "
                f"{shown(to_plain(answer))} was {'right' if right else 'wrong'}.",
                f"反馈自相矛盾：correct={correct}，但按给出的正确值，答案 {shown(to_plain(answer))} "
                f"是{'对' if right else '错'}的。",
            ),
            Text("Send the true value alone.", "只发送正确值即可。"),
        )
    return right


def _source(source: Any) -> str:
    if isinstance(source, str) and source:
        return whole_text(source, Text("The source", "来源"))
    raise InvalidInput(
        Text(f"The source must be a text, got {shown(source)}.", f"来源应为文本，实为 {shown(source)}。"),
        Text('Say who judged, such as "user" or "reviewer".', "请说明由谁判断，例如 “user” 或 “reviewer”。"),
    )


def _weight(weight: Any) -> float:
    if isinstance(weight, (int, float)) and not isinstance(weight, bool) and math.isfinite(weight) and weight > 0:
        return float(weight)
    raise InvalidInput(
        Text(
            f"The weight must be a number above 0, got {shown(weight)}.",
            f"权重应为大于 0 的数，实为 {shown(weight)}。",
        ),
        Text("Leave it out: every judgement then counts 1.", "可省略，此时每条反馈权重为 1。"),
    )
