"""Tiny encoders with random weights in the Hugging Face layout, made in a blink: two layers, 32 wide, seeded."""

from __future__ import annotations

import string
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel

from tests.tiny_writers import tiny_causal_lm, tiny_seq2seq
from tuneworks.core import registry
from tuneworks.core.types import Picture
from tuneworks.neural.efficientnet import Architecture, EfficientNet, Stage, config_of
from tuneworks.neural.fast_multilingual import Network, Sizes
from tuneworks.statistics.drawings import drawing
from tuneworks.testing.bases import Sample

TEXTS = ("where is my parcel", "The courier is late!", "包裹什么时候到", "我在北京工作", "i paid twice 42", "到")
SERIES = [
    {"load": [float((hour + step) % 5) for step in range(8)], "hour": f"2024-01-01T{hour:02}:00:00"}
    for hour in range(6)
]
TABLE = [
    {"area": 20.5 + 7 * i, "plan": ("trial", "yearly")[i % 2], "built": f"19{60 + i}-03-0{1 + i % 7}", "load": [1.0, i]}
    for i in range(8)
]
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
WORDS = [
    "where",
    "is",
    "my",
    "parcel",
    "the",
    "courier",
    "late",
    "card",
    "was",
    "refused",
    "i",
    "paid",
    "twice",
    "moved",
    "to",
    "anna",
    "bob",
    "chen",
    "paris",
    "rome",
]
CHARACTERS = [
    *string.ascii_lowercase,
    *string.digits,
    *string.punctuation,
    *"我在北京工作包裹什么时候到快递太慢了付款失败怎么办重复扣。，",
]


def tiny_encoder(folder: Path, *, seed: int = 0, positions: int = 64) -> Path:
    """A BERT that knows some English words, letters and Chinese characters; everything else is unknown to it."""
    tokenizer = tiny_tokenizer()
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=positions,
        initializer_range=0.2,
        pad_token_id=0,
    )
    BertModel(config).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def tiny_tokenizer() -> Tokenizer:
    """WordPiece after BERT's normalisation."""
    inside = [f"##{character}" for character in CHARACTERS[:-1]]  # no word goes on with the last, a comma
    pieces = dict.fromkeys([*SPECIAL, *WORDS, *CHARACTERS, *inside, "[MASK]"])
    made = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return made


def tiny_fast_encoder(folder: Path, *, seed: int = 0) -> Path:
    """A convolutional encoder that knows the characters above and some words, everything else is unknown to it."""
    pieces = dict.fromkeys(["<unk>", "<s>", "</s>", "▁", *CHARACTERS, *(f"▁{word}" for word in WORDS)])
    tokenizer = Tokenizer(models.Unigram([(piece, -float(len(piece) < 3)) for piece in pieces], unk_id=0))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> $B </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    sizes = Sizes(len(pieces), shards=3, embedding=16, channels=8, kernels=(2, 3), hidden_size=16, inner=8)
    torch.manual_seed(seed)
    network = Network(sizes)
    network.embeddings.codes.random_(0, 64)
    network.embeddings.weight.data.uniform_(0.02, 0.06)
    network.embeddings.low.fill_(-1.0)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(network.state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(sizes.to_json())
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def tiny_image_encoder(folder: Path, *, seed: int = 0) -> Path:
    """An image encoder of three stages that sees 16 pixels a side."""
    stages = (Stage(1, 3, 1, 1, 8), Stage(1, 3, 2, 2, 12), Stage(1, 3, 2, 2, 16))
    architecture = Architecture(16, 8, stages, 24)
    torch.manual_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(EfficientNet(architecture).state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_bytes(config_of(architecture))
    return folder


def pictures(count: int = 6) -> list[Picture]:
    """Some drawings, of two patterns in turn."""
    random = np.random.default_rng(0)
    return [drawing(("stripes", "spots")[number % 2], random) for number in range(count)]


def tiny_samples(folder: Path) -> dict[str, Sample]:
    """What every base there is can be tried on: base name -> a small address of it, and values."""
    made = {"ngrams": Sample("ngrams", TEXTS), "text-encoder": Sample(f"path:{tiny_encoder(folder)}", TEXTS)}
    made["fast-multilingual"] = Sample(f"path:{tiny_fast_encoder(folder / 'fast')}", TEXTS)
    made["columns"] = Sample("columns", TABLE, "number")
    made["series"] = Sample("series", SERIES, "series")
    made["image-encoder"] = Sample(f"path:{tiny_image_encoder(folder / 'images')}", pictures(), "image")
    made["seq2seq"] = Sample(f"path:{tiny_seq2seq(folder / 'seq2seq')}", TEXTS)
    made["causal-lm"] = Sample(f"path:{tiny_causal_lm(folder / 'causal')}", TEXTS)
    assert set(made) == set(registry.names("bases")), "every base needs a small sample here"
    return made
