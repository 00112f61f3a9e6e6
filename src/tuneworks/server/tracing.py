"""Predictions as OpenTelemetry spans, sent where OpenTelemetry's own variables say (``OTEL_EXPORTER_OTLP_ENDPOINT``).

A request is the span ``predict``; within it lie ``queue``, ``infer`` (``tokenise`` within that), ``decode``, ``log``.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from tuneworks import __version__
from tuneworks.core import registry
from tuneworks.core.tracing import Trace, trace_by

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
NAME = "tuneworks"


class Tracing:
    """Spans made of finished requests, sent by a thread of OpenTelemetry's own."""

    def __init__(self, exporter: Any) -> None:
        from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        own = {SERVICE_VERSION: __version__, **({} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: NAME})}
        self._provider = TracerProvider(resource=Resource.create(own))
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer(NAME, __version__)
        trace_by(self._spans)

    def end(self) -> None:
        """Send what waits, then trace no more."""
        trace_by(None)
        with suppress(Exception):  # a collector that is away stops no server
            self._provider.shutdown()

    def _spans(self, trace: Trace) -> None:
        from opentelemetry.trace import SpanKind, set_span_in_context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carried = TraceContextTextMapPropagator().extract({"traceparent": trace.parent})
        attributes = {f"{NAME}.{name}": value for name, value in trace.attributes.items()}
        if trace.request_id:
            attributes[f"{NAME}.request_id"] = trace.request_id
        whole = self._tracer.start_span("predict", carried, SpanKind.SERVER, attributes, start_time=trace.began)
        around = [set_span_in_context(whole)]
        for stage in sorted(trace.stages, key=lambda one: (one.began, one.depth)):
            span = self._tracer.start_span(stage.name, around[stage.depth], start_time=stage.began)
            around[stage.depth + 1 :] = [set_span_in_context(span)]
            span.end(stage.ended)
        whole.end(trace.ended)


def tracing_asked_for() -> Tracing | None:
    """Tracing to the endpoint that the environment names; none where it names none, or says that nothing is wanted."""
    if not any(os.environ.get(name) for name in ENDPOINTS) or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ModuleNotFoundError as error:
        raise registry.missing_extra("opentelemetry") from error
    return Tracing(OTLPSpanExporter())
