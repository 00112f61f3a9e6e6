"""Flan-T5-small as the package traceforge-title-model carries it: two int8 ONNX graphs into a Hugging Face folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer

from tuneworks.neural.onnx_weights import weights_of
from tuneworks.statistics.features import Floats

HEADS_WIDTH = 64
PARTS = (("encoder.onnx", "enc.", "encoder."), ("decoder.onnx", "m.", ""))
SHARED, TIED = "shared.weight", ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")
STEPS = 3


def convert(source: Path, folder: Path) -> Iterator[tuple[int, int]]:
    """Write the folder from the encoder's graph and what lies beside it, yielding (steps done, steps in all)."""
    folder.mkdir(parents=True, exist_ok=True)
    weights: dict[str, Floats] = {}
    for done, (file, prefix, named) in enumerate(PARTS, start=1):
        weights |= {named + name.removeprefix(prefix): array for name, array in weights_of(source.parent / file)}
        yield done, STEPS
    for name in TIED:
        weights.pop(name, None)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(_config(weights), indent=1))
    tokenizer = Tokenizer.from_file(str(source.parent / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.save(str(folder / "tokenizer.json"))
    yield STEPS, STEPS


def _config(weights: dict[str, Floats]) -> dict[str, Any]:
    """The sizes as the weights' shapes say them; Flan-T5's word vectors and last layer are not the same."""
    vocabulary, width = weights[SHARED].shape
    bias = weights["encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"]
    layers = len([name for name in weights if name.startswith("encoder.") and name.endswith("SelfAttention.q.weight")])
    inner = weights["encoder.block.0.layer.1.DenseReluDense.wi_0.weight"].shape[0]
    return {
        "architectures": ["T5ForConditionalGeneration"],
        "model_type": "t5",
        "is_encoder_decoder": True,
        "vocab_size": vocabulary,
        "d_model": width,
        "d_kv": HEADS_WIDTH,
        "d_ff": inner,
        "num_layers": layers,
        "num_decoder_layers": layers,
        "num_heads": int(np.shape(bias)[1]),
        "relative_attention_num_buckets": int(np.shape(bias)[0]),
        "relative_attention_max_distance": 128,
        "layer_norm_epsilon": 1e-6,
        "feed_forward_proj": "gated-gelu",
        "dropout_rate": 0.1,
        "tie_word_embeddings": False,
        "scale_decoder_outputs": False,
        "decoder_start_token_id": 0,
        "pad_token_id": 0,
        "eos_token_id": 1,
    }
