"""Encoders drawn without torch: equal to the stock ones in float32, close in int8, alike in any company."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    PreTrainedModel,
    RobertaConfig,
    RobertaModel,
    XLMRobertaConfig,
    XLMRobertaModel,
)

from tests.tiny import TEXTS, tiny_encoder, tiny_tokenizer
from tuneworks.bases.text_encoder import TextEncoder
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.events import silent
from tuneworks.neural import int8_export
from tuneworks.neural.encoder import load_encoder
from tuneworks.neural.encoder_files import INT8_FILE, WEIGHTS_FILE
from tuneworks.neural.graph_encoder import Reader
from tuneworks.neural.loaded_encoder import LoadedEncoder
from tuneworks.neural.onnx_graph import drawn
from tuneworks.neural.stock_weights import Weights, shape_of

SMALL = {
    "vocab_size": tiny_tokenizer().get_vocab_size(),
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "initializer_range": 0.2,
}
SMALL_DISTILBERT = {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64, "max_position_embeddings": 64}
FAMILIES: dict[str, Callable[[], PreTrainedModel]] = {
    "bert": lambda: BertModel(BertConfig(**SMALL)),
    "bert with tanh": lambda: BertModel(BertConfig(**SMALL, hidden_act="gelu_new")),
    "distilbert": lambda: DistilBertModel(
        DistilBertConfig(**SMALL_DISTILBERT, vocab_size=SMALL["vocab_size"], initializer_range=0.2)
    ),
    "roberta": lambda: RobertaModel(RobertaConfig(**SMALL)),
    "xlm-roberta": lambda: XLMRobertaModel(XLMRobertaConfig(**SMALL)),
}
UNITS = [[(0, 3), (3, 3), (4, len(text))] for text in TEXTS[:5]]


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    torch.manual_seed(0)
    FAMILIES[request.param]().save_pretrained(tmp_path / "stock")
    tiny_tokenizer().save(str(tmp_path / "stock" / "tokenizer.json"))
    return tmp_path / "stock"


def files_of(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in folder.iterdir()}


def reader(folder: Path, *, int8: bool) -> Reader:
    shape = shape_of(json.loads((folder / "config.json").read_text()))
    assert shape is not None
    graph = folder.parent / f"{int8}.onnx"
    graph.write_bytes(drawn(shape, Weights(folder / WEIGHTS_FILE), int8=int8))
    return Reader(files_of(folder), graph)


def test_a_float_graph_equals_the_stock_network(family: Path) -> None:
    stock = LoadedEncoder(files_of(family), load_encoder, 32, "encoder")
    ours = reader(family, int8=False)
    assert np.allclose(ours.features(TEXTS, None, silent), stock.features(TEXTS), atol=1e-4)
    assert np.allclose(ours.features(TEXTS[:5], UNITS, silent), stock.features(TEXTS[:5], UNITS), atol=1e-4)


def test_an_int8_graph_stays_close_to_the_stock_network(family: Path) -> None:
    exact = reader(family, int8=False).features(TEXTS, None, silent)
    rounded = reader(family, int8=True).features(TEXTS, None, silent)
    assert (exact * rounded).sum(axis=1).min() > 0.99
    assert not np.array_equal(exact, rounded)


def test_an_int8_answer_does_not_depend_on_its_neighbours(family: Path) -> None:
    read, texts = reader(family, int8=True), [*TEXTS, *(text * 3 for text in TEXTS), "", *TEXTS[::-1]]
    together = read.features(texts, None, silent)
    alone = np.concatenate([read.features([text], None, silent) for text in texts])
    assert np.abs(together - alone).max() < 1e-6


def test_a_graph_is_drawn_the_same_twice(family: Path) -> None:
    shape = shape_of(json.loads((family / "config.json").read_text()))
    assert shape is not None
    for int8 in (True, False):
        once = drawn(shape, Weights(family / WEIGHTS_FILE), int8=int8)
        assert once == drawn(shape, Weights(family / WEIGHTS_FILE), int8=int8)


def fitted(folder: Path, **options: object) -> dict[str, Path | bytes]:
    return dict(TextEncoder().fit(f"path:{folder}", [], options=options, cache=Path("unused"), listener=silent))


def test_int8_is_taken_where_it_loses_nothing_and_float32_where_it_is_asked_for(tmp_path: Path) -> None:
    folder = tiny_encoder(tmp_path / "tiny")
    assert INT8_FILE not in fitted(folder)
    assert INT8_FILE in fitted(folder, int8=True)
    assert INT8_FILE not in fitted(folder, int8=True, precision="float32")
    assert INT8_FILE in fitted(folder, precision="int8")
    with pytest.raises(InvalidConfig, match="int4"):
        fitted(folder, precision="int4")


def test_an_unknown_family_stays_in_float32_and_int8_is_refused_by_name(tmp_path: Path) -> None:
    folder = tiny_encoder(tmp_path / "tiny")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden_act": "silu"}))
    assert INT8_FILE not in fitted(folder, int8=True)
    with pytest.raises(InvalidConfig, match="no int8 form"):
        fitted(folder, precision="int8")


TORCHLESS = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
import tuneworks
rows = [{"text": f"{word} {n}", "topic": topic} for n in range(20)
        for topic, word in (("card", "my card was refused"), ("parcel", "where is the parcel"))]
with tuneworks.Workspace.open("WORKSPACE") as workspace:
    tuneworks.add(rows, name="tickets", workspace=workspace)
    tuneworks.tune("tickets", base="path:FOLDER", method="head", workspace=workspace)
    tuneworks.deploy("tickets@1", workspace=workspace)
    answers = tuneworks.predict("tickets", [{"text": "my card was refused 3"}], workspace=workspace)
    print(answers[0].answer.label, "torch" in sys.modules)
"""


def test_tuning_and_serving_work_where_torch_is_not_installed(tmp_path: Path) -> None:
    folder = tiny_encoder(tmp_path / "tiny")
    code = TORCHLESS.replace("WORKSPACE", str(tmp_path / ".tuneworks")).replace("FOLDER", str(folder))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["card", "False"], done.stderr


def test_another_engine_of_the_same_weights_has_a_fingerprint_of_its_own(tmp_path: Path) -> None:
    folder = tiny_encoder(tmp_path / "tiny")
    whole = {name: part for name, part in fitted(folder, precision="int8").items() if isinstance(part, Path)}
    stock = {name: path for name, path in whole.items() if name != INT8_FILE}
    base = TextEncoder()
    assert base.load(whole).runtime == "onnx"
    assert base.load(whole).fingerprint != base.load(stock).fingerprint
    changed = tmp_path / "changed.onnx"
    shutil.copy(whole[INT8_FILE], changed)
    changed.write_bytes(changed.read_bytes() + b"\x00")
    assert base.load({**whole, INT8_FILE: changed}).fingerprint != base.load(whole).fingerprint


def test_a_graph_drawn_by_other_code_is_not_taken_for_todays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEWORKS_CACHE", str(tmp_path / "cache"))
    folder, code = tiny_encoder(tmp_path / "base"), tmp_path / "drawing.py"
    monkeypatch.setattr("tuneworks.neural.int8_export.DRAWN_BY", (code,))
    places = []
    for text in ("one way", "another way", "one way"):
        code.write_text(text)
        int8_export.drawing.cache_clear()
        places.append(int8_export.int8_graph(files_of(folder), silent))
    int8_export.drawing.cache_clear()
    assert places[0] == places[2] != places[1]
