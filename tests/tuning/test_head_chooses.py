"""Methods measure their choices on the rows they belong to, however these are folded."""

import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import tuneworks
from tuneworks.core.asking import Examples
from tuneworks.core.contracts import Job
from tuneworks.core.events import silent
from tuneworks.core.types import Output, Recipe, RunConfig, TaskSpec
from tuneworks.flows.fitting import fit, run_steps
from tuneworks.flows.plan_run import plan_run
from tuneworks.methods.boosting import Boosting
from tuneworks.methods.few_shot import FewShot
from tuneworks.methods.head import Head
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


def test_folds_do_not_hold_a_copy_of_the_features_each():
    random = np.random.default_rng(0)
    train, validation = (
        Examples({"text": [""] * rows}, [{}] * rows, random.integers(2, size=rows)) for rows in (400, 50)
    )
    features = {id(part): [random.normal(size=(len(part), 2000)).astype(np.float32)] for part in (train, validation)}
    size = sum(block.nbytes for (block,) in features.values())
    job = Job(
        Output("classes", 2),
        TaskSpec(labels=("a", "b")),
        Recipe(options={"strengths": (0.1, 1.0)}),
        train,
        validation,
        bases=(),
        features=lambda examples: features[id(examples)],
        measure=lambda scores, examples: float((scores.argmax(axis=1) == examples.targets).mean()),
    )
    tracemalloc.start()
    run_steps(Head().fit(job), silent)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * size


PATIENTS, VISITS = 60, 5


def measured_by(method, options, split):
    """What folds measure where visits tell the patient apart, and nothing about the patient's label."""
    random = np.random.default_rng(0)
    patients = np.repeat(np.arange(PATIENTS), VISITS)
    seen = random.normal(size=(PATIENTS, 100))[patients] + 0.1 * random.normal(size=(len(patients), 100))
    labels = random.permutation(np.arange(PATIENTS) % 2)[patients]
    places = np.split(random.permutation(len(patients)), [250])
    train, validation = (
        Examples({"text": [""] * len(at)}, [{"patient": int(p)} for p in patients[at]], labels[at]) for at in places
    )
    features = {id(part): [seen[at].astype(np.float32)] for part, at in zip((train, validation), places, strict=True)}
    job = Job(
        Output("classes", 2),
        TaskSpec(labels=("a", "b"), split=split),
        Recipe(options=options),
        train,
        validation,
        bases=(),
        features=lambda examples: features[id(examples)],
        measure=lambda scores, examples: float((scores.argmax(axis=1) == examples.targets).mean()),
    )
    return run_steps(method().fit(job), silent)[1][-1].values["validation"]


@pytest.mark.parametrize(
    ("method", "options"),
    [
        (Head, {"strengths": (30.0,)}),
        (FewShot, {"strengths": (30.0,), "label_names": False}),
        (Boosting, {"leaves": (4,), "rounds": 60}),
    ],
)
def test_who_was_learnt_from_does_not_answer_for_himself(method, options):
    assert measured_by(method, options, "content") > 0.9
    assert measured_by(method, options, "group(patient)") < 0.75
