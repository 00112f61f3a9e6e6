"""The head measures its choices on the rows they belong to, however these are folded."""

import tempfile
from pathlib import Path

import pytest

import tuneworks
from tuneworks.core.types import RunConfig
from tuneworks.flows.fitting import fit
from tuneworks.flows.plan_run import plan_run
from tuneworks.tasks.text_classification import TextClassification
from tuneworks.tasks.token_classification import TokenClassification


@pytest.mark.parametrize("task", [TextClassification, TokenClassification])
@pytest.mark.parametrize("rows", [200, 4000])
def test_what_is_easily_learnt_measures_well_in_folds_and_on_a_validation_split(task, rows, tmp_path):
    if task is TokenClassification and rows > 1000:
        rows = 3300
    with tuneworks.Workspace.open(tmp_path / ".tuneworks") as workspace:
        _, sample = task().sample(rows, seed=1)
        tuneworks.add(sample, name="sample", workspace=workspace)
        plan = plan_run(workspace, RunConfig(dataset="sample"))
        recipe = plan.config.recipe.__class__(base="ngrams", method="head", options={"strengths": (30.0,)})
        with tempfile.TemporaryDirectory() as folder:
            fitted = fit(plan.data, recipe, folder=Path(folder), cache=workspace.cache)
    assert fitted.history[-1].values["validation"] > 0.95
