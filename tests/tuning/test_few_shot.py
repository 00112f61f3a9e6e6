"""A handful of rows a label: names teach, folds deal fairly, and what is chosen was measured on unseen rows."""

import numpy as np
import pytest

import tuneworks
from tests.tiny import tiny_encoder
from tuneworks.core.types import Recipe, RunConfig, TaskSpec
from tuneworks.serving.folders import open_version
from tuneworks.statistics.folds import fair_shares

SAID = {"parcel": ("where is the courier", "i moved to rome"), "card refused": ("i paid twice", "anna was late")}


def tuned(workspace, encoder, **options):
    """A version learnt from two rows a label, tested on texts that are the labels' names."""
    rows = [
        {"text": text, "topic": label, "split": side}
        for label, texts in SAID.items()
        for side, text in zip(("train", "validation"), texts, strict=True)
    ]
    rows += [{"text": label, "topic": label, "split": "test"} for label in SAID]
    tuneworks.add(rows, name="topics", workspace=workspace)
    recipe = Recipe(f"path:{encoder}", "few-shot", options={"strengths": (100.0,), **options})
    spec = TaskSpec(inputs={"text": "text"}, target="topic", task="text-classification", metric="accuracy")
    return tuneworks.tune(config=RunConfig(dataset="topics", spec=spec, recipe=recipe), workspace=workspace)


def test_the_names_of_labels_teach(tmp_path):
    encoder = tiny_encoder(tmp_path / "encoder")
    with tuneworks.Workspace.open(tmp_path / ".tuneworks") as workspace:
        assert tuned(workspace, encoder, label_names=True).scores["accuracy"].value == 1.0


def test_a_sentence_stands_for_a_label_whose_name_says_the_wrong_thing(tmp_path):
    encoder = tiny_encoder(tmp_path / "encoder")
    swapped = {"parcel": "card refused", "card refused": "parcel"}
    with tuneworks.Workspace.open(tmp_path / ".tuneworks") as workspace:
        version = tuned(workspace, encoder, label_names=True, sentences=swapped)
        assert version.scores["accuracy"].value == 0.0


@pytest.mark.parametrize("rows_a_class", [3, 8, 13])
def test_every_fold_holds_its_share_of_every_label(rows_a_class):
    targets = np.random.default_rng(0).permutation(np.repeat(np.arange(6), rows_a_class))
    folds = fair_shares(targets, seed=1)
    held = np.array([[((folds == fold) & (targets == label)).sum() for label in range(6)] for fold in range(5)])
    assert held.max() - held.min() <= 1
    assert held.sum() == len(targets)


def test_contrast_draws_texts_of_one_label_together_and_is_stored(tmp_path):
    encoder = tiny_encoder(tmp_path / "encoder")
    with tuneworks.Workspace.open(tmp_path / ".tuneworks") as workspace:
        plain, drawn = (
            tuned(workspace, encoder, label_names=True, contrast_epochs=epochs, layers=1) for epochs in (0, 30)
        )
        assert drawn.parts["model.safetensors"] != plain.parts["model.safetensors"]
        assert _closeness(workspace, drawn) > _closeness(workspace, plain)
        assert drawn.scores["accuracy"].value == 1.0


def _closeness(workspace, version):
    """How much more alike texts of one label are than texts of two."""
    base = open_version(workspace, version).bases[0][1]
    features = base.features([text for texts in SAID.values() for text in texts])
    features = features / np.linalg.norm(features, axis=1, keepdims=True)
    alike = features @ features.T
    return (alike[0, 1] + alike[2, 3]) / 2 - alike[:2, 2:].mean()
