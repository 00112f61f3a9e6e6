"""A search's report: one HTML page that needs nothing else, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuneworks.core.spaces import Space
from tuneworks.core.text import Text, current_language
from tuneworks.core.trials import Trial
from tuneworks.core.types import RunConfig, Score
from tuneworks.reports.html import environment
from tuneworks.reports.search_charts import course_chart, learning_curves, slice_chart

OUTCOMES = {
    "measured": Text("measured to its end", "完整测得"),
    "given_up": Text("given up early", "提前放弃"),
    "failed": Text("failed", "失败"),
    "unfinished": Text("unfinished", "未完成"),
}


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
        course=course_chart(found.trials, found.best),
        curves=learning_curves(found.trials, found.best),
        slices=[slice_chart(name, found.spaces[name], found.trials, found.best) for name in found.by_importance],
        ranked=sorted(found.trials, key=lambda trial: trial.rank, reverse=True),
        value=_value,
    )


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
