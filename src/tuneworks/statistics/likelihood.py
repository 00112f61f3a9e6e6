"""How well a model of language foresees texts: perplexity a token, bits a character, and the texts it foresees worst.

Score arrays (N, 2): the nats by which the model was surprised by each text, and the tokens it read it in. Perplexity is
exp(nats / tokens) over all texts together, 1 where every token was certain; it belongs to one vocabulary. Bits a
character do not, and let bases be compared.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from tuneworks.core.asking import Examples
from tuneworks.core.errors import InvalidInput
from tuneworks.core.evaluation import Evaluation, Mistake, Table, Tally
from tuneworks.core.text import Text
from tuneworks.core.types import TaskSpec
from tuneworks.statistics.intervals import intervals, must_have_rows

METRICS = {
    "bits_per_character": Text("bits a character", "每字符比特数"),
    "perplexity": Text("perplexity a token", "每词元困惑度"),
}
LESS_IS_BETTER = tuple(METRICS)
WORST = 20
SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)


def perplexity(score: Any) -> float:
    """The perplexity of one text's score array (2,).

    >>> perplexity([2.0, 0.0]), round(perplexity([math.log(8), 3.0]), 3)
    (1.0, 2.0)
    """
    nats, tokens = (float(one) for one in score)
    return math.exp(nats / tokens) if tokens else 1.0


def likelihood_tallies(scores: ndarray, characters: ndarray) -> dict[str, Tally]:
    """Every metric as row-wise sums; ``characters`` (N,): how many each text has."""
    sums = np.column_stack([scores, characters]).astype(np.float64)

    def bits(total: ndarray) -> ndarray:
        return _ratio(total[:, 0], total[:, 2]) / math.log(2)

    def mean_perplexity(total: ndarray) -> ndarray:
        return np.exp(_ratio(total[:, 0], total[:, 1]))

    finishes = {"bits_per_character": bits, "perplexity": mean_perplexity}
    return {name: Tally(sums, finish, less_is_better=True) for name, finish in finishes.items()}


def evaluate_likelihood(spec: TaskSpec, scores: Any, examples: Examples) -> Evaluation:
    """Scores with intervals, how they spread over the texts, and the texts foreseen worst."""
    must_have_rows(len(examples))
    scores, characters = _checked(scores, len(examples)), np.asarray(examples.targets, np.float64)
    each = _ratio(scores[:, 0], characters) / math.log(2)
    return Evaluation(
        metric=spec.metric or next(iter(METRICS)),
        rows=len(examples),
        scores=intervals(likelihood_tallies(scores, characters)),
        tables=(_spread(each),),
        mistakes=_worst(spec, scores, each, examples),
        less_is_better=LESS_IS_BETTER,
    )


def by_frequency(train: Sequence[str], texts: Sequence[str]) -> ndarray:
    """Score arrays of a model that knows how often each character stands in the training texts, and nothing else."""
    counts = Counter(character for text in train for character in text)
    whole = math.log(counts.total() + len(counts) + 1)
    nats = [sum(whole - math.log(counts[character] + 1) for character in text) for text in texts]
    return np.column_stack([nats, [len(text) for text in texts]]).reshape(-1, 2)


def _ratio(part: ndarray, whole: ndarray) -> ndarray:
    """The ratio; 0 where there is nothing to read."""
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)


def _checked(scores: Any, count: int) -> ndarray:
    made = np.asarray(scores, dtype=np.float64)
    if made.shape == (count, 2) and np.isfinite(made).all():
        return made
    raise InvalidInput(
        Text(
            f"The scores are not finite numbers of shape {(count, 2)}; their shape is {made.shape}.",
            f"分数应为形状 {(count, 2)} 的有限数值，实际形状为 {made.shape}。",
        ),
        Text("Lower recipe.learning_rate and tune again.", "请降低 recipe.learning_rate 后重新微调。"),
    )


def _spread(each: ndarray) -> Table:
    title = Text("Bits a character over the texts", "各文本的每字符比特数")
    columns = Text("share of texts", "文本比例"), Text("at most", "不超过")
    return Table("spread", title, columns, tuple((share, float(np.quantile(each, share))) for share in SHARES))


def _worst(spec: TaskSpec, scores: ndarray, each: ndarray, examples: Examples) -> tuple[Mistake, ...]:
    """The texts with most bits a character; what is certain is no mistake."""
    order = [i for i in np.argsort(-each, kind="stable").tolist() if each[i] > 0][:WORST]
    return tuple(
        Mistake(
            {column: examples.rows[i].get(column) for column in spec.inputs.values()},
            1.0,
            perplexity(scores[i]),
            error=float(each[i]),
        )
        for i in order
    )
