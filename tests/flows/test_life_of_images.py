"""A model's whole life on images: folders and files come in, requests bring their own, the seal has its own."""

from __future__ import annotations

import base64
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.server.process import ServerProcess
from tests.tiny import tiny_image_encoder
from tuneworks.client import Client
from tuneworks.core import registry
from tuneworks.core.answers import ClassAnswer
from tuneworks.core.errors import InvalidInput, Unavailable
from tuneworks.core.types import Dataset, Picture
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.check import check
from tuneworks.flows.deploy import deploy
from tuneworks.flows.evaluate import evaluate
from tuneworks.flows.feedback import feedback
from tuneworks.flows.inspect import delete
from tuneworks.flows.predict import predict
from tuneworks.flows.predict_file import predict_file
from tuneworks.flows.references import version_of
from tuneworks.flows.retune import retune
from tuneworks.flows.rows import read_rows
from tuneworks.flows.tune import tune
from tuneworks.flows.watch import watch
from tuneworks.serving.folders import materialise
from tuneworks.serving.loaded import open_model
from tuneworks.serving.seal import verify_golden
from tuneworks.statistics.drawings import drawing, png

ROWS = 200


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose deployment ``parts`` tells stripes from spots."""
    folder = tmp_path_factory.mktemp("images")
    with Workspace.open(folder / ".tuneworks") as opened:
        add(sample(), name="parts", workspace=opened)
        tune("parts", base=f"path:{tiny_image_encoder(folder / 'encoder')}", workspace=opened)
        deploy("parts", workspace=opened)
    return folder


@pytest.fixture
def workspace(lived: Path, tmp_path: Path) -> Iterator[Workspace]:
    shutil.copytree(lived / ".tuneworks", tmp_path / ".tuneworks")
    with Workspace.open(tmp_path / ".tuneworks") as opened:
        yield opened


def sample(rows: int = ROWS) -> list[dict[str, Any]]:
    return [dict(row) for row in registry.load("tasks", "image-classification")().sample(rows, 0)[1]]


def picture(pattern: str, seed: int = 99) -> Picture:
    return drawing(pattern, np.random.default_rng(seed))


def folder_of(place: Path, names: tuple[str, ...]) -> Path:
    """A folder of drawings by these names, the last folder of each being its pattern."""
    for number, name in enumerate(names):
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(path.parent.name, number).path.read_bytes())
    return place


def labels(predictions: Any) -> list[str]:
    return [p.answer.label for p in predictions if isinstance(p.answer, ClassAnswer)]


def test_a_model_lives_on_images_from_rows_to_retuning(workspace: Workspace) -> None:
    version = version_of(workspace, "parts")
    assert version.scores["accuracy"].value > 0.8
    assert [f for f in check("parts", workspace=workspace).findings if f.severity == "error"] == []
    assert evaluate(version.label, workspace=workspace).evaluation.scores["accuracy"] == version.scores["accuracy"]
    shown = [picture(pattern, seed) for seed in range(200, 215) for pattern in ("stripes", "spots")]
    made = predict("parts", [{"image": one.path} for one in shown], workspace=workspace)
    assert [p.inputs["image"] for p in made] == shown
    for number, prediction in enumerate(made):
        feedback(prediction.id, value=("stripes", "spots")[number % 2], workspace=workspace)
    assert {signal.detector for signal in watch("parts", workspace=workspace)} >= {"input-shift", "prediction-shift"}
    grown = retune("parts", workspace=workspace)
    assert grown.dataset.rows == ROWS + len(shown)
    assert all(isinstance(row["image"], Picture) for row in read_rows(workspace, grown.dataset))


def test_an_image_is_the_same_however_it_is_sent(workspace: Workspace) -> None:
    shown = picture("spots")
    data = shown.path.read_bytes()
    text = base64.b64encode(data).decode()
    forms = [shown.path, shown, data, text, f"data:image/png;base64,{text}"]
    made = predict("parts", [{"image": form} for form in forms], workspace=workspace)
    made += predict("parts", [{"image": str(shown)}], workspace=workspace)
    assert {p.inputs["image"] for p in made} == {str(shown)}
    assert [p.answer.score for p in made] == pytest.approx([made[0].answer.score] * len(made))  # type: ignore[union-attr]


def test_the_server_answers_as_the_library(workspace: Workspace) -> None:
    shown = [picture("stripes"), picture("spots")]
    library = predict("parts", [{"image": one.path} for one in shown], log=False, workspace=workspace)
    with ServerProcess(workspace.root) as server, Client(server.url, token=server.token) as client:
        served = client.predict("parts", [{"image": shown[0].path}, {"image": shown[1].path.read_bytes()}])
        with pytest.raises(InvalidInput, match="Row 1, column 'image'"):
            client.predict("parts", [{"image": "/etc/hostname"}])
    assert labels(served) == labels(library)
    assert [p.answer.score for p in served] == pytest.approx([p.answer.score for p in library])  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"no image at all", "no image"),
        (png(np.zeros((9, 9, 3), np.uint8))[:48], "broken"),
        ("sha256:" + "0" * 64, "no stored bytes"),
        (3.5, "float"),
        (b"\x89PNG\r\n\x1a\n" + b"0" * (21 * 1024 * 1024), "at most 20 MB"),
    ],
)
def test_what_is_no_image_is_refused_and_nothing_is_kept(workspace: Workspace, sent: Any, said: str) -> None:
    before = set(workspace.blobs.ids())
    with pytest.raises(InvalidInput, match=said) as caught:
        predict("parts", [{"image": picture("spots", 7).path}, {"image": sent}], workspace=workspace)
    assert "Row 2, column 'image'" in caught.value.problem.en
    assert "第 2 行" in caught.value.problem.zh
    assert set(workspace.blobs.ids()) == before


def test_folders_of_classes_are_rows_with_labels_and_splits(workspace: Workspace, tmp_path: Path) -> None:
    plain = add(folder_of(tmp_path / "plain", ("spots/a.png", "stripes/b.png", "spots/c.png")), workspace=workspace)
    assert [(column.name, column.kind) for column in plain.columns] == [("image", "image"), ("label", "category")]
    assert [row["label"] for row in read_rows(workspace, plain)] == ["spots", "spots", "stripes"]
    names = ("train/spots/a.png", "val/stripes/b.png", "test/spots/c.png", "train/stripes/d.png")
    nested = add(folder_of(tmp_path / "nested", names), workspace=workspace)
    held = {(row["label"], row["split"]) for row in read_rows(workspace, nested)}
    assert held == {("spots", "train"), ("stripes", "train"), ("stripes", "validation"), ("spots", "test")}


def test_names_of_image_files_are_taken_from_the_data_files_folder(workspace: Workspace, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "data", ("spots/a.png", "stripes/b.png"))
    (folder / "parts.csv").write_text("photo,label\nspots/a.png,spots\nstripes/b.png,stripes\n")
    dataset = add(folder / "parts.csv", name="by-name", workspace=workspace)
    assert [(column.name, column.kind) for column in dataset.columns] == [("photo", "image"), ("label", "category")]
    assert [row["photo"] for row in read_rows(workspace, dataset)] == [picture("spots", 0), picture("stripes", 1)]
    same = add(folder, name="by-folder", workspace=workspace)
    assert [row["image"] for row in read_rows(workspace, same)] == [
        row["photo"] for row in read_rows(workspace, dataset)
    ]
    texts = add(folder / "parts.csv", name="texts", kinds={"photo": "text"}, workspace=workspace)
    assert read_rows(workspace, texts)[0]["photo"] == "spots/a.png"


def test_a_broken_file_is_named_and_nothing_is_added(workspace: Workspace, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "data", ("spots/a.png", "stripes/b.png"))
    (folder / "stripes" / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 torn")
    before = set(workspace.blobs.ids())
    with pytest.raises(InvalidInput, match=r"Row 3, column 'image' .*torn\.jpg"):
        add(folder, name="torn", workspace=workspace)
    assert set(workspace.blobs.ids()) == before


def test_files_and_folders_of_images_are_answered(workspace: Workspace, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "asked", ("spots/a.png", "stripes/b.png"))
    (folder / "asked.jsonl").write_text(json.dumps({"image": "stripes/b.png"}))
    assert labels(predict_file("parts", folder / "spots" / "a.png", workspace=workspace)) == ["spots"]
    assert labels(predict_file("parts", folder, workspace=workspace)) == ["spots", "stripes"]
    assert labels(predict_file("parts", folder / "asked.jsonl", workspace=workspace)) == ["stripes"]


def test_a_model_folder_stands_alone(workspace: Workspace, tmp_path: Path) -> None:
    alone = tmp_path / "elsewhere"
    shutil.copytree(materialise(workspace, version_of(workspace, "parts")), alone)
    shutil.rmtree(workspace.root)
    model = open_model(alone)
    verify_golden(model, registry.load("runtimes", "torch")())
    golden = sorted((alone / "golden").iterdir())
    assert len(golden) > 4
    golden[0].write_bytes(golden[1].read_bytes())
    with pytest.raises(Unavailable, match="damaged"):
        verify_golden(model, registry.load("runtimes", "torch")())


def test_deleting_keeps_images_that_are_still_spoken_of(workspace: Workspace) -> None:
    mine = [{"image": picture("spots", seed), "label": "spots"} for seed in range(300, 304)]
    both = [{"image": row["image"], "label": "stripes"} for row in mine[:2]]
    add(mine, name="first", workspace=workspace)
    add(both, name="second", workspace=workspace)
    predict("parts", [{"image": mine[2]["image"]}], workspace=workspace)
    delete("datasets", "first", workspace=workspace)
    held = set(workspace.blobs.ids())
    assert [str(row["image"])[7:] in held for row in mine] == [True, True, True, False]
    kept = workspace.store.find(Dataset)
    assert all(read_rows(workspace, dataset) for dataset in kept)


def test_a_report_shows_the_images_it_got_wrong(workspace: Workspace, tmp_path: Path) -> None:
    wrong = [{**row, "label": "spots" if row["label"] == "stripes" else "stripes"} for row in sample(12)]
    add(wrong, name="wrong", workspace=workspace)
    report = evaluate("parts", dataset="wrong", workspace=workspace)
    page = report.html.read_text(encoding="utf-8")
    assert page.count('<img src="data:image/jpeg;base64,') == len(report.evaluation.mistakes) > 0
    start = page.index("base64,") + len("base64,")
    with Image.open(io.BytesIO(base64.b64decode(page[start : page.index('"', start)]))) as shown:
        assert max(shown.size) <= 128
