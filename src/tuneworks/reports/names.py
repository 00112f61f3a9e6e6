"""What scores, curves, splits and settings are called in a report; an unknown name stands for itself."""

from __future__ import annotations

from tuneworks.core.text import Text, plain
from tuneworks.statistics import (
    anomaly,
    classification,
    entities,
    forecasts,
    generation,
    likelihood,
    multi_label,
    passages,
    regression,
    relations,
    similarity,
)

SCORES = (
    classification.METRICS
    | anomaly.METRICS
    | classification.LOSSES
    | entities.METRICS
    | generation.METRICS
    | likelihood.METRICS
    | regression.METRICS
    | forecasts.METRICS
    | forecasts.FURTHER
    | multi_label.METRICS
    | multi_label.LOSSES
    | passages.METRICS
    | relations.METRICS
    | similarity.METRICS
)
LESS_IS_BETTER = frozenset(
    (
        *anomaly.LESS_IS_BETTER,
        *classification.LOSSES,
        *multi_label.LOSSES,
        *likelihood.LESS_IS_BETTER,
        *regression.LESS_IS_BETTER,
        *forecasts.LESS_IS_BETTER,
    )
)
SPLITS = {
    "train": Text("training", "训练集"),
    "validation": Text("validation", "验证集"),
    "test": Text("held out (test)", "留出集（测试）"),
}
SERIES = {
    "loss": Text("training loss", "训练损失"),
    "train_loss": Text("training loss", "训练损失"),
    "validation_loss": Text("validation loss", "验证损失"),
    "learning_rate": Text("learning rate", "学习率"),
    "gradient_norm": Text("norm of the gradient", "梯度范数"),
    "tokens_per_second": Text("tokens a second", "每秒词元数"),
    "validation": Text("on validation rows, more is better", "验证集上的表现，越大越好"),
}
SETTINGS = {
    "task": Text("task", "任务"),
    "base": Text("base model", "基础模型"),
    "method": Text("method", "方法"),
    "epochs": Text("epochs", "训练轮数"),
    "batch_tokens": Text("tokens a batch", "每批词元数"),
    "learning_rate": Text("learning rate", "学习率"),
    "seed": Text("seed", "随机种子"),
    "metric": Text("deciding metric", "决定性指标"),
    "split": Text("split", "数据划分"),
    "target": Text("target column", "目标列"),
    "inputs": Text("input columns", "输入列"),
}
SOURCES = {
    "default": Text("default", "默认值"),
    "data": Text("from the data", "由数据推得"),
    "derived": Text("from the data", "由数据推得"),
    "user": Text("set by the user", "用户设定"),
}


def score_name(name: str) -> Text:
    """The name of a score."""
    return SCORES.get(name, plain(name))


def series_name(name: str) -> Text:
    """The name of a training curve."""
    return SERIES.get(name) or _on_validation(name)


def split_name(name: str) -> Text:
    """The name of a split."""
    return SPLITS.get(name, plain(name))


def setting_name(name: str) -> Text:
    """The name of a setting of the recipe."""
    known = SETTINGS.get(name.rsplit(".", 1)[-1])
    return known or plain(name)


def source_name(name: str) -> Text:
    """Where a setting's value comes from."""
    return SOURCES.get(name, plain(name))


def _on_validation(name: str) -> Text:
    prefix, _, rest = name.partition("_")
    if prefix == "validation" and rest in SCORES:
        known = SCORES[rest]
        return Text(f"{known.en} on validation rows", f"验证集{known.zh}")
    return score_name(name)
