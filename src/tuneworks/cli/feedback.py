"""``tuneworks feedback``: tell the truth about a prediction."""

from __future__ import annotations

from typing import Any

import click

from tuneworks.cli.commands import argument, option, verb
from tuneworks.cli.session import Session
from tuneworks.core.text import Text

WEIGHT = Text(
    "How much it counts in watch's realised performance; retune learns from all judged rows alike.",
    "在 watch 的实际表现中所占的权重；retune 对所有已反馈的行一视同仁。",
)


@verb(
    Text("Tell the truth about a prediction.", "反馈某次预测的真实结果。"),
    Text(
        "With --value the row can be learnt from; a verdict alone (--correct, --wrong) is only watched.",
        "给出 --value 的反馈可用于再训练；仅有判断（--correct、--wrong）的反馈只用于监控。",
    ),
)
@argument("prediction", required=False, about=Text("The prediction's id.", "预测的标识。"))
@option(
    "--key",
    metavar="KEY",
    about=Text("Your own key of the prediction, instead of its id.", "您自己的预测键，可代替标识。"),
)
@option(
    "--value",
    metavar="TRUTH",
    about=Text(
        "The whole true answer: a label, a number, or a JSON list of labels or spans.",
        "完整的真实答案：一个标签、一个数值，或 JSON 格式的标签或片段列表。",
    ),
)
@option("--correct/--wrong", default=None, about=Text("Whether the answer was right.", "答案是否正确。"))
@option("--source", default="user", metavar="NAME", about=Text("Who says so.", "反馈来源。"))
@option("--weight", type=click.FLOAT, default=1.0, metavar="NUMBER", about=WEIGHT)
def command(session: Session, prediction: str | None, value: str | None, **known: Any) -> None:
    from tuneworks.flows.feedback import feedback

    with session.open() as workspace:
        noted = feedback(prediction, value=truth(value), **known, workspace=workspace)
    session.result(noted, Text(f"Noted: {noted.id}", f"已记录：{noted.id}"), *([noted.note] if noted.note else []))


def truth(text: str | None) -> Any:
    """A label as it stands; text that is a JSON list as that list.

    >>> truth("billing"), truth("[]"), truth(None)
    ('billing', [], None)
    """
    if text is None or not text.startswith("["):
        return text
    import json

    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
