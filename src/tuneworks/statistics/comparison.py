"""Two models on the same rows: how much better one is, and whether that may be chance."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy import ndarray
from scipy.special import bdtr

from tuneworks.core.errors import InvalidConfig
from tuneworks.core.evaluation import Comparison, Tally
from tuneworks.core.text import Text
from tuneworks.statistics.intervals import difference, interval, probability_better


def compare(champion: Mapping[str, Tally], challenger: Mapping[str, Tally], *, metric: str, name: Text) -> Comparison:
    """Challenger against champion by one metric, paired: both are resampled with the same rows."""
    if metric not in champion or metric not in challenger:
        both = ", ".join(sorted(champion.keys() & challenger.keys()))
        raise InvalidConfig(
            Text(f"The two models have no common score {metric!r}.", f"两个模型没有共同的分数 {metric!r}。"),
            Text(f"Compare by one of: {both}.", f"请从以下指标中选择一个进行比较：{both}。"),
        )
    old, new = champion[metric], challenger[metric]
    return Comparison(
        name=name,
        metric=metric,
        rows=new.rows or int(new.sums.shape[0]),
        champion=interval(old),
        challenger=interval(new),
        difference=difference(old, new),
        probability_better=probability_better(old, new),
        less_is_better=new.less_is_better,
    )


def mcnemar(champion_right: ndarray, challenger_right: ndarray) -> float:
    """The exact two-sided p-value that both are equally often right (McNemar 1947)."""
    champion_right, challenger_right = np.asarray(champion_right, bool), np.asarray(challenger_right, bool)
    gained = int((challenger_right & ~champion_right).sum())
    lost = int((champion_right & ~challenger_right).sum())
    return min(1.0, 2 * float(bdtr(min(gained, lost), gained + lost, 0.5))) if gained + lost else 1.0
