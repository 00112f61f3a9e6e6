"""Keep the truth about a prediction: what the answer should have been, or only whether it was right."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tuneworks.core.clock import new_id, now
from tuneworks.core.errors import InvalidInput, NotFound
from tuneworks.core.records import to_plain
from tuneworks.core.text import Text
from tuneworks.core.types import Answer, ClassAnswer, Feedback, ModelVersion, Prediction, SpansAnswer
from tuneworks.core.workspace import Workspace
from tuneworks.flows.new_labels import new_labels
from tuneworks.serving.inputs import check_text

LONGEST_LABEL = 200


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
    truth = None if value is None else _truth(judged, value, _input_text(version, judged))
    verdict = _verdict(judged.answer, truth, correct)
    note = new_labels(version, truth) if version else None
    given = Feedback(
        new_id("fb"), now(), judged.id, judged.key, _source(source), truth, verdict, _weight(weight), note=note
    )
    workspace.store.put(given)
    return given


def agrees(answer: Answer, truth: Any) -> bool:
    """Whether an answer says the same as a true target."""
    if isinstance(answer, SpansAnswer):
        return {(s.start, s.end, s.label) for s in answer.spans} == {(s["start"], s["end"], s["label"]) for s in truth}
    return answer.label == str(truth)


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


def _input_text(version: ModelVersion | None, judged: Prediction) -> str:
    columns = version.spec.inputs.values() if version else judged.inputs
    return next((judged.inputs[column] for column in columns if isinstance(judged.inputs.get(column), str)), "")


def _truth(judged: Prediction, value: Any, text: str) -> Any:
    if isinstance(judged.answer, SpansAnswer):
        return _spans(value, text)
    return _label(value)


def _label(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_LABEL:
        raise InvalidInput(
            Text(
                f"The true value must be a label of 1 to {LONGEST_LABEL} characters, got {_shown(value)}.",
                f"正确值应为 1 至 {LONGEST_LABEL} 个字符的标签，实为 {_shown(value)}。",
            ),
            Text(
                'Send one label, such as "billing"; a new label is welcome.',
                "请发送一个标签，例如 “账单”；可以是新标签。",
            ),
        )
    return check_text(value.strip(), Text("The label", "标签"))


def _spans(value: Any, text: str) -> list[dict[str, Any]]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise _not_a_span(value, text)
    return sorted((_span(one, text) for one in map(to_plain, value)), key=lambda span: (span["start"], span["end"]))


def _span(value: Any, text: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _not_a_span(value, text)
    start, end, label = (value.get(name, "") for name in ("start", "end", "label"))
    if not (_whole(start) and _whole(end)) or not 0 <= int(start) < int(end) <= len(text):
        raise _not_a_span(value, text)
    return {"start": start, "end": end, "label": _label(label)}


def _not_a_span(value: Any, text: str) -> InvalidInput:
    return InvalidInput(
        Text(
            f"The true value must be a list of spans within the text of {len(text)} characters, got {_shown(value)}.",
            f"正确值应为长度 {len(text)} 的文本内的片段列表，实为 {_shown(value)}。",
        ),
        Text(
            'Send [{"start": 0, "end": 5, "label": "PERSON"}]: code points, end exclusive; [] says there is none.',
            '请发送 [{"start": 0, "end": 5, "label": "PERSON"}]：按码位计数，不含结束位置；[] 表示没有。',
        ),
    )


def _verdict(answer: Answer, truth: Any, correct: bool | None) -> bool:
    if truth is None and not isinstance(correct, bool):
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
    if truth is None:
        return bool(correct)
    right = agrees(answer, truth)
    if isinstance(correct, bool) and correct != right:
        raise InvalidInput(
            Text(
                f"The feedback contradicts itself: correct={correct}, but the answer was {_answered(answer)} "
                f"and the true value given is {_shown(truth)}.",
                f"反馈自相矛盾：correct={correct}，但答案是 {_answered(answer)}，而给出的正确值是 {_shown(truth)}。",
            ),
            Text("Send the true value alone.", "只发送正确值即可。"),
        )
    return right


def _source(source: Any) -> str:
    if isinstance(source, str) and source:
        return check_text(source, Text("The source", "来源"))
    raise InvalidInput(
        Text(f"The source must be a text, got {_shown(source)}.", f"来源应为文本，实为 {_shown(source)}。"),
        Text('Say who judged, such as "user" or "reviewer".', "请说明由谁判断，例如 “user” 或 “reviewer”。"),
    )


def _weight(weight: Any) -> float:
    if isinstance(weight, (int, float)) and not isinstance(weight, bool) and math.isfinite(weight) and weight > 0:
        return float(weight)
    raise InvalidInput(
        Text(
            f"The weight must be a number above 0, got {_shown(weight)}.",
            f"权重应为大于 0 的数，实为 {_shown(weight)}。",
        ),
        Text("Leave it out: every judgement then counts 1.", "可省略，此时每条反馈权重为 1。"),
    )


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _answered(answer: Answer) -> str:
    if isinstance(answer, ClassAnswer):
        return repr(answer.label)
    return _shown([(s.start, s.end, s.label) for s in answer.spans])


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else shown[:77] + "..."
