"""A method of a third party: gradient descent on features, a step at a time, that can go on from any of them."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load, save
from scipy import sparse
from scipy.special import softmax

from tuneworks.core.contracts import Head, Job, Method, Parts, Step
from tuneworks.core.text import Text
from tuneworks.statistics import linear


@dataclass(frozen=True)
class Options:
    """``steps``: how many there are. ``seconds``: how long one takes at least."""

    steps: int = 40
    seconds: float = 0.0


class Patient(Method):
    """Adam with noise on one block of features."""

    Options = Options
    output_kinds = ("classes",)

    def fit(self, job: Job) -> Generator[Step, None, Parts]:
        options, size = Options(**job.recipe.options), job.output.size
        (block,) = job.features(job.train)
        rows = np.asarray(block.todense() if sparse.issparse(block) else block, np.float32)
        random = np.random.default_rng(job.recipe.seed)
        state = {name: np.zeros((rows.shape[1] + 1, size), np.float32) for name in ("weight", "mean", "square")}
        done = 0
        if job.resumed:
            state = load(job.resumed["state.safetensors"])
            progress = json.loads(job.resumed["progress.json"])
            done, random.bit_generator.state = progress["done"], progress["random"]
        while done < options.steps:
            time.sleep(options.seconds)
            chosen = random.integers(0, len(rows), 16)
            inputs = np.hstack([rows[chosen], np.ones((16, 1), np.float32)])
            truth = np.eye(size, dtype=np.float32)[np.asarray(job.train.targets)[chosen]]
            scores = inputs @ state["weight"] + random.normal(0, 0.01, (16, size)).astype(np.float32)
            shares = np.exp(scores - scores.max(1, keepdims=True))
            shares /= shares.sum(1, keepdims=True)
            slope = inputs.T @ (shares - truth) / 16
            state["mean"] = 0.9 * state["mean"] + 0.1 * slope
            state["square"] = 0.99 * state["square"] + 0.01 * slope**2
            state["weight"] = state["weight"] - 0.1 * state["mean"] / (np.sqrt(state["square"]) + 1e-8)
            done += 1
            loss = float(-np.log(shares[truth > 0]).mean())

            def kept(done: int = done) -> Mapping[str, bytes]:
                progress = {"done": done, "random": random.bit_generator.state}
                return {"state.safetensors": save(state), "progress.json": json.dumps(progress).encode()}

            yield Step(done, options.steps, Text("patient step", "耐心的一步"), {"loss": loss}, state=kept)
        head = {"weight_0": state["weight"][:-1].copy(), "bias": state["weight"][-1].copy()}
        measured = job.measure(softmax(linear.logits(job.features(job.validation), head), axis=1), job.validation)
        yield Step(done, options.steps, Text("validated", "已验证"), {"validation": measured})
        return {linear.FILE: linear.save_head(head, "softmax")}

    def load(self, files: Mapping[str, Path]) -> Head:
        return linear.load_head(files)
