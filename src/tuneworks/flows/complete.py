"""Complete a prompt or a conversation: the text a deployment writes, with its tokens counted as they were."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tuneworks.core.answers import Answer
from tuneworks.core.asking import Row
from tuneworks.core.clock import new_id, now
from tuneworks.core.errors import InvalidInput, TuneworksError
from tuneworks.core.text import Text
from tuneworks.core.types import ModelVersion, Prediction, TaskSpec
from tuneworks.core.workspace import Workspace
from tuneworks.flows.figures import note_answers
from tuneworks.flows.guard import able, chosen, failing, judged
from tuneworks.flows.references import deployment_of
from tuneworks.flows.shadows import shadow
from tuneworks.serving.engine import engine_of
from tuneworks.serving.inputs import check_rows, kept
from tuneworks.serving.reading import limited, prompt_tokens, writes

Pieces = Generator[str, None, Prediction]


@dataclass
class Completion:
    """A text as it is written: ``pieces`` gives it bit by bit and returns the prediction, not yet logged.

    ``read`` and ``written`` count tokens; ``at_end``: whether the model ended the text itself rather than its limit.
    """

    id: str
    version: ModelVersion
    read: int
    most: int
    written: int = 0
    pieces: Pieces = field(init=False)

    @property
    def at_end(self) -> bool:
        return self.written < self.most


def complete(
    deployment: str, said: str | Sequence[Any], *, most: int | None = None, workspace: Workspace | None = None
) -> Completion:
    """Begin the answer to a prompt (a text) or a conversation (messages), in at most ``most`` tokens."""
    workspace = workspace or Workspace.open()
    found, id = deployment_of(workspace, deployment), new_id("pred")
    served = able(workspace, found, chosen(workspace, found, id))
    loaded = engine_of(workspace).model(served)
    if not writes(loaded):
        raise _writes_nothing(deployment, loaded.model.output.kind)
    short = limited(loaded, most)
    row = check_rows(loaded.task, loaded.model.spec, [row_of(loaded.model.spec, said)])[0]
    made = Completion(id, loaded.version, prompt_tokens(loaded, row), short.model.output.size)

    def told() -> Pieces:
        started = time.perf_counter()
        try:
            answer = yield from _counted(made, short.stream(row))
        except Exception as error:
            if not isinstance(error, TuneworksError):
                judged(workspace, found, served, failing(loaded, error))
            raise
        seconds = time.perf_counter() - started
        note_answers(found.id, loaded.version, [answer], seconds)
        inputs, milliseconds = kept(loaded.version.spec, row), round(seconds * 1000, 3)
        logged = Prediction(id, found.id, loaded.version.id, now(), inputs, answer, milliseconds)
        shadow(workspace, found, [row], [logged])
        return logged

    made.pieces = told()
    return made


def row_of(spec: TaskSpec, said: str | Sequence[Any]) -> Row:
    """The row a prompt or a conversation is to a model: its one input reads texts, or messages."""
    column = next(iter(spec.inputs.values()))
    if spec.kinds.get(column) == "messages":
        return {column: [{"role": "user", "content": said}] if isinstance(said, str) else list(said)}
    return {column: said if isinstance(said, str) else _only_text(said)}


def _writes_nothing(deployment: str, kind: str) -> InvalidInput:
    return InvalidInput(
        Text(f"{deployment} writes no texts: it answers {kind}.", f"{deployment} 不生成文本，它的答案类型是 {kind}。"),
        Text(
            f"Ask it by POST /v1/deployments/{deployment}/predict.",
            f"请使用 POST /v1/deployments/{deployment}/predict。",
        ),
    )


def _only_text(messages: Sequence[Any]) -> str:
    if len(messages) == 1 and messages[0].get("role") == "user":
        return str(messages[0].get("content") or "")
    raise InvalidInput(
        Text(
            f"This model reads one text, not a conversation of {len(messages)} messages.",
            f"此模型只读取一段文本，而不是 {len(messages)} 条消息的对话。",
        ),
        Text(
            "Send one message of the role user, or tune a model on conversations (a column of messages).",
            "请只发送一条 role 为 user 的消息，或用对话数据（messages 列）微调模型。",
        ),
    )


def _counted(made: Completion, pieces: Generator[str, None, Answer]) -> Generator[str, None, Answer]:
    """Pieces as they come, their tokens counted."""
    while True:
        try:
            piece = next(pieces)
        except StopIteration as end:
            answer: Answer = end.value
            return answer
        made.written += getattr(piece, "tokens", 0)
        if piece:
            yield piece
