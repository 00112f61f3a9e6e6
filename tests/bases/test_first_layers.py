"""An encoder cut to its first layers is the stock model without the others, in float32 and in int8, and tunes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel, DistilBertConfig, DistilBertModel

import tuneworks
from tests.bases.test_text_encoder import files_of, refused
from tests.tiny import tiny_encoder, tiny_tokenizer
from tuneworks.bases.text_encoder import TextEncoder
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.events import silent
from tuneworks.core.types import Recipe, RunConfig, TaskSpec
from tuneworks.testing.samples import sample_data

TEXTS = ["where is my parcel", "到"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_encoder(tmp_path / "tiny")


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_the_first_layer_gives_what_it_gives_in_the_whole(precision: str, folder: Path, tmp_path: Path) -> None:
    whole = TextEncoder().load(files_of(folder, tmp_path / "whole", precision=precision, feature_layers=[1]))
    part = TextEncoder().load(files_of(folder, tmp_path / "part", precision=precision, first_layers=1))
    assert part.features(TEXTS) == pytest.approx(whole.features(TEXTS), abs=1e-5)
    assert part.fingerprint != whole.fingerprint


def test_the_cut_folder_is_one_that_transformers_reads(tmp_path: Path) -> None:
    config = DistilBertConfig(
        vocab_size=tiny_tokenizer().get_vocab_size(), dim=32, n_layers=3, n_heads=2, hidden_dim=64
    )
    stock = DistilBertModel(config).eval()
    stock.save_pretrained(tmp_path / "stock")
    tiny_tokenizer().save(str(tmp_path / "stock" / "tokenizer.json"))
    files = files_of(tmp_path / "stock", tmp_path / "made", first_layers=2)
    made = AutoModel.from_pretrained(files["config.json"].parent, local_files_only=True).eval()
    assert made.config.n_layers == 2
    ids = torch.tensor([[2, 5, 6, 3]])
    with torch.inference_mode():
        expected = stock(ids, output_hidden_states=True).hidden_states[2]
        assert torch.allclose(made(ids).last_hidden_state, expected, atol=1e-6)
    assert not any(".layer.2." in name for name in load_file(files["model.safetensors"]))


def test_all_layers_are_the_folder_as_it_is(folder: Path, tmp_path: Path) -> None:
    assert files_of(folder, tmp_path, first_layers=2)["model.safetensors"] == folder / "model.safetensors"


@pytest.mark.parametrize("count", [0, 3, 1.5, True, "half"])
def test_more_layers_than_there_are_and_nonsense_are_refused(count: Any, folder: Path) -> None:
    assert "first_layers" in refused(InvalidConfig, folder, first_layers=count).problem.en


def test_features_are_of_layers_that_were_kept(folder: Path) -> None:
    assert "layers 1 to 1" in refused(InvalidConfig, folder, first_layers=1, feature_layers=[2]).problem.en


def test_a_champion_that_was_cut_is_not_cut_again(folder: Path, tmp_path: Path) -> None:
    files = files_of(folder, tmp_path, first_layers=1)
    kept = TextEncoder().kept(files, options={"first_layers": 1}, listener=silent)
    assert kept["model.safetensors"] == files["model.safetensors"]


def test_a_student_of_fewer_layers_learns_from_its_whole_teacher(folder: Path, tmp_path: Path) -> None:
    columns, rows = sample_data("text-classification").task.sample(80, 0)
    with tuneworks.Workspace.open(tmp_path / ".tuneworks") as workspace:
        tuneworks.add(rows, name="own", kinds={one.name: one.kind for one in columns}, workspace=workspace)
        spec = TaskSpec(target=columns[-1].name, task="text-classification")
        base = f"path:{folder}"
        tuneworks.tune(config=RunConfig("teacher", "own", spec, Recipe(base, "head")), workspace=workspace)
        recipe = Recipe(base, "distil", options={"first_layers": 1})
        student = tuneworks.tune(
            config=RunConfig("student", "own", spec, recipe, from_version="teacher"), workspace=workspace
        )
        weights = workspace.blobs.read(student.parts["model.safetensors"])
    assert b".layer.0." in weights
    assert b".layer.1." not in weights
    assert np.isfinite(student.scores["accuracy"].value)
