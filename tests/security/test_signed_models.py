"""A machine that trusts one key opens what its owner signed, as it was signed, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tuneworks.core import registry
from tuneworks.core.errors import InvalidConfig, Untrusted
from tuneworks.core.types import Deployment, Event, ModelVersion, Served
from tuneworks.core.workspace import Workspace
from tuneworks.flows.add import add
from tuneworks.flows.compare import compare
from tuneworks.flows.deploy import deploy
from tuneworks.flows.evaluate import evaluate
from tuneworks.flows.reproduce import reproduce
from tuneworks.flows.tune import tune
from tuneworks.flows.warm import warm
from tuneworks.serving import seal
from tuneworks.serving.engine import Engine
from tuneworks.serving.loaded import CARD
from tuneworks.serving.signature import FILE, SIGNING_KEY, TRUSTED_KEY
from tuneworks.testing.workspaces import NAME, sample_rows


@dataclass(frozen=True)
class Keys:
    private: Path
    public: Path


def keys(folder: Path) -> Keys:
    folder.mkdir()
    made = ec.generate_private_key(ec.SECP256R1())
    private, public = folder / "private.pem", folder / "public.pem"
    private.write_bytes(
        made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    public.write_bytes(
        made.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return Keys(private, public)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return keys(tmp_path_factory.mktemp("ours") / "keys")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, ours: Keys) -> Iterator[Workspace]:
    place = tmp_path_factory.mktemp("signed")
    with pytest.MonkeyPatch.context() as patch, Workspace.open(place / ".tuneworks") as opened:
        add(sample_rows(80), name=NAME, workspace=opened)
        columns, rows = registry.load("tasks", "tabular-classification")().sample(120, 0)
        add(rows, name="table", workspace=opened)
        tune(NAME, name="unsigned", target="topic", base="ngrams", workspace=opened)
        deploy("unsigned", workspace=opened)
        patch.setenv(SIGNING_KEY, str(ours.private))
        tune(NAME, name="signed", target="topic", base="ngrams", workspace=opened)
        deploy("signed", workspace=opened)
        tune("table", target=columns[-1].name, method="boosting", base="columns", workspace=opened)
        deploy("table", runtime="trees", workspace=opened)
        patch.delenv(SIGNING_KEY)
        yield opened


def opened(workspace: Workspace, name: str, **changes: str) -> None:
    """The model opened as a process that starts now would, with some part's blob another one."""
    served = workspace.store.get(Deployment, name).champion
    if changes:
        served = Served(served.version_id, served.runtime, {**served.compiled, **changes}, served.fidelity)
    Engine(workspace).model(served)


def test_what_the_trusted_key_signed_is_opened(
    workspace: Workspace, ours: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TRUSTED_KEY, str(ours.public))
    opened(workspace, "signed")
    opened(workspace, "table")
    version = workspace.store.get(ModelVersion, workspace.store.get(Deployment, "signed").champion.version_id)
    assert FILE in version.parts
    assert FILE in workspace.store.get(Deployment, "table").champion.compiled


def test_nothing_else_is(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(workspace, "unsigned")
    monkeypatch.setenv(TRUSTED_KEY, str(keys(tmp_path / "others").public))
    for name in ("unsigned", "signed", "table"):
        with pytest.raises(Untrusted, match="has not signed"):
            opened(workspace, name)


def test_who_rewrites_the_workspace_cannot_sign(
    workspace: Workspace, ours: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TRUSTED_KEY, str(ours.public))
    version = workspace.store.get(ModelVersion, workspace.store.get(Deployment, "signed").champion.version_id)
    other = workspace.store.get(ModelVersion, workspace.store.get(Deployment, "unsigned").champion.version_id)
    head = next(name for name in version.parts if name.endswith(".safetensors"))
    folder = workspace.models / version.label
    for parts in (
        {**version.parts, head: workspace.blobs.write(workspace.blobs.read(other.parts[head]) + b" ")},
        {**version.parts, "more.txt": workspace.blobs.write(b"more")},
        {name: blob for name, blob in version.parts.items() if name != "golden.json"},
        {name: blob for name, blob in version.parts.items() if name != FILE},
    ):
        shutil.rmtree(folder)
        workspace.store.put(replace(version, parts=parts))
        with pytest.raises(Untrusted, match="has not signed"):
            opened(workspace, "signed")
    shutil.rmtree(folder)
    workspace.store.put(version)
    opened(workspace, "signed")


def test_what_a_runtime_compiled_is_held_to_the_signature_too(
    workspace: Workspace, ours: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TRUSTED_KEY, str(ours.public))
    compiled = workspace.store.get(Deployment, "table").champion.compiled
    name = next(name for name in compiled if name.endswith(".onnx"))
    other = workspace.blobs.write(workspace.blobs.read(compiled[name]) + b"\0")
    with pytest.raises(Untrusted, match="has not signed"):
        opened(workspace, "table", **{name: other})


def test_a_wrong_key_takes_no_version_back(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = workspace.store.find(Deployment)
    monkeypatch.setenv(TRUSTED_KEY, str(keys(tmp_path / "others").public))
    with Workspace.open(workspace.root) as another:
        told = warm(another)
    assert {type(error) for error in told} == {Untrusted}
    assert workspace.store.find(Deployment) == before


def test_what_was_compiled_is_signed_anew_by_the_key_that_follows(
    workspace: Workspace, tmp_path: Path, ours: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy("table", name="elsewhere", runtime="trees", workspace=workspace)
    served = workspace.store.get(Deployment, "elsewhere").champion
    unsigned = replace(served, compiled={name: blob for name, blob in served.compiled.items() if name != FILE})
    for one in workspace.store.find(Deployment):
        if one.champion == served:
            workspace.store.put(replace(one, champion=unsigned))
    monkeypatch.setenv(TRUSTED_KEY, str(ours.public))
    with pytest.raises(Untrusted):
        deploy("table", name="elsewhere", runtime="trees", workspace=workspace)
    monkeypatch.setenv(SIGNING_KEY, str(ours.private))
    deploy("table", name="elsewhere", runtime="trees", workspace=workspace)
    opened(workspace, "elsewhere")
    deploy("table", runtime="trees", workspace=workspace)
    opened(workspace, "table")


def test_the_signature_is_the_standards(workspace: Workspace, ours: Keys) -> None:
    version = workspace.store.get(ModelVersion, workspace.store.get(Deployment, "signed").champion.version_id)
    folder = workspace.models / version.label
    aside = [word for name in (seal.MANIFEST, CARD, FILE) for word in ("--ignore-paths", str(folder / name))]
    command = [sys.executable, "-m", "model_signing", "verify", "key", str(folder)]
    done = subprocess.run(
        [*command, "--signature", str(folder / FILE), "--public_key", str(ours.public), *aside],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_every_way_of_opening_a_version_asks_for_the_signature(
    workspace: Workspace, ours: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TRUSTED_KEY, str(ours.public))
    assert evaluate("signed", workspace=workspace)
    with pytest.raises(Untrusted, match="has not signed"):
        evaluate("unsigned", workspace=workspace)
    with pytest.raises(Untrusted, match="has not signed"):
        compare("signed", "unsigned", workspace=workspace)


def test_a_signed_run_is_reproduced(workspace: Workspace, ours: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    version = workspace.store.find(ModelVersion, name="signed")[0]
    for key in (str(ours.private), ""):
        monkeypatch.setenv(SIGNING_KEY, key)
        assert reproduce(version.run_id or "", workspace=workspace).same


def test_a_wrong_key_is_told_before_the_work(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SIGNING_KEY, str(tmp_path / "none.pem"))
    told: list[Event] = []
    with pytest.raises(InvalidConfig, match=SIGNING_KEY):
        tune(NAME, target="topic", base="ngrams", workspace=workspace, listener=told.append)
    assert not [event for event in told if event.step is not None or event.kind == "stored"]


@pytest.mark.parametrize("content", [None, b"", b"no key"])
def test_a_key_that_is_none_is_told(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "key.pem").write_bytes(content)
    monkeypatch.setenv(TRUSTED_KEY, str(tmp_path / "key.pem"))
    with pytest.raises(InvalidConfig, match=TRUSTED_KEY):
        opened(workspace, "signed")
    monkeypatch.setenv(SIGNING_KEY, str(tmp_path / "key.pem"))
    with pytest.raises(InvalidConfig, match=SIGNING_KEY):
        tune(NAME, target="topic", base="ngrams", workspace=workspace)
