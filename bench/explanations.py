"""How faithful explanations of texts are, by deletion: what is said to matter most is taken away first.

The score of a row is the area under the curve of the answered label's probability while its words (Chinese: its
characters) are deleted a tenth at a time: the smaller, the sooner the answer is lost. Each explainer that fits, and
what ``auto`` chooses, is held against random order and against the order of attention (the attention each word gets
in the last layer, as mean pooling reads it), on the same rows.

python -m bench.explanations [NAME ...]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np

import tuneworks
from bench.harness import E5, MINILM, each, read, tell, tuned
from tuneworks.core.types import Recipe, RunConfig, Served, TaskSpec
from tuneworks.language.segments import units
from tuneworks.serving.engine import engine_of
from tuneworks.serving.loaded import runtime_of

TENTHS = 10
RANDOM_ORDERS = 5
RESAMPLES = 10_000
AUTO = "auto"
EXPLAINERS = (AUTO, "occlusion", "integrated-gradients")
OTHERS = ("random", "attention")
Order = Sequence[int]
Curves = dict[str, Any]  # name of an order -> score of each row (N,)


@dataclass(frozen=True)
class Trial:
    """A data set with labelled texts, the base to tune, the columns, and how many of its test rows are explained."""

    base: str
    target: str
    rows: int
    most_training_rows: int


TRIALS = {
    "banking77": Trial(MINILM, "intent", 200, 10_003),
    "chnsenticorp_htl": Trial(E5, "label", 60, 3_000),
}


def main(names: Sequence[str]) -> int:
    return each({name: partial(run, name=name, trial=trial) for name, trial in TRIALS.items()}, names)


def run(workspace: tuneworks.Workspace, *, name: str, trial: Trial) -> bool:
    """Tune, explain some test rows in every way, delete in each order; whether auto beats random and attention."""
    rows = [{"text": row["text"], "label": str(row[trial.target]), "split": row["split"]} for row in read(name)]
    random = np.random.default_rng(0)
    training = [row for row in rows if row["split"] == "train"]
    others = [row for row in rows if row["split"] != "train"]
    kept = random.permutation(len(training))[: trial.most_training_rows]
    tuneworks.add([*(training[i] for i in sorted(kept.tolist())), *others], name=name, workspace=workspace)
    spec = TaskSpec("text-classification", {"text": "text"}, "label")
    outcome = tuned(workspace, RunConfig(name=name, dataset=name, spec=spec, recipe=Recipe(trial.base, "head")))
    tell(name, outcome)
    test = [row["text"] for row in rows if row["split"] == "test"]
    texts = [test[i] for i in random.choice(len(test), trial.rows, replace=False).tolist()]
    label = outcome.version.label
    curves: Curves = {}
    for explainer in EXPLAINERS:
        began = time.monotonic()
        orders = _explained(workspace, label, texts, explainer)
        print(f"    {explainer}: {1000 * (time.monotonic() - began) / len(texts):.0f} ms a row", flush=True)
        curves[explainer] = _areas(workspace, label, texts, orders)
    curves["attention"] = _areas(workspace, label, texts, _attended(workspace, label, texts))
    shuffled = [
        _areas(workspace, label, texts, [_shuffled(text, random) for text in texts]) for _ in range(RANDOM_ORDERS)
    ]
    curves["random"] = np.mean(shuffled, axis=0)
    for order, areas in curves.items():
        print(f"    {order}: deletion score {areas.mean():.4f}", flush=True)
    beaten = {pair: _beats(curves, *pair) for pair in product(EXPLAINERS, OTHERS)}
    return all(beaten[AUTO, other] for other in OTHERS)


def _beats(curves: Curves, explainer: str, other: str) -> bool:
    """Whether the explainer's score is smaller by more than the paired 95 % interval; printed."""
    apart = curves[other] - curves[explainer]
    drawn = np.random.default_rng(1).integers(0, len(apart), (RESAMPLES, len(apart)))
    low, high = np.percentile(apart[drawn].mean(axis=1), [2.5, 97.5])
    print(
        f"    {explainer} below {other} by {apart.mean():+.4f} [{low:+.4f}, {high:+.4f}] (limit: above 0)", flush=True
    )
    return bool(low > 0)


def _areas(workspace: tuneworks.Workspace, version: str, texts: Sequence[str], orders: Sequence[Order]) -> Any:
    """The area under each text's curve of deletion (N,)."""
    counts = [[round(len(order) * tenth / TENTHS) for tenth in range(TENTHS + 1)] for order in orders]
    asked = [
        {"text": _without(text, order[:count])}
        for text, order, own in zip(texts, orders, counts, strict=True)
        for count in own
    ]
    answered = [one.answer for one in tuneworks.predict(version, asked, workspace=workspace)]
    labels = [answered[i * (TENTHS + 1)].label for i in range(len(texts))]
    curves = np.array([one.scores[labels[i // (TENTHS + 1)]] for i, one in enumerate(answered)])
    return np.trapezoid(curves.reshape(len(texts), TENTHS + 1), dx=1 / TENTHS, axis=1)


def _without(text: str, gone: Order) -> str:
    """The text without some of its units."""
    left, spans = text, units(text)
    for begin, end in sorted((spans[unit] for unit in gone), reverse=True):
        left = left[:begin] + left[end:]
    return left


def _explained(workspace: tuneworks.Workspace, version: str, texts: Sequence[str], explainer: str) -> list[Order]:
    """Each text's units by the weight of the part they lie in."""
    orders, chosen = [], set()
    for one, text in zip(
        tuneworks.explain(version, [{"text": text} for text in texts], explainer=explainer, workspace=workspace),
        texts,
        strict=True,
    ):
        chosen.add(one.explainer)
        weights = [
            next(p.weight for p in one.attribution.parts if (p.start or 0) <= a and b <= (p.end or 0))
            for a, b in units(text)
        ]
        orders.append(np.argsort(-np.array(weights), kind="stable").tolist())
    print(f"    {explainer}: by {', '.join(sorted(chosen))}", flush=True)
    return orders


def _attended(workspace: tuneworks.Workspace, version: str, texts: Sequence[str]) -> list[Order]:
    """Each text's units by the attention they get in the last layer, the mean over heads and over all that ask."""
    import torch

    from tuneworks.neural.integrated_gradients import piece_of

    found = tuneworks.show(version, workspace=workspace)
    loaded = engine_of(workspace).model(Served(found.id, runtime_of(found.bases)))
    base: Any = loaded.model.bases[0][1]
    encoder: Any = base.reading_network()
    encoder.model.set_attn_implementation("eager")
    orders = []
    for text in texts:
        piece = piece_of(encoder, text, units(text))
        with torch.inference_mode():
            read = encoder.model(input_ids=torch.tensor([piece.ids]), output_attentions=True)
        got = read.attentions[-1][0].mean(dim=(0, 1)).tolist()
        weights = [sum(got[token] for token in tokens) for _, tokens in piece.units]
        orders.append(np.argsort(-np.array(weights), kind="stable").tolist())
    return orders


def _shuffled(text: str, random: np.random.Generator) -> Order:
    order: list[int] = random.permutation(len(units(text))).tolist()
    return order


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
