"""How well texts are foreseen, learnt from texts alone: what an encoder is taught before there are labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from tuneworks.core.answers import Answer, LikelihoodAnswer
from tuneworks.core.asking import Examples, Row, Task
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.evaluation import Evaluation, Tally
from tuneworks.core.text import Text
from tuneworks.core.types import Column, Output, TaskSpec
from tuneworks.statistics.likelihood import METRICS, evaluate_likelihood, likelihood_tallies, perplexity
from tuneworks.statistics.roles import check_inputs, only


class LanguageModelling(Task):
    """Reads one text, answers with its perplexity; the version it makes is one to go on from."""

    roles = MappingProxyType({"text": ("text", "category")})
    target_kinds = ()
    default_method = "masked-language-modelling"
    inferred = False
    needs_target = False

    def complete(self, spec: TaskSpec, columns: Sequence[Column], rows: Sequence[Row]) -> TaskSpec:
        if spec.target is not None:
            raise InvalidConfig(
                Text(
                    f"Language modelling learns from texts alone; the target is {spec.target!r}.",
                    f"语言建模只从文本学习，而目标列为 {spec.target!r}。",
                ),
                Text("Leave --target out.", "请省略 --target。"),
            )
        inputs = spec.inputs or {"text": only(columns, ("text",), role="text")}
        check_inputs(columns, inputs, self.roles)
        return replace(spec, inputs=inputs, metric=_metric(spec.metric or next(iter(METRICS))))

    def learnt(self, spec: TaskSpec, row: Row, truth: Any) -> list[Row]:
        return [dict(row)]

    def output(self, spec: TaskSpec) -> Output:
        return Output("likelihood", 1)

    def examples(self, spec: TaskSpec, rows: Sequence[Row]) -> Examples:
        texts = [str(row.get(spec.inputs["text"]) or "") for row in rows]
        return Examples({"text": texts}, rows, np.array([len(text) for text in texts], dtype=np.int64))

    def decode(self, spec: TaskSpec, scores: Any, examples: Examples) -> list[Answer]:
        return [LikelihoodAnswer(perplexity(score), int(score[1])) for score in np.asarray(scores)]

    def tally(self, spec: TaskSpec, scores: Any, examples: Examples) -> Mapping[str, Tally]:
        return likelihood_tallies(np.asarray(scores), np.asarray(examples.targets))

    def score(self, spec: TaskSpec, scores: Any, examples: Examples) -> Evaluation:
        return evaluate_likelihood(spec, scores, examples)

    def sample(self, rows: int, seed: int) -> tuple[Sequence[Column], list[Row]]:
        said = ("where is my parcel", "the courier is late", "my card was refused", "i paid twice")
        random = np.random.default_rng(seed)
        made: list[Row] = []
        for number in range(rows):
            names = random.choice(["anna", "bob", "chen"], 2)
            text = f"{said[number % len(said)]} {names[0]} to {names[1]} {random.integers(10_000)}"
            made.append({"text": text})
        return (Column("text", "text"),), made


def _metric(metric: str) -> str:
    if metric in METRICS:
        return metric
    raise InvalidConfig(
        Text(f"There is no metric named {metric!r} for this task.", f"此任务没有名为 {metric!r} 的指标。"),
        Text(f"Choose one of: {', '.join(METRICS)}.", f"可选指标：{'、'.join(METRICS)}。"),
    )
