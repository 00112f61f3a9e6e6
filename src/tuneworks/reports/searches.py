"""A search's report: one HTML page that needs nothing else, in both languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from tuneworks.core.evaluation import Chart, Line
from tuneworks.core.spaces import Space
from tuneworks.core.text import Text, current_language
from tuneworks.core.trials import Trial
from tuneworks.core.types import RunConfig, Score
from tuneworks.reports.charts import curve_chart
from tuneworks.reports.html import environment
from tuneworks.reports.search_charts import learning_curves, slice_chart

OUTCOMES = {
    "measured": Text("measured to its end", "完整测得"),
    "given_up": Text("given up early", "提前放弃"),
    "failed": Text("failed", "失败"),
    "unfinished": Text("unfinished", "未完成"),
}
TRIAL = Text("trial", "试验")
VALIDATION = Text("on validation rows", "验证集上的表现")
BEST_SO_FAR = Text("best so far", "目前最佳")


@dataclass(frozen=True)
class Found:
    """All that a search found. ``seeds``: what the best recipe measured with one seed each, ``repeated`` their mean."""

    config: RunConfig
    spaces: Mapping[str, Space]
    trials: tuple[Trial, ...]
    best: Trial
    importance: Mapping[str, float]
    repeated: Score
    seeds: tuple[float, ...]
    version: str | None = None

    @property
    def cost(self) -> float:
        """Seconds that all trials took."""
        return sum(trial.seconds for trial in self.trials)

    @property
    def by_importance(self) -> list[str]:
        """The searched settings, those that mattered most first."""
        return sorted(self.spaces, key=lambda name: -self.importance.get(name, 0.0))


def render_search(found: Found) -> str:
    """The page as HTML text; it opens in the user's language and can be switched without a script."""
    page = environment().get_template("search.html.j2")
    return page.render(
        language=current_language(),
        found=found,
        outcomes=OUTCOMES,
        history=curve_chart(_history(found.trials)),
        curves=learning_curves(found.trials, found.best),
        slices=[slice_chart(name, found.spaces[name], found.trials, found.best) for name in found.by_importance],
        ranked=sorted(found.trials, key=lambda trial: trial.rank, reverse=True),
        value=_value,
    )


def _history(trials: Sequence[Trial]) -> Chart:
    """Each trial's last measure, and the best of those that came to their end so far."""
    groups = [
        Line(
            OUTCOMES[outcome],
            tuple(float(trial.number + 1) for trial in trials if trial.outcome == outcome),
            tuple(float(trial.score or 0.0) for trial in trials if trial.outcome == outcome),
            dots=True,
        )
        for outcome in ("measured", "given_up")
    ]
    whole = [trial for trial in trials if trial.outcome == "measured"]
    best = tuple(accumulate((trial.score or 0.0 for trial in whole), max))
    line = Line(BEST_SO_FAR, tuple(float(trial.number + 1) for trial in whole), best)
    title = Text("The course of the search", "搜索过程")
    return Chart("history", title, TRIAL, VALIDATION, (*[g for g in groups if g.xs], line), measured=True)


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
