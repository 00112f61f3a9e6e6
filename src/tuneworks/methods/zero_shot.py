"""No training: each text goes to the label whose sentence it is nearest to."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tuneworks.core.contracts import Job, Method, Parts, Step
from tuneworks.core.text import Text
from tuneworks.statistics.linear import FILE, LinearHead, load_head, save_head

SCALE = 20.0  # cosine to logit, as sentence-transformers scales its similarities


@dataclass(frozen=True)
class Options:
    """Settings of ``zero-shot``.

    ``sentences``: label -> a sentence that says it; a label without one says itself, underscores read as spaces.
    """

    sentences: Mapping[str, str] = field(default_factory=dict)


class ZeroShot(Method):
    """Cosine to label sentences in the untuned base's space, as a linear head."""

    Options = Options
    output_kinds = ("classes",)
    reads = ("text",)

    def fit(self, job: Job) -> Generator[Step, None, Parts]:
        options = Options(**job.recipe.options)
        sentences = [options.sentences.get(label, label.replace("_", " ")) for label in job.spec.labels]
        head = {"bias": np.zeros(job.output.size, np.float32)}
        for number, (_, base) in enumerate(job.bases):
            features = base.features(sentences)
            directions = np.asarray(features.todense() if hasattr(features, "todense") else features, np.float32)
            directions /= np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-9)
            head[f"weight_{number}"] = np.ascontiguousarray(directions.T * SCALE)
        yield Step(1, 1, Text("label sentences encoded", "标签语句已编码"))
        return {FILE: save_head(head)}

    def load(self, files: Mapping[str, Path]) -> LinearHead:
        return load_head(files)
