"""Whoever chose Chinese reads Chinese: marks, names of figures, modes and what a parser says."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest

from tuneworks.cli.lines import SEVERITIES, finding_lines
from tuneworks.cli.list import MODES, STATUSES, table
from tuneworks.cli.progress import progress
from tuneworks.core.evaluation import Finding
from tuneworks.core.events import tell
from tuneworks.core.text import Text, language
from tuneworks.core.types import Deployment, Run, RunConfig, Served
from tuneworks.core.workspace import Workspace
from tuneworks.flows import check

MADE = "2026-01-02T03:04:05Z"


@pytest.mark.parametrize(("severity", "mark"), [("error", "[错误]"), ("warning", "[警告]"), ("note", "[提示]")])
def test_a_finding_is_marked_in_the_users_language(severity: str, mark: str) -> None:
    finding = Finding("lengths", severity, Text("short", "短"), Text("nothing", "无"))
    with language("zh"):
        assert next(finding_lines([finding])) == f"{mark} lengths: 短"
    with language("en"):
        assert next(finding_lines([finding])) == f"[{severity}] lengths: short"


def test_every_severity_has_a_mark() -> None:
    assert tuple(SEVERITIES) == check.SEVERITIES


def test_figures_in_a_pipe_are_named_in_the_users_language() -> None:
    stream = StringIO()
    with language("zh"), progress(stream) as listener:
        tell(listener, "signal", Text("moved", "变了"), {"value": 0.25, "threshold": 0.1, "macro_f1": 0.5})
    assert stream.getvalue() == "变了  数值 0.25  阈值 0.1  macro_f1 0.5\n"


def test_lists_say_modes_and_statuses_in_the_users_language(tmp_path: Path) -> None:
    deployment = Deployment("tickets", Served("version-1", "arrays"))
    runs = [Run(f"run-{number}", RunConfig(), status, MADE) for number, status in enumerate(STATUSES)]
    with Workspace.open(tmp_path / "workspace") as workspace:
        with language("zh"):
            shown = table(workspace, "deployments", [deployment]) + table(workspace, "runs", runs)
        with language("en"):
            assert "champion" in table(workspace, "deployments", [deployment])
    assert MODES["champion"].zh in shown
    assert all(text.zh in shown for text in STATUSES.values())
    assert "champion" not in shown
    assert "running" not in shown
