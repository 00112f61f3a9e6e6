"""Labels in feedback that the model was never taught."""

from __future__ import annotations

from collections import Counter

from tuneworks.core.text import Text
from tuneworks.core.types import TaskSpec
from tuneworks.core.watching import Detector, Measurement, Window
from tuneworks.statistics.shapes.shape import shape_of

SHOWN = 5


class UnseenValues(Detector):
    """Raised by the first judged row whose true label is not among the model's labels: it cannot be answered right."""

    def measure(self, reference: Window, current: Window, spec: TaskSpec) -> Measurement | None:
        known = set(spec.labels)
        true = [shape_of(answer.kind).labels(v.value) for answer, v in current.judged if v.value is not None]
        if not true or not known:
            return None
        unseen = Counter(label for labels in true for label in labels - known)
        rows = sum(1 for labels in true if labels - known)
        return Measurement(float(rows), 0.0, rows > 0, _message(unseen, rows, len(true)))


def _message(unseen: Counter[str], rows: int, true: int) -> Text:
    if not rows:
        return Text(f"All labels of {true} judged rows are known to the model.", f"{true} 条反馈中的标签模型都认识。")
    named = [f"{label} ({count})" for label, count in unseen.most_common(SHOWN)]
    more = len(unseen) - len(named)
    return Text(
        f"{rows} of {true} judged rows have a label the model does not know: {', '.join(named)}"
        + (f" and {more} more." if more > 0 else "."),
        f"{true} 条反馈中有 {rows} 条的标签模型不认识：{'、'.join(named)}"
        + (f"，另有 {more} 个。" if more > 0 else "。"),
    )
