"""A model that answers a text with a number, from rows to retuning."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.life_of_texts import NAME, live, sample
from tuneworks.core.answers import NumberAnswer
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.compare import compare
from tuneworks.flows.tune import tune

TASK = "text-regression"


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.open(tmp_path / ".tuneworks") as opened:
        yield opened


def test_a_model_of_numbers_lives_from_rows_to_retuning(workspace: Workspace) -> None:
    life = live(workspace, TASK, "rating")
    assert life.version.scores["r2"].low > 0.8
    for prediction, told, row in zip(life.predictions, life.told, life.asked, strict=True):
        assert isinstance(prediction.answer, NumberAnswer)
        assert told.error == pytest.approx(abs(prediction.answer.value - row["rating"]))


def test_less_of_an_error_is_better(workspace: Workspace) -> None:
    add(sample(TASK)[0], name=NAME, workspace=workspace)
    tune(NAME, base="ngrams", settings={"recipe.options.strengths": [0.001]}, workspace=workspace)
    tune(NAME, base="ngrams", workspace=workspace)
    deciding = compare(f"{NAME}@1", f"{NAME}@2", workspace=workspace)[0]
    assert deciding.metric == "rmse"
    assert deciding.less_is_better
    assert deciding.difference.high < 0
    assert deciding.won


def test_an_unknown_metric_names_the_nearest(workspace: Workspace) -> None:
    add(sample(TASK)[0], name=NAME, workspace=workspace)
    with pytest.raises(InvalidConfig) as caught:
        tune(NAME, base="ngrams", settings={"spec.metric": "rsme"}, workspace=workspace)
    assert "rmse" in caught.value.fix.en
