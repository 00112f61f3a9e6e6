"""How near written texts come to the true ones: ROUGE, chrF and exact match.

ROUGE (Lin 2004) is the F1 of shared n-grams, or of the longest common subsequence, a row, then the mean; tokens are
lower-case runs of letters and digits, of Chinese and Japanese single characters. chrF (Popovic 2015) is the F2 of
character n-grams up to six, white space left out, summed over all rows before the ratio is taken.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import ndarray

from tuneworks.core.asking import Examples
from tuneworks.core.evaluation import Chart, Evaluation, Line, Mistake, Table, Tally
from tuneworks.core.text import Text, plain
from tuneworks.core.types import TaskSpec
from tuneworks.statistics.intervals import intervals, must_have_rows

ORDERS = 6
BETA = 2
WORST_MISTAKES = 50
METRICS = {
    "rouge_1": plain("ROUGE-1"),
    "rouge_2": plain("ROUGE-2"),
    "rouge_l": plain("ROUGE-L"),
    "chrf": plain("chrF"),
    "exact_match": Text("exact match", "完全一致率"),
}
_token = re.compile(
    "[\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|[^\\W_\u3041-\u30ff\u3400-\u9fff\uf900-\ufaff]+"
)


def tokens(text: str) -> list[str]:
    """What ROUGE counts.

    >>> tokens("The cat's 2 猫。")
    ['the', 'cat', 's', '2', '猫']
    """
    return _token.findall(text.lower())


def rouge_n(answer: str, truth: str, n: int) -> float:
    """F1 of n-grams, each counted as often as it stands in both.

    >>> round(rouge_n("the cat was on the mat", "the cat sat on the mat", 2), 3)
    0.6
    """
    given, wanted = (Counter(_ngrams(tokens(text), n)) for text in (answer, truth))
    if not wanted:
        return float(tokens(answer) == tokens(truth))
    return _f1((given & wanted).total(), given.total(), wanted.total())


def rouge_l(answer: str, truth: str) -> float:
    """F1 of the longest common subsequence of tokens.

    >>> round(rouge_l("police kill the gunman", "police killed the gunman"), 3)
    0.75
    """
    given, wanted = tokens(answer), tokens(truth)
    if not wanted:
        return float(given == wanted)
    return _f1(_common(given, wanted), len(given), len(wanted))


def chrf(answer: str, truth: str) -> float:
    """chrF of one text.

    >>> chrf("今天天气好", "今天天气好"), chrf("abc", "xyz")
    (1.0, 0.0)
    """
    return float(_chrf(_chrf_counts(answer, truth)[None])[0])


def text_of(scores: Any) -> str:
    """The text of a score array (T, 2)."""
    return "".join(chr(int(code)) for code in np.asarray(scores).reshape(-1, 2)[:, 0])


def probability_of(scores: Any) -> float:
    """The geometric mean of the tokens' probabilities, each token weighing by the characters it gave; 0 of no text."""
    values = np.asarray(scores, dtype=np.float64).reshape(-1, 2)[:, 1]
    return float(np.exp(values.mean())) if len(values) else 0.0


def text_tallies(answers: Sequence[str], truths: Sequence[str]) -> dict[str, Tally]:
    """Every metric as row-wise sums."""
    pairs = list(zip(answers, truths, strict=True))
    measured = {
        "rouge_1": [rouge_n(answer, truth, 1) for answer, truth in pairs],
        "rouge_2": [rouge_n(answer, truth, 2) for answer, truth in pairs],
        "rouge_l": [rouge_l(answer, truth) for answer, truth in pairs],
        "exact_match": [float(same(answer, truth)) for answer, truth in pairs],
    }
    counts = np.array([_chrf_counts(*pair) for pair in pairs]).reshape(len(pairs), 3 * ORDERS)
    made = {name: _mean_tally(values) for name, values in measured.items()} | {"chrf": Tally(counts, _chrf)}
    return {name: made[name] for name in METRICS}


def evaluate_texts(spec: TaskSpec, scores: Sequence[Any], examples: Examples) -> Evaluation:
    """Scores with intervals, lengths, confidence against ROUGE-L, and the answers furthest from the truth."""
    must_have_rows(len(examples))
    answers, truths = [text_of(one) for one in scores], list(examples.targets)
    tallies = text_tallies(answers, truths)
    near = np.asarray(tallies["rouge_l"].sums)[:, 0]
    sure = np.array([probability_of(one) for one in scores])
    return Evaluation(
        metric=spec.metric or "",
        rows=len(examples),
        scores=intervals(tallies),
        tables=(_lengths(answers, truths),),
        charts=(_confidence(sure, near),),
        mistakes=_mistakes(spec, examples, answers, sure, near),
    )


def same(answer: str, truth: str) -> bool:
    """Whether two texts are one but for white space."""
    return answer.split() == truth.split()


def _mistakes(
    spec: TaskSpec, examples: Examples, answers: Sequence[str], sure: ndarray, near: ndarray
) -> tuple[Mistake, ...]:
    order = [i for i in np.argsort(near, kind="stable").tolist() if not same(answers[i], examples.targets[i])]
    return tuple(
        Mistake(
            {column: examples.rows[i].get(column) for column in spec.inputs.values()},
            examples.targets[i],
            answers[i],
            float(sure[i]),
        )
        for i in order[:WORST_MISTAKES]
    )


def _lengths(answers: Sequence[str], truths: Sequence[str]) -> Table:
    named = ((Text("written", "生成的文本"), answers), (Text("true", "真实文本"), truths))
    return Table(
        "lengths",
        Text("Characters a text", "文本的字符数"),
        (Text("texts", "文本"), Text("median", "中位数"), Text("longest", "最长")),
        tuple((name, int(np.median([*map(len, texts)])), max(map(len, texts))) for name, texts in named),
    )


def _confidence(sure: ndarray, near: ndarray) -> Chart:
    points = Line(Text("held-out rows", "留出数据"), tuple(sure.tolist()), tuple(near.tolist()), dots=True)
    return Chart(
        "confidence",
        Text("Nearness to the truth by probability", "概率与接近真实文本的程度"),
        Text("probability the model gave its text", "模型给自己文本的概率"),
        plain("ROUGE-L"),
        (points,),
    )


def _mean_tally(values: Sequence[float]) -> Tally:
    sums = np.column_stack([values, np.ones(len(values))])
    return Tally(sums, lambda totals: totals[:, 0] / totals[:, 1])


def _ngrams(items: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return list(zip(*(items[start:] for start in range(n)), strict=False))


def _f1(shared: float, given: int, wanted: int) -> float:
    return 2 * shared / (given + wanted) if given + wanted else 0.0


def _common(first: Sequence[str], second: Sequence[str]) -> int:
    """The length of the longest common subsequence."""
    row = [0] * (len(second) + 1)
    for item in first:
        before = 0
        for place, other in enumerate(second, start=1):
            above = row[place]
            row[place] = before + 1 if item == other else max(above, row[place - 1])
            before = above
    return row[-1]


def _chrf_counts(answer: str, truth: str) -> ndarray:
    """Shared, given and true character n-grams of each order (3 * ORDERS,)."""
    given, wanted = ("".join(text.split()) for text in (answer, truth))
    counts = []
    for n in range(1, ORDERS + 1):
        first, second = (Counter(text[i : i + n] for i in range(len(text) - n + 1)) for text in (given, wanted))
        counts += [(first & second).total(), first.total(), second.total()]
    return np.array(counts, dtype=np.float64)


def _chrf(totals: Any) -> ndarray:
    """The F of mean precision and mean recall over the orders that both sides have n-grams of (B,)."""
    sums = np.asarray(totals, dtype=np.float64).reshape(len(totals), ORDERS, 3)
    shared, given, wanted = sums[..., 0], sums[..., 1], sums[..., 2]
    counted = (given > 0) & (wanted > 0)
    orders = np.maximum(counted.sum(axis=1), 1)
    precision = np.where(counted, shared / np.maximum(given, 1), 0).sum(axis=1) / orders
    recall = np.where(counted, shared / np.maximum(wanted, 1), 0).sum(axis=1) / orders
    below = BETA**2 * precision + recall
    made: ndarray = np.where(below > 0, (1 + BETA**2) * precision * recall / np.where(below > 0, below, 1), 0.0)
    return made
