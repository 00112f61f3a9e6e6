"""Tiny encoders with random weights in the Hugging Face layout, made in a blink: two layers, 32 wide, seeded."""

from __future__ import annotations

import string
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel

from tuneworks.core import registry
from tuneworks.testing.bases import Sample

TEXTS = ("where is my parcel", "The courier is late!", "包裹什么时候到", "我在北京工作", "i paid twice 42", "到")
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
    pieces = dict.fromkeys([*SPECIAL, *WORDS, *CHARACTERS, *(f"##{character}" for character in CHARACTERS)])
    made = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return made


def tiny_samples(folder: Path) -> dict[str, Sample]:
    """What every base there is can be tried on: base name -> a small address of it, and values."""
    made = {"ngrams": Sample("ngrams", TEXTS), "text-encoder": Sample(f"path:{tiny_encoder(folder)}", TEXTS)}
    assert set(made) == set(registry.names("bases")), "every base needs a small sample here"
    return made
