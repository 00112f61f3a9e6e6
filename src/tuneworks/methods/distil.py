"""Teach a small model what a tuned one answers: rows without labels count too, since the teacher answers them."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax

from tuneworks.core.asking import Examples
from tuneworks.core.contracts import Job, Method, Model, Parts, Step
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.ranges import Range, check_values
from tuneworks.core.text import Text
from tuneworks.statistics import features, linear
from tuneworks.statistics.calibration import fit_temperature
from tuneworks.statistics.feature_cache import cached
from tuneworks.statistics.features import Block, Floats, Scale
from tuneworks.statistics.linear import LinearHead, load_head
from tuneworks.statistics.shapes.shape import shape_of

ROWS_AT_ONCE = 1024
SMALLEST = 1e-12
CHOOSING = Text("choosing the strength", "选择正则强度")


@dataclass(frozen=True)
class Options:
    """Settings of ``distil``.

    ``softness``: what the teacher's log-probabilities of labels are divided by, so that its second thoughts are heard.
    ``strengths``: inverse regularisation strengths to choose from on validation rows.
    """

    softness: float = 2.0
    strengths: tuple[float, ...] = (10.0, 30.0, 100.0)

    def __post_init__(self) -> None:
        check_values(self, {"softness": Range(above=0), "strengths": Range(above=0)}, "recipe.options.")


@dataclass(frozen=True, order=True)
class Choice:
    """What a strength came to on the validation rows' own targets; the greater is the better."""

    measured: float
    strength: float
    temperature: float


class Distil(Method):
    """Fits a linear head on the recipe's bases to the scores of the version that is gone on from."""

    Options = Options
    output_kinds = ("classes", "multi_label", "number")
    needs_teacher = True

    def fit(self, job: Job) -> Generator[Step, None, Parts]:
        options = Options(**job.recipe.options)
        teacher = _teacher(job)
        learnt = [part for part in (job.train, job.unlabelled) if part is not None and len(part)]
        total = sum(map(len, learnt)) + len(job.validation)
        told: list[Any] = []
        for part in (*learnt, job.validation):
            told.append((yield from _told(job, teacher, part, options.softness, sum(map(len, told)), total)))
        blocks = [job.features(part) for part in (*learnt, job.validation)]
        task, scales = _problem(job, blocks[:-1], told[:-1])
        point, choices = None, []
        for number, strength in enumerate(sorted(options.strengths), start=1):
            point = linear.fit(task, strength, point)
            choices.append(_choice(job, blocks[-1], linear.to_head(task, point, scales), strength))
            yield Step(number, len(options.strengths), CHOOSING, {"validation": choices[-1].measured})
        best = max(choices)
        task, scales = _problem(job, blocks, told)
        head = linear.to_head(task, linear.fit(task, best.strength), scales, best.temperature)
        return {linear.FILE: linear.save_head(head, _link(job))}

    def load(self, files: Mapping[str, Path]) -> LinearHead:
        return load_head(files)


def _link(job: Job) -> str:
    return shape_of(job.output.kind).link


def _teacher(job: Job) -> Model:
    """The version that is gone on from, which must answer the same question."""
    teacher = job.teacher
    if teacher is None:
        raise InvalidConfig(
            Text("distil has no teacher.", "distil 没有教师模型。"),
            Text(
                "Name the tuned version to learn from: --set from_version=NAME@3",
                "请指定要学习的已微调版本：--set from_version=名称@3",
            ),
        )
    if (teacher.output, set(teacher.spec.labels)) != (job.output, set(job.spec.labels)):
        raise InvalidConfig(
            Text(
                f"The teacher answers {teacher.output.kind} with {len(teacher.spec.labels)} labels, the student is to "
                f"answer {job.output.kind} with {len(job.spec.labels)}; both must answer alike.",
                f"教师模型回答 {teacher.output.kind}，标签 {len(teacher.spec.labels)} 个；学生模型应回答 "
                f"{job.output.kind}，标签 {len(job.spec.labels)} 个。两者必须一致。",
            ),
            Text(
                "Use the dataset and target that the teacher was tuned on, or set spec.labels to the teacher's.",
                "请使用教师模型微调时的数据集与目标列，或把 spec.labels 设为教师模型的标签。",
            ),
        )
    return teacher


def _told(
    job: Job, teacher: Model, examples: Examples, softness: float, done: int, total: int
) -> Generator[Step, None, Any]:
    """What the teacher answers to examples, as targets of the student (N, C)."""
    opened = cached(teacher, job.cache) if job.cache is not None else teacher
    order = [teacher.spec.labels.index(label) for label in job.spec.labels]
    parts = []
    for begin in range(0, len(examples), ROWS_AT_ONCE):
        some = examples.take(range(begin, min(begin + ROWS_AT_ONCE, len(examples))))
        scores = np.asarray(opened.head.scores(opened, some)).reshape(len(some), -1)
        parts.append(scores[:, order] if order else scores)
        yield Step(done + begin + len(some), total, Text("the teacher answers", "教师模型作答"))
    made = np.concatenate(parts)
    if _link(job) == "softmax":
        made = softmax(np.log(np.maximum(made, SMALLEST)) / softness, axis=1)
    return made.astype(np.float32)


def _problem(job: Job, blocks: list[list[Block]], told: list[Any]) -> tuple[linear.Problem, list[Scale]]:
    """The regression of what was told on the feature blocks of all parts."""
    stacked = blocks[0]
    for more in blocks[1:]:
        stacked = features.stack(stacked, more)
    return linear.problem(stacked, np.concatenate(told), job.output.size, link=_link(job))


def _choice(job: Job, blocks: list[Block], head: Mapping[str, Floats], strength: float) -> Choice:
    sums = linear.logits(blocks, head)
    link = _link(job)
    temperature = fit_temperature(sums, np.asarray(job.validation.targets)) if link == "softmax" else 1.0
    scores = linear.scores_of(sums / np.float32(temperature), link, job.output)
    return Choice(round(job.measure(scores, job.validation), 6), strength, temperature)
