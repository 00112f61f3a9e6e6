"""What Prometheus reads: figures of all servers of the workspace, by their conventional names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import APIRouter, Request
from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.responses import Response

from tuneworks.core.access import VIEWER
from tuneworks.core.meters import BOUNDS, METERS, Key, Meter, Seconds
from tuneworks.core.text import Text
from tuneworks.core.workspace import Workspace
from tuneworks.flows.standing import Standing, standing
from tuneworks.server.access import needs
from tuneworks.server.problems import documented
from tuneworks.server.sharing import Sharing

router = APIRouter(tags=["health"])
EXAMPLE = 'tuneworks_requests_total{deployment="tickets",outcome="answered",version="tickets@3"} 1841.0\n'
STANDING = (
    Meter("tuneworks_models_loaded", "gauge", Text("Models in this process's memory.", "本进程内存中的模型数。")),
    Meter(
        "tuneworks_models_loaded_bytes",
        "gauge",
        Text("Bytes that the models in memory take on disk.", "内存中各模型的文件字节数。"),
    ),
    Meter(
        "tuneworks_deployment_info",
        "gauge",
        Text("1 for every version that a deployment serves or tries.", "部署正在提供或试用的每个版本为 1。"),
        ("deployment", "version", "role"),
    ),
    Meter(
        "tuneworks_detector_value",
        "gauge",
        Text("What a detector measured last.", "检测器最近一次的测量值。"),
        ("deployment", "detector"),
    ),
    Meter(
        "tuneworks_detector_threshold",
        "gauge",
        Text("Past which value it raises a signal.", "超过此值即发出信号。"),
        ("deployment", "detector"),
    ),
    Meter(
        "tuneworks_detector_raised",
        "gauge",
        Text("1 where the last value was past it.", "最近一次超过阈值时为 1。"),
        ("deployment", "detector"),
    ),
)


@router.get(
    "/metrics",
    summary="Figures for Prometheus · 供 Prometheus 读取的指标",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"example": EXAMPLE}, "application/openmetrics-text": {"example": EXAMPLE}}},
        **documented(503),
    },
)
@needs(VIEWER)
def metrics(request: Request) -> Response:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Everything(request.app.state.workspace, request.app.state.sharing))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    encode, kind = choose_encoder(request.headers.get("accept", ""))
    return Response(encode(registry), headers={"content-type": kind})


class Everything(Collector):
    """Counted figures, and those that are read from the workspace as it stands."""

    def __init__(self, workspace: Workspace, sharing: Sharing) -> None:
        self._workspace = workspace
        self._sharing = sharing

    def collect(self) -> Iterator[Any]:
        values, seconds = self._sharing.summed()
        for meter in METERS:
            yield (_histogram(meter, seconds) if meter.kind == "histogram" else _family(meter, values))
        found = _as_figures(standing(self._workspace))
        for meter in STANDING:
            yield _family(meter, found)


def _family(meter: Meter, values: Mapping[Key, float]) -> Any:
    kind = CounterMetricFamily if meter.kind == "counter" else GaugeMetricFamily
    family = kind(meter.name, str(meter.about), labels=meter.labels)
    for (name, labels), value in sorted(values.items()):
        if name == meter.name:
            family.add_metric(labels, value)
    return family


def _histogram(meter: Meter, seconds: Mapping[Key, Seconds]) -> Any:
    family = HistogramMetricFamily(meter.name, str(meter.about), labels=meter.labels)
    for (name, labels), found in sorted(seconds.items(), key=lambda pair: pair[0]):
        if name == meter.name:
            family.add_metric(labels, _buckets(found), found.sum)
    return family


def _buckets(found: Seconds) -> list[tuple[str, float]]:
    """Upper bound -> how many took at most so long, those of smaller bounds among them."""
    bounds, total = [*(str(bound) for bound in BOUNDS), "+Inf"], 0
    buckets = []
    for bound, counted in zip(bounds, found.counts, strict=True):
        total += counted
        buckets.append((bound, float(total)))
    return buckets


def _as_figures(found: Standing) -> dict[Key, float]:
    values: dict[Key, float] = {
        ("tuneworks_models_loaded", ()): float(found.models),
        ("tuneworks_models_loaded_bytes", ()): float(found.model_bytes),
    }
    for deployment, version, role in found.served:
        values["tuneworks_deployment_info", (deployment, version, role)] = 1.0
    for signal in found.signals:
        labels = signal.deployment, signal.detector
        values["tuneworks_detector_value", labels] = signal.value
        values["tuneworks_detector_threshold", labels] = signal.threshold
        values["tuneworks_detector_raised", labels] = float(signal.raised)
    return values
