"""A text written for each text or conversation: summaries, translations, replies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from tuneworks.core.answers import Answer, TextAnswer
from tuneworks.core.asking import Examples, Row, Task
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.evaluation import Evaluation, Tally
from tuneworks.core.ranges import Range, check_values
from tuneworks.core.text import Text
from tuneworks.core.types import Column, Output, TaskSpec
from tuneworks.statistics.generation import METRICS, evaluate_texts, probability_of, text_of, text_tallies
from tuneworks.statistics.roles import check_inputs, named, only

TARGET_NAMES = ("target", "answer", "output", "response", "completion", "summary", "回答", "输出", "摘要")


@dataclass(frozen=True)
class Options:
    """Settings of the task.

    ``max_new_tokens``: where an answer is cut off. ``instruction``: what to do, put before every text (or as the first
    message of a conversation), such as "Summarise: ".
    """

    max_new_tokens: int = 64
    instruction: str = ""

    def __post_init__(self) -> None:
        check_values(self, {"max_new_tokens": Range(least=1, most=4096)}, "spec.options.")


class TextGeneration(Task):
    """Reads a text or a conversation, writes a text."""

    Options = Options
    roles = MappingProxyType({"text": ("text", "messages")})
    target_kinds = ("text",)
    default_base = "pkg:traceforge-title-model"
    default_method = "supervised-fine-tuning"

    def complete(self, spec: TaskSpec, columns: Sequence[Column], rows: Sequence[Row]) -> TaskSpec:
        target = named(columns, spec.target, self.target_kinds, role="target") if spec.target else _target(columns)
        inputs = spec.inputs or {"text": only(columns, ("messages", "text"), role="text", exclude=(target, "split"))}
        check_inputs(columns, inputs, self.roles)
        metric = spec.metric or "rouge_l"
        if metric not in METRICS:
            raise InvalidConfig(
                Text(f"There is no metric named {metric!r} for this task.", f"此任务没有名为 {metric!r} 的指标。"),
                Text(f"Choose one of: {', '.join(METRICS)}.", f"可选指标：{'、'.join(METRICS)}。"),
            )
        return replace(spec, target=target, inputs=inputs, metric=metric)

    def output(self, spec: TaskSpec) -> Output:
        return Output("text", Options(**spec.options).max_new_tokens)

    def examples(self, spec: TaskSpec, rows: Sequence[Row]) -> Examples:
        target, instruction = spec.target or "", Options(**spec.options).instruction
        prompts = [_prompt(row.get(spec.inputs["text"]), instruction) for row in rows]
        known = bool(rows) and all(target in row for row in rows)
        return Examples({"text": prompts}, rows, [str(row[target] or "") for row in rows] if known else None)

    def decode(self, spec: TaskSpec, scores: Any, examples: Examples) -> list[Answer]:
        return [TextAnswer(text_of(one), probability_of(one)) for one in scores]

    def tally(self, spec: TaskSpec, scores: Any, examples: Examples) -> Mapping[str, Tally]:
        return text_tallies([text_of(one) for one in scores], examples.targets)

    def score(self, spec: TaskSpec, scores: Any, examples: Examples) -> Evaluation:
        return evaluate_texts(spec, scores, examples)

    def sample(self, rows: int, seed: int) -> tuple[Sequence[Column], list[Row]]:
        replies = {"the courier is late": "parcel moved", "my card was refused": "card paid twice"}
        random = np.random.default_rng(seed)
        said = [list(replies)[i % 2] for i in range(rows)]
        made: list[Row] = [{"text": f"{text} {random.integers(10_000)}", "answer": replies[text]} for text in said]
        return (Column("text", "text"), Column("answer", "text")), made


def _target(columns: Sequence[Column]) -> str:
    """The text column whose name says that it is written; raises ``InvalidConfig`` where there is none."""
    texts = [column.name for column in columns if column.kind == "text"]
    for name in TARGET_NAMES:
        if name in texts and len(columns) > 1:
            return name
    return only([column for column in columns if column.name != "text"], ("text",), role="target")


def _prompt(value: Any, instruction: str) -> Any:
    """What the base reads: the text or the conversation, the instruction before it."""
    if not isinstance(value, (list, tuple)):
        return f"{instruction}{value or ''}"
    return [{"role": "system", "content": instruction}, *value] if instruction else list(value)
