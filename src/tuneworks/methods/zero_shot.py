"""No training: a text goes to the label whose sentence it is nearest to, two texts are as alike as their vectors."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tuneworks.core.contracts import Job, Method, Parts, Step
from tuneworks.core.text import Text
from tuneworks.statistics import linear
from tuneworks.statistics.features import Floats
from tuneworks.statistics.linear import FILE, LinearHead, load_head, save_head
from tuneworks.statistics.shapes.shape import shape_of

SCALE = 20.0  # cosine to logit, as sentence-transformers scales its similarities
WEAK = 1e6  # inverse strength of the penalty on a line's slope: as good as none


@dataclass(frozen=True)
class Options:
    """Settings of ``zero-shot``.

    ``sentences``: label -> a sentence that says it; a label without one says itself, underscores read as spaces.
    """

    sentences: Mapping[str, str] = field(default_factory=dict)


class ZeroShot(Method):
    """Cosines in the untuned base's space, as a linear head."""

    Options = Options
    output_kinds = ("classes", "similarity")
    reads = ("text",)
    int8 = True
    rung = 0

    def fit(self, job: Job) -> Generator[Step, None, Parts]:
        if job.output.paired:
            head, link = _to_each_other(job), "sigmoid" if job.spec.labels else "identity"
            yield Step(1, 1, Text("cosines brought to the target's scale", "余弦已换算到目标尺度"))
            return {FILE: save_head(head, link)}
        head = _to_sentences(job, Options(**job.recipe.options))
        yield Step(1, 1, Text("label sentences encoded", "标签语句已编码"))
        return {FILE: save_head(head)}

    def load(self, files: Mapping[str, Path]) -> LinearHead:
        return load_head(files)


def _to_sentences(job: Job, options: Options) -> dict[str, Floats]:
    """The cosine of the whole text and each label's sentence; features of marked stretches beside it do not count."""
    sentences = [options.sentences.get(label, label.replace("_", " ")) for label in job.spec.labels]
    head = {"bias": np.zeros(job.output.size, np.float32)}
    widths = [block.shape[1] for block in job.features(job.train.take([0]))]
    for number, (_, base) in enumerate(job.bases):
        features = base.features(sentences)
        directions = np.asarray(features.todense() if hasattr(features, "todense") else features, np.float32)
        directions /= np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-9)
        weight = np.zeros((widths[number], job.output.size), np.float32)
        weight[: directions.shape[1]] = directions.T * SCALE
        head[f"weight_{number}"] = weight
    return head


def _to_each_other(job: Job) -> dict[str, Floats]:
    """The cosine of two texts in the first base's space, on a line fitted to the training rows.

    A straight line for numbers, so that correlations are those of the cosine; a logistic one for yes and no (Platt
    1999).
    """
    blocks = job.features(job.train)
    known = shape_of(job.output.kind).known(job.train.targets)
    link = "sigmoid" if job.spec.labels else "identity"
    task, scales = linear.problem([blocks[1][known]], np.asarray(job.train.targets)[known], 1, link=link)
    line = linear.to_head(task, linear.fit(task, WEAK), scales)
    weights = {f"weight_{number}": np.zeros((block.shape[1], 1), np.float32) for number, block in enumerate(blocks)}
    return {**weights, "weight_1": line["weight_0"], "bias": line["bias"]}
