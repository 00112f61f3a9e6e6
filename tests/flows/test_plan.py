"""Planning: what tuning would take is told before, from trials on a few rows, and what does not fit is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tiny import tiny_encoder
from tuneworks.core.errors import OverBudget, Unavailable
from tuneworks.core.events import silent
from tuneworks.core.text import Text
from tuneworks.core.types import ModelVersion, Recipe, Run, RunConfig
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.box import Box, box_of
from tuneworks.flows.plan import Estimate, _refusal, plan
from tuneworks.testing.workspaces import NAME, sample_rows


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(tmp_path / ".tuneworks") as opened:
        add(sample_rows(600), name=NAME, workspace=opened)
        yield opened


@pytest.mark.parametrize("method", ["head", "full"])
def test_a_method_is_foretold_and_nothing_is_stored(method: str, workspace: Workspace, tmp_path: Path) -> None:
    base = f"path:{tiny_encoder(tmp_path / 'tiny')}"
    forecast = plan(NAME, base=base, method=method, goal=0.5, workspace=workspace)
    (estimate,) = forecast.estimates
    assert estimate.fits
    assert 0 < estimate.minutes < 5
    assert 50 < estimate.peak_megabytes < 4000
    assert estimate.disk_megabytes > 0
    assert estimate.score is not None
    assert estimate.score.low <= estimate.score.value <= estimate.score.high <= 1
    assert forecast.advised.method == method
    assert not workspace.store.find(ModelVersion)
    assert not workspace.store.find(Run)


def test_what_does_not_fit_is_refused_with_the_nearest_plan_that_does(workspace: Workspace) -> None:
    with pytest.raises(OverBudget, match="does not fit: takes") as caught:
        plan(NAME, base="ngrams", method="head", budget=1e-5, workspace=workspace)
    assert caught.value.fix.en
    assert caught.value.fix.zh


def test_what_cannot_be_tried_says_why_and_what_to_do(workspace: Workspace) -> None:
    with pytest.raises(Unavailable, match="No base model answers to the address") as caught:
        plan(NAME, base="nowhere", method="head", settings={"recipe.epochs": 3}, workspace=workspace)
    assert "a base without weights" in caught.value.fix.en
    assert "epochs" not in caught.value.fix.en


def test_a_method_that_could_not_be_tried_is_not_the_nearest_plan(workspace: Workspace) -> None:
    box = Box(minutes=1, memory_megabytes=None, disk_megabytes=None)
    dear = Text("takes 3.0 min of the 1 allowed", "需要 3.0 分钟，允许 1 分钟")
    estimates = [
        Estimate(Recipe("ngrams", "full", epochs=3), Text("The trial ended", "试运行已结束")),
        Estimate(Recipe("ngrams", "head"), dear, minutes=3.0, rows_tried=48),
    ]
    refused = _refusal(workspace, RunConfig(dataset=NAME), estimates, box, silent)
    assert refused.problem.en == f"head (ngrams) does not fit: {dear.en}"
    assert "epochs" not in refused.fix.en
    assert refused.seconds == 180


def test_a_box_says_what_would_be_exceeded() -> None:
    box = Box(minutes=5, memory_megabytes=4000, disk_megabytes=1000)
    assert box.over(4, 3000, 900) is None
    assert "6.0 min of the 5" in (box.over(6, 3000, 900) or "").en
    assert "5000 MB of the 4000 MB of memory" in (box.over(4, 5000, 900) or "").en
    assert "磁盘" in (box.over(4, 3000, 1100) or "").zh


def test_this_machine_has_memory_and_disk(tmp_path: Path) -> None:
    box = box_of(tmp_path, None)
    assert box.disk_megabytes is not None
    assert box.disk_megabytes > 0
    assert box.memory_megabytes is None or box.memory_megabytes > 0
