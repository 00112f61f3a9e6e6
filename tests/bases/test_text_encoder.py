"""What a pretrained folder must be to be read, and what is refused before anything of it is run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file
from transformers import RobertaConfig, RobertaModel

from tests.tiny import tiny_encoder, tiny_tokenizer
from tuneworks.bases.text_encoder import TextEncoder
from tuneworks.core.errors import InvalidConfig, NotFound, TuneworksError, Unavailable, UnreadableFile
from tuneworks.core.events import silent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_encoder(tmp_path / "tiny")


def fitted(address: str | Path, **options: Any) -> dict[str, Path | bytes]:
    address = f"path:{address}" if isinstance(address, Path) else address
    return dict(TextEncoder().fit(address, [], options=options, cache=Path("unused"), listener=silent))


def refused(error: type[TuneworksError], address: str | Path, **options: Any) -> TuneworksError:
    with pytest.raises(error) as caught:
        fitted(address, **options)
    assert all((caught.value.problem.zh, caught.value.fix.en, caught.value.fix.zh))
    return caught.value


def change_config(folder: Path, **changed: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


def test_a_folder_gives_its_files_and_how_its_texts_are_read(folder: Path) -> None:
    files = fitted(folder)
    assert set(files) == {"config.json", "model.safetensors", "tokenizer.json", "encoder.json"}
    assert json.loads(files["encoder.json"]) == {"prefix": "", "max_length": 64, "normalise": True, "layers": []}


def test_weights_that_could_run_code_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert "pickle" in refused(NotFound, folder).fix.en


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_folder_lacking_a_file_is_refused_by_the_files_name(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert name in refused(NotFound, folder).problem.en


def test_a_folder_with_code_of_its_own_is_refused(folder: Path) -> None:
    (folder / "modeling_tiny.py").write_text("raise SystemExit('this must never run')\n")
    assert "code of its own" in refused(InvalidConfig, folder).problem.en


def test_a_folder_that_asks_for_remote_code_is_refused(folder: Path) -> None:
    change_config(folder, auto_map={"AutoModel": "modeling_tiny.Tiny"})
    assert "auto_map" in refused(InvalidConfig, folder).problem.en


def test_a_configuration_that_is_no_json_is_named(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "bert"')
    assert "config.json" in refused(UnreadableFile, folder).problem.en


@pytest.mark.parametrize("length", [7, 65, 0, -1, "long", 16.5, None])
def test_a_length_the_encoder_cannot_read_is_refused(folder: Path, length: Any) -> None:
    assert "8 to 64" in refused(InvalidConfig, folder, max_length=length).problem.en


def test_the_length_asked_for_is_what_is_read(folder: Path, tmp_path: Path) -> None:
    files = fitted(folder, max_length=8)
    stored = tmp_path / "encoder.json"
    stored.write_bytes(files["encoder.json"])
    base = TextEncoder().load({**files, "encoder.json": stored})
    assert base.truncated(["parcel " * 6, "parcel " * 7]) == [False, True]
    assert base.features(["parcel " * 500]).shape == (1, 32)


def test_a_folder_may_say_its_own_length(folder: Path) -> None:
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 20}')
    assert json.loads(fitted(folder)["encoder.json"])["max_length"] == 20


def test_positions_that_start_after_the_padding_are_not_overrun(tmp_path: Path) -> None:
    tokenizer = tiny_tokenizer()
    config = RobertaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=34,
        pad_token_id=1,
    )
    RobertaModel(config).save_pretrained(tmp_path)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    files = fitted(tmp_path)
    assert json.loads(files["encoder.json"])["max_length"] == 32
    (tmp_path / "encoder.json").write_bytes(files["encoder.json"])
    base = TextEncoder().load({name: tmp_path / name for name in files})
    assert base.features(["parcel " * 100]).shape == (1, 32)


@pytest.mark.parametrize("address", ["pkg:absent-package", "path:/no/such/folder"])
def test_an_address_that_leads_nowhere_is_not_found(address: str) -> None:
    assert address.partition(":")[2] in refused(NotFound, address).problem.en


def test_nothing_is_fetched_unasked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TUNEWORKS_ALLOW_NETWORK", raising=False)
    error = refused(Unavailable, "hf:nobody/no-such-model")
    assert "TUNEWORKS_ALLOW_NETWORK=1" in error.fix.en


def test_other_weights_have_another_fingerprint(folder: Path, tmp_path: Path) -> None:
    other = tiny_encoder(tmp_path / "other", seed=1)
    same = Path(shutil.copytree(folder, tmp_path / "same"))
    names = ("config.json", "model.safetensors", "tokenizer.json")
    first, copied, second = (TextEncoder().load({n: place / n for n in names}) for place in (folder, same, other))
    assert first.fingerprint == copied.fingerprint != second.fingerprint
    assert load_file(folder / "model.safetensors").keys() == load_file(other / "model.safetensors").keys()


def files_of(folder: Path, place: Path, **options: Any) -> dict[str, Path]:
    """A base's files on disk."""
    place.mkdir(exist_ok=True)
    made = {}
    for name, part in fitted(folder, **options).items():
        if isinstance(part, bytes):
            (place / name).write_bytes(part)
        made[name] = place / name if isinstance(part, bytes) else part
    return made


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_features_of_several_layers_stand_side_by_side(precision: str, folder: Path, tmp_path: Path) -> None:
    texts = ["where is my parcel", "到"]
    last, both = (
        TextEncoder().load(files_of(folder, tmp_path / name, precision=precision, **options))
        for name, options in (("last", {}), ("both", {"feature_layers": [1, 2]}))
    )
    made = both.features(texts)
    assert made.shape == (2, both.width) == (2, 2 * (last.width or 0))
    assert made[:, last.width :] == pytest.approx(last.features(texts), abs=1e-6)
    assert not np.allclose(made[:, : last.width], made[:, last.width :], atol=1e-3)
    assert both.network().settings.layers == ()


@pytest.mark.parametrize("layers", [[3], [2, 1], [0, 1], [1, 1], "all"])
def test_layers_that_are_not_there_are_refused(layers: Any, folder: Path) -> None:
    assert "feature_layers" in refused(InvalidConfig, folder, feature_layers=layers).problem.en
