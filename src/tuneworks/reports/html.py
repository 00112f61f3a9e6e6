"""A version's report: one HTML page that needs nothing else, in both languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from tuneworks.core.evaluation import Comparison, Evaluation, Table
from tuneworks.core.text import Text, current_language, plain
from tuneworks.core.types import ModelVersion, Picture, Score
from tuneworks.reports.charts import curve_chart, heat_map, training_charts
from tuneworks.reports.forest import Contender, forest_plot, verdict
from tuneworks.reports.forms import form
from tuneworks.reports.names import LESS_IS_BETTER, score_name, setting_name, source_name, split_name
from tuneworks.reports.pictures import thumbnail
from tuneworks.reports.provenance import Provenance
from tuneworks.reports.svg import both, shortened
from tuneworks.reports.text import format_score, format_value

TEMPLATES = Path(__file__).parent / "templates"
DRAWN_CLASSES = 30
SHOWN_CLASSES = 30
WEAKEST = 12
AVERAGES = 3
LONGEST_INPUT = 600


def render_report(
    version: ModelVersion,
    evaluation: Evaluation,
    *,
    comparisons: Sequence[Comparison] = (),
    history: Sequence[Mapping[str, Any]] = (),
    provenance: Provenance | None = None,
) -> str:
    """The page as HTML text; it opens in the user's language and can be switched without a script.

    ``comparisons`` have this version as challenger; ``history`` holds training steps (step, total, values).
    """
    page = environment().get_template("report.html.j2")
    return page.render(
        language=current_language(),
        version=version,
        evaluation=evaluation,
        provenance=provenance or Provenance(),
        headline=evaluation.scores[evaluation.metric],
        comparisons=comparisons,
        forest=_forest(version, evaluation, comparisons),
        reports=[_Report(table) for table in evaluation.tables if table.name.endswith("_report")],
        tables=[table for table in evaluation.tables if not table.name.endswith("_report")],
        matrices=[heat_map(matrix) for matrix in evaluation.matrices if len(matrix.labels) <= DRAWN_CLASSES],
        charts=[curve_chart(chart) for chart in evaluation.charts],
        training=training_charts(history),
    )


class _Report:
    """A classification report for the page: its classes, its averages, and the weakest classes of a long one."""

    def __init__(self, table: Table) -> None:
        self.title = table.title
        self.classes = table.rows[:-AVERAGES]
        self.averages = table.rows[-AVERAGES:]
        self.is_long = len(self.classes) > SHOWN_CLASSES
        self.weakest = sorted(self.classes, key=lambda row: row[3])[:WEAKEST]


def show(value: Any) -> Markup:
    """A cell of a table as escaped HTML; a bilingual text in both languages."""
    if isinstance(value, Text):
        return both(value)
    if isinstance(value, Picture) and (drawn := thumbnail(value)):
        return drawn
    if isinstance(value, Mapping) and value.keys() == {"en", "zh"}:
        return both(Text(value["en"], value["zh"]))
    return escape(shortened(format_value(value), LONGEST_INPUT))


def environment() -> Environment:
    """The templates' surroundings: what they may call."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"both": both, "show": show, "score": _score, "percent": _percent, "signed": _signed}
    made.globals |= {
        "T": lambda en, zh: both(Text(en, zh)),
        "score_name": score_name,
        "split_name": split_name,
        "setting_name": setting_name,
        "source_name": source_name,
        "less_is_better": LESS_IS_BETTER,
        "verdict": verdict,
        "form": lambda value, mistake: form(value, mistake.inputs, mistake.truth, show),
        "duration": _duration,
    }
    return made


def _forest(version: ModelVersion, evaluation: Evaluation, comparisons: Sequence[Comparison]) -> Markup | None:
    if not comparisons:
        return None
    own = Contender(plain(shortened(version.label, 28)), evaluation.scores[evaluation.metric], own=True)
    others = [Contender(_short(c.name), c.champion) for c in comparisons]
    return forest_plot([own, *others], score_name(evaluation.metric))


def _short(name: Text) -> Text:
    return Text(shortened(name.en, 28), shortened(name.zh, 28))


def _score(score: Score) -> str:
    return format_score(score)


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _percent(share: Any) -> str:
    """A share as a CSS percentage, kept between 0 and 100."""
    return f"{100 * min(1.0, max(0.0, float(share or 0.0))):.1f}%"


def _duration(seconds: float) -> Text:
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1:
        return Text(f"{seconds:.1f} s", f"{seconds:.1f} 秒")
    hours, minutes = divmod(minutes, 60)
    if hours < 1:
        return Text(f"{minutes} min {rest} s", f"{minutes} 分 {rest} 秒")
    return Text(f"{hours} h {minutes} min", f"{hours} 小时 {minutes} 分")
