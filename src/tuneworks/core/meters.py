"""Figures of what happens: counted where it happens, read by whoever shows them; one set a process.

>>> count(REQUESTS, "tickets", "tickets@3", "answered")
>>> figures()[REQUESTS.name, ("tickets", "tickets@3", "answered")]
1.0
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tuneworks.core.text import Text

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the seconds that are counted together."""


@dataclass(frozen=True)
class Meter:
    """Something that is counted (``counter``), stands somewhere (``gauge``) or takes seconds (``histogram``)."""

    name: str
    kind: str
    about: Text
    labels: tuple[str, ...] = ()


@dataclass
class Seconds:
    """How many took at most each of ``BOUNDS`` (the last: longer than all of them), and all their seconds."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    sum: float = 0.0


HTTP_SECONDS = Meter(
    "http_server_request_duration_seconds",
    "histogram",
    Text("Seconds from a request's arrival to the end of its answer.", "从请求到达至应答结束的秒数。"),
    ("http_request_method", "http_route", "http_response_status_code"),
)
REQUESTS = Meter(
    "tuneworks_requests_total",
    "counter",
    Text("Requests to a deployment, by the version that was asked.", "部署收到的请求数，按作答版本统计。"),
    ("deployment", "version", "outcome"),
)
REQUEST_SECONDS = Meter(
    "tuneworks_request_duration_seconds",
    "histogram",
    Text("Seconds a version took to answer a request.", "版本回答一次请求所用的秒数。"),
    ("deployment", "version"),
)
PREDICTIONS = Meter(
    "tuneworks_predictions_total",
    "counter",
    Text("Rows answered; where the answer is one of the labels, by label.", "已作答的行数；答案为标签时按标签统计。"),
    ("deployment", "version", "label"),
)
SHADOWS = Meter(
    "tuneworks_shadow_answers_total",
    "counter",
    Text(
        "What challengers in shadow came to: same, different, measured, failed, dropped.",
        "影子挑战者的结果：相同、不同、数值、失败、丢弃。",
    ),
    ("deployment", "version", "outcome"),
)
MOVES = Meter(
    "tuneworks_moves_total",
    "counter",
    Text("Changes of what a deployment serves.", "部署所提供内容的变动次数。"),
    ("deployment", "kind", "automatic"),
)
LOG_FLUSHES = Meter(
    "tuneworks_log_flushes_total", "counter", Text("Commits of the prediction log.", "预测日志的提交次数。")
)
LOGGED = Meter(
    "tuneworks_logged_predictions_total",
    "counter",
    Text("Predictions written to the log.", "写入日志的预测数。"),
)
QUEUE = Meter(
    "tuneworks_queue_depth",
    "gauge",
    Text("Requests that wait for a model.", "等待模型的请求数。"),
    ("deployment",),
)
METERS = (HTTP_SECONDS, REQUESTS, REQUEST_SECONDS, PREDICTIONS, SHADOWS, MOVES, LOG_FLUSHES, LOGGED, QUEUE)

Key = tuple[str, tuple[str, ...]]
Reader = Callable[[], Mapping[tuple[str, ...], float]]
_readers: dict[str, Reader] = {}
_figures: dict[Key, float] = {}
_seconds: dict[Key, Seconds] = {}
_turn = threading.Lock()


def count(meter: Meter, *labels: str, amount: float = 1.0) -> None:
    """Add to a counter, or to a gauge that goes up and down; labels in the order the meter names them."""
    key = meter.name, labels
    with _turn:
        _figures[key] = _figures.get(key, 0.0) + amount


def observe(meter: Meter, seconds: float, *labels: str) -> None:
    """Add one duration to a histogram."""
    key = meter.name, labels
    with _turn:
        found = _seconds.get(key)
        if found is None:
            found = _seconds[key] = Seconds()
        found.counts[bisect_left(BOUNDS, seconds)] += 1
        found.sum += seconds


def read_by(meter: Meter, reader: Reader) -> None:
    """Ask ``reader`` how a gauge stands (labels -> value) whenever figures are read."""
    _readers[meter.name] = reader


def figures() -> dict[Key, float]:
    """All counters and gauges as they stand: (meter's name, labels) -> value."""
    read: dict[Key, float] = {
        (name, labels): value for name, reader in list(_readers.items()) for labels, value in reader().items()
    }
    with _turn:
        return _figures | read


def durations() -> dict[Key, Seconds]:
    """All histograms as they stand."""
    with _turn:
        return {key: Seconds(list(found.counts), found.sum) for key, found in _seconds.items()}
