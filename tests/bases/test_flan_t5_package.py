"""The T5 recovered from its package writes what the package's own graphs write."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tuneworks.core.events import silent
from tuneworks.core.packages import package_folder

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("traceforge_title_model")

TEXT = "Fix the login bug in the web application so that users can sign in again"
START, END, MOST = 0, 1, 16


def by_the_graphs(ids: list[int]) -> list[int]:
    """The greedy tokens of the package's encoder and decoder."""
    folder = next(package_folder("traceforge-title-model", "traceforge_title_model").rglob("encoder.onnx")).parent
    encoder, decoder = (onnxruntime.InferenceSession(str(folder / f"{part}.onnx")) for part in ("encoder", "decoder"))
    read = {"input_ids": np.array([ids]), "attention_mask": np.ones((1, len(ids)), np.int64)}
    states = encoder.run(None, read)[0]
    tokens = [START]
    while len(tokens) <= MOST and tokens[-1] != END:
        asked = {
            "input_ids": np.array([tokens]),
            "encoder_hidden_states": states,
            "encoder_attention_mask": read["attention_mask"],
        }
        tokens.append(int(decoder.run(None, asked)[0][0, -1].argmax()))
    return [token for token in tokens[1:] if token != END]


def test_the_recovered_network_writes_the_same(tmp_path: Path) -> None:
    from tuneworks.bases.seq2seq import Seq2Seq

    files: dict[str, Path] = {}
    address = "pkg:traceforge-title-model"
    for name, part in Seq2Seq().fit(address, [TEXT], options={}, cache=tmp_path, listener=silent).items():
        files[name] = part if isinstance(part, Path) else tmp_path / name
        if isinstance(part, bytes):
            files[name].write_bytes(part)
    writer = Seq2Seq().load(files).writer()
    ids = writer.prompts(TEXT)
    with torch.inference_mode():
        written = [step[0][0] for step in writer.written([ids], MOST)]
    assert [token for token in written if token >= 0] == by_the_graphs(ids)
