"""A model is numbers, graphs and text: code, links, addresses and pickles are refused, and nothing is fetched."""

from __future__ import annotations

import gzip
import json
import pickle
import shutil
import socket
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch

from tests.tiny import tiny_encoder
from tuneworks.core import registry
from tuneworks.core.errors import BrokenSeal, InvalidConfig, NotFound, TuneworksError
from tuneworks.core.events import silent
from tuneworks.core.types import Deployment
from tuneworks.neural.encoder_files import GRAPHS
from tuneworks.neural.graph_encoder import Reader
from tuneworks.neural.plain_configurations import must_be_plain
from tuneworks.serving.contents import must_be_data
from tuneworks.serving.engine import Engine
from tuneworks.testing.workspaces import NAME, deployed_workspace

PLAIN: dict[str, Any] = {
    "model_type": "bert",
    "architectures": ["BertModel"],
    "_name_or_path": "somebody/some-model",
    "hidden_act": "gelu",
    "hidden_size": 32,
    "id2label": {"0": "delivery", "1": "重复扣款 / other"},
    "label2id": {},
    "rope_scaling": {"rope_type": "linear", "factor": 2.0},
    "torch_dtype": "float32",
    "gradient_checkpointing": False,
    "a_number_nobody_knows": 3,
}
DANGEROUS: list[dict[str, Any]] = [
    {"auto_map": {"AutoModel": "modeling.Evil"}},
    {"auto_map": {}},
    {"_attn_implementation_internal": "somebody/kernel"},
    {"_anything_internal": 1},
    {"attn_implementation": "somebody/kernel"},
    {"_attn_implementation": "kernels-community/flash"},
    {"trust_remote_code": True},
    {"custom_pipelines": {"x": {"impl": "evil.Pipeline"}}},
    {"quantization_config": {"quant_method": "gptq", "modules": "evil"}},
    {"backbone": "somebody/backbone", "use_pretrained_backbone": True},
    {"text_config": {"auto_map": {"AutoConfig": "evil.C"}}},
    {"vision_config": {"model_type": "x"}},
    {"encoder": {"model_type": "bert", "_name_or_path": "x"}},
    {"hidden_act": "somebody/activation"},
    {"hidden_act": "repo--module.Class"},
    {"model_type": "../../etc"},
    {"architectures": ["somebody/code--Model"]},
    {"tokenizer_class": "http://evil.example/x"},
    {"rope_scaling": {"auto_map": {}}},
    {"id2label": {"0": {"_x_internal": "a"}}},
    {"base_model_name_or_path": "http://169.254.169.254/"},
    {"use_kernels": "yes"},
    {"adapter_path": "/etc/passwd"},
    {"chat_template": "{{ ''.__class__.__mro__[1].__subclasses__() }}"},
]
FILES = (
    "modeling.py", "weights.bin", "model.pt", "model.pkl", "model.pickle", "model.joblib", "model.npy", "model.ckpt",
    "model.h5", "model.keras", "model.pb", "model.so", "model.dll", "model.pyc", "setup.sh", "page.html", "a.svg",
    "config.yaml", "model.safetensors.pkl", "model.zip", "model.tar.gz", "model", ".hidden", "model.SAFETENSORS.PY",
)  # fmt: skip


class Canary:
    """What, unpickled, leaves a file behind."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> Any:
        return Path.touch, (self.place,)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder(tmp_path_factory.mktemp("encoder") / "model")


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """No connection leaves; those that were tried."""
    tried: list[Any] = []

    def refused(self: socket.socket, address: Any) -> None:
        tried.append(address)
        raise OSError("no network here")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *asked, **_: tried.append(asked) or [])
    return tried


def test_a_stock_configuration_is_taken() -> None:
    must_be_plain(PLAIN, Path("model"))


@pytest.mark.parametrize("setting", DANGEROUS, ids=lambda setting: next(iter(setting)))
def test_a_setting_that_could_lead_elsewhere_is_refused_and_named(setting: dict[str, Any]) -> None:
    with pytest.raises(InvalidConfig) as caught:
        must_be_plain({**PLAIN, **setting}, Path("model"))
    assert next(iter(setting)) in caught.value.problem.en


@pytest.mark.parametrize("setting", DANGEROUS[:3], ids=lambda setting: next(iter(setting)))
def test_a_folder_with_such_a_setting_is_no_base(
    encoder: Path, tmp_path: Path, setting: dict[str, Any], offline: list[Any]
) -> None:
    folder = Path(shutil.copytree(encoder, tmp_path / "model"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **setting}))
    with pytest.raises(InvalidConfig):
        brought_in(folder, tmp_path)
    assert offline == []


def test_a_base_is_read_without_network(encoder: Path, tmp_path: Path, offline: list[Any]) -> None:
    files = brought_in(encoder, tmp_path)
    assert {"config.json", "model.safetensors"} <= set(files)
    assert offline == []


def pickles(place: Path, canary: Path) -> Iterator[Path]:
    """Weights as pickles, in every dress they come in."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        evil = pickle.dumps(Canary(canary), protocol=protocol)
        for name, content in {
            "pytorch_model.bin": evil,
            "model.safetensors": evil,
            "model.pkl": evil,
            "weights.pt": evil,
            "model.safetensors.gz": gzip.compress(evil),
        }.items():
            path = place / f"{protocol}-{name}" / name
            path.parent.mkdir(parents=True)
            path.write_bytes(content)
            yield path
    zipped = place / "zipped" / "pytorch_model.bin"
    zipped.parent.mkdir()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Canary(canary)))
    yield zipped
    saved = place / "saved" / "model.safetensors"
    saved.parent.mkdir()
    torch.save(Canary(canary), saved)
    yield saved


def test_no_pickle_is_ever_opened_whatever_it_is_called(encoder: Path, tmp_path: Path, offline: list[Any]) -> None:
    canary, tried = tmp_path / "canary", 0
    pickle.loads(pickle.dumps(Canary(canary)))
    assert canary.exists(), "the canary works"
    canary.unlink()
    for weights in pickles(tmp_path / "pickles", canary):
        folder = weights.parent
        for name in ("config.json", "tokenizer.json"):
            shutil.copy(encoder / name, folder / name)
        with pytest.raises((TuneworksError, Exception)):
            registry.load("bases", "text-encoder")().load(brought_in(folder, tmp_path / "cache"))
        assert not canary.exists(), weights
        tried += 1
    assert tried >= 30
    assert offline == []


def test_weights_that_are_pickles_are_not_even_looked_for(encoder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(encoder, tmp_path / "model"))
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(NotFound, match="safetensors"):
        brought_in(folder, tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_could_be_code_is_refused_by_name(name: str, tmp_path: Path) -> None:
    (tmp_path / "head.safetensors").write_bytes(b"")
    (tmp_path / "tuneworks.json").write_text("{}")
    must_be_data(tmp_path)
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / name).write_bytes(b"")
    with pytest.raises(BrokenSeal) as caught:
        must_be_data(tmp_path)
    assert name in caught.value.problem.en


def test_a_link_to_another_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text("{}")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "tuneworks.json").symlink_to(tmp_path / "secret.json")
    with pytest.raises(BrokenSeal, match=r"tuneworks\.json"):
        must_be_data(folder)
    (folder / "tuneworks.json").unlink()
    (folder / "golden").symlink_to(tmp_path)
    with pytest.raises(BrokenSeal, match="golden"):
        must_be_data(folder)


def test_a_served_model_holds_data_alone(tmp_path: Path) -> None:
    with deployed_workspace(tmp_path, rows=120) as workspace:
        champion = workspace.store.find(Deployment)[0].champion
        folder = workspace.models / f"{NAME}@1"
        must_be_data(folder)
        (folder / "modeling.py").write_text("raise SystemExit")
        with pytest.raises(BrokenSeal, match=r"modeling\.py"):
            Engine(workspace).model(champion)


@pytest.mark.parametrize("place", ["../secret.bin", "{whole}", "link.bin"])
def test_a_graph_reads_nothing_outside_of_its_folder(place: str, encoder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(encoder, tmp_path / "model"))
    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(16))
    (folder / "link.bin").symlink_to(secret)
    weights = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[4])
    weights.data_location = onnx.TensorProto.EXTERNAL
    weights.external_data.add(key="location", value=place.format(whole=secret))
    told = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [4])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["w"], ["y"])], "g", [], [told], [weights])
    drawn = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    (folder / GRAPHS["int8"]).write_bytes(drawn.SerializeToString())
    files = {path.name: path for path in folder.iterdir()}
    with pytest.raises(Exception, match="External data path"):
        Reader(files, files[GRAPHS["int8"]])


def test_a_graph_in_the_folder_of_a_base_is_left_behind(encoder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(encoder, tmp_path / "model"))
    (folder / GRAPHS["int8"]).write_bytes(b"a graph that somebody else has drawn")
    assert not set(brought_in(folder, tmp_path)) & set(GRAPHS.values())


def brought_in(folder: Path, cache: Path) -> Any:
    """The files a base takes from a folder."""
    base = registry.load("bases", "text-encoder")()
    return base.fit(f"path:{folder}", ["a text"], options={}, cache=cache, listener=silent)
