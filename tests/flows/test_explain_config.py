"""Every value a run would use says whether it is the user's, derived from the data, or a default."""

import tuneworks
from tuneworks.flows.explain_config import explain_config
from tuneworks.tasks.text_classification import TextClassification


def test_each_value_names_its_source(tmp_path):
    with tuneworks.Workspace.open(tmp_path / ".tuneworks") as workspace:
        tuneworks.add(TextClassification().sample(200, seed=0)[1], name="tickets", workspace=workspace)
        settings = {"recipe.base": "ngrams", "recipe.options.balanced": True}
        told = {one.key: one for one in explain_config("tickets", settings=settings, workspace=workspace)}
    assert (told["recipe.base"].value, told["recipe.base"].source) == ("ngrams", "user")
    assert (told["recipe.options.balanced"].value, told["recipe.options.balanced"].source) == (True, "user")
    assert (told["spec.target"].value, told["spec.target"].source) == ("topic", "derived")
    assert (told["recipe.method"].value, told["recipe.method"].source) == ("head", "default")
    assert told["recipe.options.strengths"].source == "default"
    assert told["recipe.seed"].source == "default"


def test_a_methods_own_defaults_are_shown_as_defaults(tmp_path):
    with tuneworks.Workspace.open(tmp_path / ".tuneworks") as workspace:
        tuneworks.add(TextClassification().sample(200, seed=0)[1], name="tickets", workspace=workspace)
        settings = {"recipe.method": "full", "recipe.learning_rate": 1e-4}
        told = {one.key: one for one in explain_config("tickets", settings=settings, workspace=workspace)}
    assert (told["recipe.epochs"].value, told["recipe.epochs"].source) == (3, "default")
    assert (told["recipe.learning_rate"].value, told["recipe.learning_rate"].source) == (1e-4, "user")
