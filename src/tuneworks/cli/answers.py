"""How an answer reads in a terminal: one line, or one line a step, by its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tuneworks.core.text import Text

if TYPE_CHECKING:
    from tuneworks.core.types import Prediction

NOTHING = Text("none", "无")
NO_ANSWER = Text("no answer", "无答案")
SAME, DIFFERENT = Text("same", "相同"), Text("different", "不同")
PERPLEXITY = Text("perplexity", "困惑度")
STRANGE, USUAL = Text("anomalous", "异常"), Text("usual", "正常")


def answer_line(prediction: Prediction) -> str:
    """A prediction's answer for people to read."""
    return FORMS[prediction.answer.kind](prediction.answer, prediction.inputs)


def _label(answer: Any, inputs: Mapping[str, Any]) -> str:
    return f"{answer.label}  {answer.score:.3f}"


def _labels(answer: Any, inputs: Mapping[str, Any]) -> str:
    return ", ".join(f"{label} {answer.scores[label]:.3f}" for label in answer.labels) or str(NOTHING)


def _spans(answer: Any, inputs: Mapping[str, Any]) -> str:
    """The text with its spans in brackets; their words alone where the text is not at hand."""
    text = max((value for value in inputs.values() if isinstance(value, str)), key=len, default="")
    if not answer.spans or any(span.end > len(text) for span in answer.spans):
        return "; ".join(f"{span.text} [{span.label}]" for span in answer.spans) or str(NOTHING)
    pieces, at = [], 0
    for span in answer.spans:
        pieces.append(f"{text[at : span.start]}[{text[span.start : span.end]} {span.label}]")
        at = span.end
    return "".join([*pieces, text[at:]])


def _passage(answer: Any, inputs: Mapping[str, Any]) -> str:
    return f"{NO_ANSWER if answer.text is None else answer.text}  {answer.score:.3f}"


def _number(answer: Any, inputs: Mapping[str, Any]) -> str:
    return f"{answer.value:.6g}"


def _forecast(answer: Any, inputs: Mapping[str, Any]) -> str:
    """For each step the middle quantile between the outer ones."""
    middle = min(range(len(answer.levels)), key=lambda at: abs(answer.levels[at] - 0.5))
    return "\n".join(
        f"+{number:<4} {step[middle]:>10.5g}  [{min(step):.5g}, {max(step):.5g}]"
        for number, step in enumerate(answer.values, start=1)
    )


def _similarity(answer: Any, inputs: Mapping[str, Any]) -> str:
    verdict = "" if answer.same is None else f"  {SAME if answer.same else DIFFERENT}"
    return f"{answer.score:.3f}{verdict}"


def _anomaly(answer: Any, inputs: Mapping[str, Any]) -> str:
    return f"{STRANGE if answer.anomalous else USUAL}  {answer.score:.4g} ({answer.threshold:.4g})"


def _likelihood(answer: Any, inputs: Mapping[str, Any]) -> str:
    return f"{PERPLEXITY} {answer.perplexity:.4g}"


def _text(answer: Any, inputs: Mapping[str, Any]) -> str:
    return str(answer.text)


FORMS: Mapping[str, Callable[[Any, Mapping[str, Any]], str]] = {
    "classes": _label,
    "multi_label": _labels,
    "token_classes": _spans,
    "spans": _passage,
    "number": _number,
    "quantiles": _forecast,
    "similarity": _similarity,
    "anomaly": _anomaly,
    "likelihood": _likelihood,
    "text": _text,
}
"""By the kind of an answer: how it is written."""
