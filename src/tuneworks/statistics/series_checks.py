"""What a series, and a request with its history, must be to be forecast; errors say what was found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from tuneworks.core.errors import InvalidConfig, InvalidInput, UnsuitableData
from tuneworks.core.text import Text
from tuneworks.statistics import values as value_of
from tuneworks.statistics.shapes.values import shown
from tuneworks.statistics.time_series import BRIDGED, Cut, Moment

REPEATED = 0.5


def must_be_itself(history: str, target: str) -> None:
    """A series is forecast from its own history."""
    if history != target:
        raise InvalidConfig(
            Text(
                f"The history is the column {history!r}, the target {target!r}: a series is forecast from its own "
                "history.",
                f"历史列是 {history!r}，目标列是 {target!r}：序列只能由自身的历史来预测。",
            ),
            Text(
                f"Leave spec.inputs.history out, or name {target!r}.",
                f"请省略 spec.inputs.history，或指定 {target!r}。",
            ),
        )


def must_be_one_series(moments: Sequence[Moment], time: str) -> None:
    """Most moments stand there once."""
    different = len({moment.time for moment in moments})
    if len(moments) - different > REPEATED * different:
        raise UnsuitableData(
            Text(
                f"The column {time!r} holds {different} different times in {len(moments)} rows: several series?",
                f"列 {time!r} 的 {len(moments)} 行中只有 {different} 个不同的时间：是否混有多个序列？",
            ),
            Text("Add each series as a dataset of its own.", "请将每个序列作为单独的数据集导入。"),
        )


def no_window(cut: Cut, moments: int) -> UnsuitableData:
    """Nowhere are there enough neighbouring values."""
    wanted = cut.history + cut.horizon
    return UnsuitableData(
        Text(
            f"Nowhere in {moments} rows do {wanted} values follow each other, {cut.history} of history and "
            f"{cut.horizon} to forecast, without a gap of more than {BRIDGED} (among those to forecast: without any).",
            f"{moments} 行中没有任何 {wanted} 个连续的值（{cut.history} 个历史值和 {cut.horizon} 个待预测值）："
            f"历史中的缺口不得超过 {BRIDGED} 个值，待预测部分不得有缺口。",
        ),
        Text(
            "Fill the gaps, add rows, or ask for less: --set spec.options.history=48 --set spec.options.horizon=12",
            "请补齐缺口、添加数据，或减少要求：--set spec.options.history=48 --set spec.options.horizon=12",
        ),
    )


def history_of(value: Any, length: int, column: str, row: int) -> list[float]:
    """A request's history, its newest ``length`` values."""
    numbers = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    if len(numbers) < length or not all(map(_is_number, numbers)):
        raise InvalidInput(
            Text(
                f"Row {row}, column {column!r}: expected a list of the last {length} numbers, oldest first, "
                f"got {len(numbers)}: {shown(value)}.",
                f"第 {row} 行 {column!r} 列：应为最近 {length} 个数字的列表（最早的在前），"
                f"实际有 {len(numbers)} 个：{shown(value)}。",
            ),
            Text(
                "Send as many past values as the model was tuned with; fill gaps with the value before.",
                "请发送与微调时同样多的历史值；缺失处请用前一个值补齐。",
            ),
        )
    return list(numbers[-length:])


def moment_of(value: Any, column: str, row: int) -> str:
    """The time of a history's last value, in ISO 8601."""
    moment = value_of.time(value)
    if moment is None:
        raise InvalidInput(
            Text(
                f"Row {row}, column {column!r}: expected the time of the last value, got {shown(value)}.",
                f"第 {row} 行 {column!r} 列：应为最后一个值的时间，实为 {shown(value)}。",
            ),
            Text("Write it like 2024-03-05T08:30:00.", "请写成 2024-03-05T08:30:00 的形式。"),
        )
    return moment


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
