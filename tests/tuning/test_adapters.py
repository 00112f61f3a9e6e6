"""What adapters learnt is served without PEFT as PEFT would run it, and never on another base than their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModel

from tests.tiny import tiny_encoder
from tuneworks.core.contracts import Model
from tuneworks.core.errors import BrokenSeal, InvalidConfig
from tuneworks.core.types import Recipe
from tuneworks.flows.fitting import Data, Fitted, fit
from tuneworks.neural.encoder import Encoder
from tuneworks.neural.encoder_files import ADAPTER_SETTINGS, ADAPTER_WEIGHTS, WEIGHTS_FILE
from tuneworks.testing.samples import sample_data

ADAPTERS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "lora": ("lora", {"rank": 3, "alpha": 5.0}),
    "some layers": ("lora", {"targets": ("query", "value"), "adapter_dropout": 0.1}),
    "dora": ("lora", {"dora": True}),
    "ia3": ("ia3", {}),
}
TEXTS = ("where is my parcel", "the card was refused twice", "到")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    torch.set_num_threads(1)
    return f"path:{tiny_encoder(tmp_path_factory.mktemp('tiny'))}"


@pytest.fixture(scope="module")
def data() -> Data:
    return sample_data("text-classification", 60)


def learnt(data: Data, base: str, method: str, folder: Path, champion: Model | None = None, **options: Any) -> Fitted:
    recipe = Recipe(
        base, method, epochs=2, batch_tokens=150, learning_rate=2e-2, options={"start_from_linear": False, **options}
    )
    return fit(data, recipe, folder=folder, cache=folder / "cache", champion=champion)


def model_folder(made: Fitted, folder: Path) -> Path:
    folder.mkdir()
    for name, path in made.files.items():
        (folder / name).write_bytes(path.read_bytes())
    return folder


def features(made: Fitted, data: Data) -> np.ndarray:
    _, base = made.open(data.spec).bases[0]
    return np.asarray(base.features(list(TEXTS)))


def means(model: Any, encoder: Encoder) -> np.ndarray:
    """The mean of a stock model's token states of each text."""
    with torch.inference_mode():
        ids = [torch.tensor([encoder.tokenizer.encode(text).ids]) for text in TEXTS]
        return np.concatenate([model(input_ids=one).last_hidden_state.mean(dim=1).numpy() for one in ids])


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_an_adapter_is_served_as_peft_runs_it(adapter: str, tiny: str, data: Data, tmp_path: Path) -> None:
    method, options = ADAPTERS[adapter]
    made = learnt(data, tiny, method, tmp_path, **options)
    folder = model_folder(made, tmp_path / "model")
    base = tiny.removeprefix("path:")
    assert (folder / WEIGHTS_FILE).read_bytes() == Path(base, WEIGHTS_FILE).read_bytes()
    theirs = PeftModel.from_pretrained(AutoModel.from_pretrained(base), folder).eval()
    encoder = made.open(data.spec).bases[0][1].network()
    assert np.allclose(means(theirs, encoder), features(made, data), atol=1e-5)
    assert not np.allclose(means(AutoModel.from_pretrained(base), encoder), features(made, data), atol=1e-3)
    assert np.allclose(means(AutoModel.from_pretrained(folder).eval(), encoder), features(made, data), atol=1e-5)


def test_soft_prompts_are_served_as_peft_runs_them(tiny: str, data: Data, tmp_path: Path) -> None:
    made = learnt(data, tiny, "prompt", tmp_path, tokens=4)
    folder = model_folder(made, tmp_path / "model")
    theirs = PeftModel.from_pretrained(AutoModel.from_pretrained(tiny.removeprefix("path:")), folder).eval()
    encoder = made.open(data.spec).bases[0][1].network()
    assert np.allclose(means(theirs, encoder), features(made, data), atol=1e-5)
    assert [len(piece.ids) for piece in encoder.pieces(TEXTS)] == [
        len(encoder.tokenizer.encode(text).ids) + 4 for text in TEXTS
    ]


def test_prompts_leave_room_for_themselves(tiny: str, data: Data, tmp_path: Path) -> None:
    made = learnt(data, tiny, "prompt", tmp_path, tokens=4, max_length=64)
    encoder = made.open(data.spec).bases[0][1].network()
    (long,) = encoder.pieces(["where is my parcel " * 50])
    assert len(long.ids) == encoder.model.config.max_position_embeddings == 64
    assert long.truncated


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_merged_adapter_is_the_same_model_in_one_file(adapter: str, tiny: str, data: Data, tmp_path: Path) -> None:
    method, options = ADAPTERS[adapter]
    beside, merged = (learnt(data, tiny, method, tmp_path / str(m), merge=m, **options) for m in (False, True))
    assert ADAPTER_WEIGHTS in beside.files
    assert ADAPTER_WEIGHTS not in merged.files
    assert np.allclose(features(merged, data), features(beside, data), atol=1e-5)


def test_an_adapter_of_another_base_is_refused(tiny: str, data: Data, tmp_path: Path) -> None:
    made = learnt(data, tiny, "lora", tmp_path)
    folder = model_folder(made, tmp_path / "model")
    weights = load_file(folder / WEIGHTS_FILE)
    weights["embeddings.LayerNorm.bias"] += 1e-3
    save_file(weights, folder / WEIGHTS_FILE, metadata={"format": "pt"})
    moved = replace(made, files={name: folder / name for name in made.files})
    with pytest.raises(BrokenSeal, match="other weights"):
        features(moved, data)


def test_targets_that_no_layer_has_are_named(tiny: str, data: Data, tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match="gate_proj"):
        learnt(data, tiny, "lora", tmp_path, targets=("query", "gate_proj"))


@pytest.mark.parametrize("first", ["lora", "prompt"])
@pytest.mark.parametrize("second", ["full", "lora", "prompt", "head"])
def test_tuning_on_goes_on_from_what_an_adapter_learnt(
    first: str, second: str, tiny: str, data: Data, tmp_path: Path
) -> None:
    """With steps too small to move anything, the second model sees what the first one saw."""
    before = learnt(data, tiny, first, tmp_path / "first")
    champion = replace(before.open(data.spec), folder=model_folder(before, tmp_path / "model"))
    options = {"merge": True} if (first, second) == ("prompt", "lora") else {}
    recipe = Recipe(tiny, second, epochs=1, learning_rate=1e-9, options=options)
    after = fit(data, recipe, folder=tmp_path / "second", cache=tmp_path, champion=champion)
    new_prompts = (first, second) == ("lora", "prompt")
    assert np.allclose(features(after, data), features(before, data), atol=1e-4) != new_prompts
    assert all(path.stat().st_size for path in after.files.values())
    assert (ADAPTER_SETTINGS in after.files) == ((first, second) != ("lora", "full"))
