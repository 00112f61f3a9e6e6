"""Labels that look wrong: a quick model that has not seen the row is sure of another one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from tuneworks.core.asking import Finder, Row
from tuneworks.core.evaluation import Finding, Table
from tuneworks.core.text import Text
from tuneworks.core.types import TaskSpec
from tuneworks.language import ngrams
from tuneworks.statistics.folds import Fold, folds_of
from tuneworks.statistics.label_issues import Suspicion, out_of_fold, suspicion
from tuneworks.statistics.roles import text_columns

FEWEST_ROWS, MOST_ROWS = 200, 10_000
LONGEST, MOST_GRAMS, STRENGTH = 2, 20_000, 3.0
SURE = 0.5  # by how much the other label must be more probable
BETTER = 0.1  # by how much the model must beat the commonest label to be asked at all
WARNED_SHARE = 0.02
SHOWN = 20
HEADINGS = Text("row", "行号"), Text("input", "输入"), Text("label", "标签"), Text("looks like", "更像")


class LabelIssues(Finder):
    """Asks character n-grams with a linear head for a second opinion on every label."""

    def find(self, rows: Sequence[Row], spec: TaskSpec, splits: Sequence[str]) -> Iterator[Finding]:
        columns = text_columns(spec)
        number = {label: i for i, label in enumerate(spec.labels)}
        known = [i for i, row in enumerate(rows) if str(row.get(spec.target or "")) in number]
        if len(columns) != 1 or len(known) < FEWEST_ROWS:
            return
        chosen = sorted(np.random.default_rng(0).permutation(known)[:MOST_ROWS].tolist())
        texts = [str(rows[i].get(columns[0]) or "") for i in chosen]
        targets = np.array([number[str(rows[i][spec.target or ""])] for i in chosen], np.int64)
        doubted = _asked(texts, targets, len(spec.labels), folds_of([rows[i] for i in chosen], spec, 0))
        found = [row for row in doubted.rows.tolist() if doubted.margin[row] >= SURE]
        if found and _can_be_believed(doubted):
            share = len(found) / len(chosen)
            at = [chosen[row] for row in found]
            yield Finding(
                "label-issues",
                "warning" if share >= WARNED_SHARE else "note",
                Text(
                    f"Labels that look wrong: {len(found)} ({share:.1%}); the most doubtful is row {at[0] + 1}.",
                    f"看起来有误的标签：{len(found)} 个（{share:.1%}），最可疑的是第 {at[0] + 1} 行。",
                ),
                Text(
                    "Look at the rows in the table; where many are wrong, use --set "
                    "recipe.options.label_noise=down-weight.",
                    "请核对表中的行；若确有许多错误，可使用 --set recipe.options.label_noise=down-weight。",
                ),
                tuple(sorted(at)),
                share,
                _table(at[:SHOWN], found, texts, doubted, spec),
            )


def _asked(texts: Sequence[str], targets: np.ndarray, size: int, folds: Sequence[Fold]) -> Suspicion:
    state = ngrams.fit_vocabulary(texts, longest=LONGEST, smallest_count=2, most=MOST_GRAMS)
    seen = ngrams.load_vocabulary(state).transform(texts)
    return suspicion(out_of_fold([seen], targets, size, strengths=(STRENGTH,), folds=folds), targets)


def _can_be_believed(doubted: Suspicion) -> bool:
    """Whether the model knows clearly more than which label is the commonest."""
    right = float((doubted.probabilities.argmax(axis=1) == doubted.targets).mean())
    commonest = float(np.bincount(doubted.targets).max()) / len(doubted.targets)
    return right > commonest + BETTER * (1 - commonest)


def _table(
    rows: Sequence[int], found: Sequence[int], texts: Sequence[str], doubted: Suspicion, spec: TaskSpec
) -> Table:
    cells = tuple(
        (row + 1, texts[at][:200], spec.labels[doubted.targets[at]], spec.labels[doubted.seems[at]])
        for row, at in zip(rows, found, strict=False)
    )
    return Table("label_issues", Text("Labels that look wrong", "看起来有误的标签"), HEADINGS, cells)
