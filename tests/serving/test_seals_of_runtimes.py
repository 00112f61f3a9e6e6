"""Whatever runs a model, a folder in which anything was changed is refused, and what was changed is named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import load, numpy_helper, save

from tests.tiny import tiny_encoder
from tuneworks.core import registry
from tuneworks.core.errors import BrokenSeal, InvalidConfig
from tuneworks.core.types import Deployment, ModelVersion, Recipe, RunConfig, Served, TaskSpec
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.deploy import deploy
from tuneworks.flows.tune import tune
from tuneworks.serving import seal
from tuneworks.serving.compiled import laid_out
from tuneworks.serving.engine import Engine, engine_of
from tuneworks.serving.loaded import open_model
from tuneworks.testing.workspaces import NAME, sample_rows

RUNTIMES = {"arrays": "ngrams", "torch": "encoder", "onnx": "encoder", "trees": "table"}
MUTATIONS: dict[str, Callable[[bytes], bytes | None]] = {
    "first byte": lambda data: bytes([data[0] ^ 1]) + data[1:],
    "a byte inside": lambda data: (
        data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 16]) + data[len(data) // 2 + 1 :]
    ),
    "last byte": lambda data: data[:-1] + bytes([data[-1] ^ 128]),
    "cut": lambda data: data[:-1],
    "longer": lambda data: data + b"\0",
    "empty": lambda data: b"",
    "gone": lambda data: None,
}


@dataclass(frozen=True)
class Folders:
    """A version that is served by one runtime, and where its files lie."""

    workspace: Workspace
    served: Served
    version: ModelVersion
    own: Path
    compiled: Path | None

    def opened(self) -> Any:
        """The model as a process that starts now would open it."""
        return Engine(self.workspace).model(self.served)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    place = tmp_path_factory.mktemp("seals")
    encoder = f"path:{tiny_encoder(place / 'encoder')}"
    with Workspace.open(place / ".tuneworks") as opened:
        add(sample_rows(80), name=NAME, workspace=opened)
        tune(NAME, name="ngrams", target="topic", base="ngrams", workspace=opened)
        config = RunConfig("encoder", NAME, TaskSpec(target="topic"), Recipe(encoder, "full", epochs=1))
        tune(config=config, workspace=opened)
        columns, rows = registry.load("tasks", "tabular-classification")().sample(120, 0)
        add(rows, name="table", workspace=opened)
        tune("table", target=columns[-1].name, method="boosting", base="columns", workspace=opened)
        yield opened


@pytest.fixture(params=RUNTIMES)
def folders(request: pytest.FixtureRequest, workspace: Workspace) -> Folders:
    name = request.param
    deploy(RUNTIMES[name], name=f"on-{name}", runtime=name, workspace=workspace)
    served = workspace.store.get(Deployment, f"on-{name}").champion
    assert served.runtime == name
    version = workspace.store.get(ModelVersion, served.version_id)
    beside = laid_out(workspace, version, served) if served.compiled else None
    return Folders(workspace, served, version, workspace.models / version.label, beside)


def test_compiled_files_lie_beside_the_version(folders: Folders) -> None:
    assert (folders.compiled is not None) == (folders.served.runtime in ("onnx", "trees"))
    assert set(folders.served.fidelity) == ({"rows", "agreement", "difference"} if folders.compiled else set())
    assert folders.opened().run([dict(row) for row in seal.golden_rows(folders.opened().model)])


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_byte_more_less_or_other_in_any_file_is_refused_by_name(folders: Folders, mutation: str) -> None:
    for folder in filter(None, (folders.own, folders.compiled)):
        for path in [path for path in folder.rglob("*") if path.is_file()]:
            data = path.read_bytes()
            if not data:
                continue
            changed = MUTATIONS[mutation](data)
            path.unlink() if changed is None else path.write_bytes(changed)
            try:
                with pytest.raises(BrokenSeal) as caught:
                    folders.opened()
            finally:
                path.write_bytes(data)
            assert path.name in caught.value.problem.en or path.name == "manifest.json"
    folders.opened()


def test_a_manifest_that_was_written_anew_hides_nothing(folders: Folders) -> None:
    manifest = (folders.own / "manifest.json").read_bytes()
    for path in [path for path in folders.own.rglob("*") if path.is_file() and path.name != "manifest.json"]:
        data = path.read_bytes()
        path.write_bytes(data + b" ")
        seal.write_manifest(folders.own)
        if path.name == "tuneworks.json":  # the same JSON: nothing else is said
            folders.opened()
        else:
            with pytest.raises(BrokenSeal, match=path.name):
                folders.opened()
        path.write_bytes(data)
    (folders.own / "manifest.json").write_bytes(manifest)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("spec", "labels"), ["b", "a"]),
        (("spec", "options"), {"threshold": 0.9}),
        (("spec", "kinds"), {}),
        (("spec", "task"), "multi-label-classification"),
        (("output", "size"), 7),
        (("recipe", "method"), "head "),
    ],
)
def test_what_the_card_says_is_what_the_workspace_knows(folders: Folders, place: tuple[str, str], value: Any) -> None:
    card, manifest = folders.own / "tuneworks.json", folders.own / "manifest.json"
    kept = card.read_bytes(), manifest.read_bytes()
    said = json.loads(kept[0])
    said[place[0]][place[1]] = value
    card.write_text(json.dumps(said))
    seal.write_manifest(folders.own)
    try:
        if said == json.loads(kept[0]):
            return
        with pytest.raises(BrokenSeal, match=rf"tuneworks\.json (says another {place[0]}\.{place[1]}|cannot be read)"):
            folders.opened()
    finally:
        card.write_bytes(kept[0])
        manifest.write_bytes(kept[1])


def alone(folders: Folders, tmp_path: Path) -> Path:
    """A copy of the folder that no workspace knows."""
    return Path(shutil.copytree(folders.own, tmp_path / "alone"))


def asked_again(folders: Folders, folder: Path) -> None:
    """Open a folder that no workspace knows, and ask its golden rows."""
    files = {}
    if folders.compiled is not None:
        files = {path.name: path for path in folders.compiled.iterdir()}
    runtime = registry.load("runtimes", folders.served.runtime)()
    seal.verify_golden(open_model(folder, files), runtime, folders.compiled)


def test_swapped_labels_and_other_thresholds_are_found_without_the_workspace(folders: Folders, tmp_path: Path) -> None:
    folder = alone(folders, tmp_path)
    asked_again(folders, folder)
    card = json.loads((folder / "tuneworks.json").read_text())
    for change, reason in (
        (lambda spec: spec.update(labels=spec["labels"][::-1]), "not in the order"),
        (lambda spec: spec.update(options={"threshold": 0.9}), "another options"),
        (lambda spec: spec.update(target="other"), "another target"),
    ):
        said = json.loads(json.dumps(card))
        change(said["spec"])
        (folder / "tuneworks.json").write_text(json.dumps(said))
        if said["spec"].get("options") != {"threshold": 0.9} or card["spec"]["options"]:
            with pytest.raises(BrokenSeal, match=reason):
                asked_again(folders, folder)


@pytest.mark.parametrize("setting", [{"max_length": 8}, {"prefix": "query: "}, {"normalise": True}, {"layers": [1]}])
def test_another_length_or_template_gives_other_scores_in_every_runtime(
    folders: Folders, tmp_path: Path, setting: dict[str, Any]
) -> None:
    folder = alone(folders, tmp_path)
    if not (folder / "encoder.json").exists():
        return
    settings = json.loads((folder / "encoder.json").read_text())
    if {**settings, **setting} == settings:
        return
    (folder / "encoder.json").write_text(json.dumps({**settings, **setting}))
    with pytest.raises(BrokenSeal, match="golden example"):
        asked_again(folders, folder)


def test_bad_quantisation_is_refused_however_it_came_there(workspace: Workspace, tmp_path: Path) -> None:
    version = deploy("encoder", name="on-onnx", runtime="onnx", workspace=workspace).champion
    graph = next(name for name in version.compiled if name.endswith(".onnx"))
    coarse = load(workspace.blobs.local(version.compiled[graph]))
    for tensor in coarse.graph.initializer:
        if tensor.name.endswith("dense.weight"):
            numbers = numpy_helper.to_array(tensor)
            step = np.abs(numbers).max() / 2
            tensor.CopyFrom(
                numpy_helper.from_array((np.rint(numbers / step) * step).astype(numbers.dtype), tensor.name)
            )
    save(coarse, str(tmp_path / "coarse.onnx"))
    blob = workspace.blobs.write(tmp_path / "coarse.onnx")
    with pytest.raises(BrokenSeal, match="golden example"):
        engine_of(workspace).reopen(replace(version, compiled={**version.compiled, graph: blob}))


@pytest.mark.parametrize("runtime", ["arrays", "trees"])
def test_a_runtime_that_cannot_run_a_version_says_so(workspace: Workspace, runtime: str) -> None:
    with pytest.raises(InvalidConfig, match="cannot run the bases"):
        deploy("encoder", name="beside", runtime=runtime, workspace=workspace)
