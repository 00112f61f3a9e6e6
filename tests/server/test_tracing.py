"""Traces: a prediction's stages are spans within one, which is part of the caller's own trace."""

from __future__ import annotations

from pathlib import Path

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.tiny import tiny_encoder
from tuneworks.core.requests import working_for
from tuneworks.core.stages import collected, stage
from tuneworks.core.tracing import begun, sent_by
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.answering import ask
from tuneworks.flows.deploy import deploy
from tuneworks.flows.tune import tune
from tuneworks.server.tracing import Tracing, tracing_asked_for
from tuneworks.testing.workspaces import NAME, sample_rows

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def within(inner: ReadableSpan, outer: ReadableSpan) -> bool:
    assert inner.parent is not None
    times = (outer.start_time, inner.start_time, inner.end_time, outer.end_time)
    return inner.parent.span_id == outer.get_span_context().span_id and list(times) == sorted(times)


def test_every_stage_of_a_prediction_is_a_span_of_the_callers_trace(tmp_path: Path) -> None:
    exporter = InMemorySpanExporter()
    tracing = Tracing(exporter)
    with Workspace.open(tmp_path / ".tuneworks") as workspace:
        add(sample_rows(60), name=NAME, workspace=workspace)
        tune(NAME, target="topic", base=f"path:{tiny_encoder(tmp_path / 'tiny')}", method="head", workspace=workspace)
        deploy(NAME, runtime="torch", workspace=workspace)
        with sent_by(f"00-{TRACE}-{PARENT}-01"), working_for("mine-1"):
            ask(NAME, [{"text": "where is my parcel"}], workspace=workspace).result(60)
        workspace.loaded.pop("answering").close()
        workspace.loaded.pop("prediction_log", workspace).close()
    tracing.end()
    spans = {span.name: span for span in exporter.get_finished_spans()}
    assert set(spans) == {"predict", "queue", "infer", "tokenise", "decode", "log"}
    whole = spans["predict"]
    assert f"{whole.get_span_context().trace_id:032x}" == TRACE
    assert whole.parent is not None
    assert f"{whole.parent.span_id:016x}" == PARENT
    assert dict(whole.attributes or {}) == {
        "tuneworks.deployment": NAME,
        "tuneworks.version": f"{NAME}@1",
        "tuneworks.rows": 1,
        "tuneworks.request_id": "mine-1",
    }
    assert all(within(spans[name], whole) for name in ("queue", "infer", "decode", "log"))
    assert within(spans["tokenise"], spans["infer"])
    assert begun() is None


def test_nothing_is_kept_where_nobody_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    assert tracing_asked_for() is None
    assert begun() is None
    with stage("infer"):
        pass
    with collected() as stages:
        pass
    assert stages == []
