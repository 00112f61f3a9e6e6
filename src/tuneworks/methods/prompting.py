"""No training: the untuned base writes its likeliest text."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from pathlib import Path

from tuneworks.core.asking import NoOptions
from tuneworks.core.contracts import Job, Method, Parts, Step
from tuneworks.core.text import Text
from tuneworks.neural.writing import WritingHead, must_know, one_writer


class Prompting(Method):
    """Greedy writing by the base as it is."""

    Options = NoOptions
    output_kinds = ("text",)
    needs_writer = True

    def fit(self, job: Job) -> Generator[Step, None, Parts]:
        _, base = one_writer(job.bases)
        must_know(base.writer(), job.train)
        yield Step(1, 1, Text("the base writes as it is", "直接使用未微调的基础模型"))
        return {}

    def load(self, files: Mapping[str, Path]) -> WritingHead:
        return WritingHead()
