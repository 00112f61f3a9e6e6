"""Frozen layers are read once: upper layers learn from what is kept, a crash or another base never mixes it up."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import BertConfig, BertModel

import tuneworks
from tests.tiny import tiny_encoder, tiny_tokenizer
from tuneworks.core.bounded import MOST_BYTES, in_use, trim
from tuneworks.core.types import Event, ModelVersion
from tuneworks.neural import frozen
from tuneworks.neural.batches import batch_of
from tuneworks.neural.encoder import Encoder
from tuneworks.neural.encoder_files import Settings
from tuneworks.neural.frozen import below
from tuneworks.neural.pieces import Piece
from tuneworks.statistics.row_files import ENTRY, RowFiles

WIDTH = 3
ROWS = [{"text": f"where is {word} {n}", "topic": word} for n in range(15) for word in ("parcel", "card")]
WRITER = """
import sys, hashlib, numpy as np
from pathlib import Path
from tuneworks.statistics.row_files import RowFiles

random = np.random.default_rng(int(sys.argv[2]))
for _ in range(100):
    files = RowFiles(Path(sys.argv[1]), "base", 3)
    held = files.places()
    numbers = [n for n in set(random.integers(0, 400, 9).tolist())]
    keys = {n: hashlib.sha256(str(n).encode()).digest() for n in numbers}
    files.append({key: np.full((n % 5, 3), n, np.float16) for n, key in keys.items() if key not in held})
"""


def encoder(*, seed: int = 0, layers: int = 3, **changed: Any) -> Encoder:
    torch.manual_seed(seed)
    sizes = {"hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64, "vocab_size": 300, **changed}
    model = BertModel(BertConfig(num_hidden_layers=layers, initializer_range=0.2, **sizes))
    return Encoder(model, tiny_tokenizer(), Settings(normalise=False))


def pieces(count: int = 12) -> list[Piece]:
    random = np.random.default_rng(0)
    return [Piece(n, random.integers(5, 300, random.integers(2, 20)).tolist()) for n in range(count)]


def filled(one: Encoder, count: int, some: list[Piece], cache: Path) -> list[tuple[int, int]]:
    with below(one, count, some, cache) as filling:
        return list(filling)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_from_the_cache_the_upper_layers_see_and_learn_what_they_would_without(tmp_path: Path, count: int) -> None:
    one, batch = encoder(), batch_of(pieces())

    def learnt() -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        one.zero_grad()
        states = one.pooled(batch)
        if states.requires_grad:
            states.square().sum().backward()
        return states.detach(), {n: w.grad.clone() for n, w in one.named_parameters() if w.grad is not None}

    with below(one, count, batch.pieces, None):
        states, gradients = learnt()
    with below(one, count, batch.pieces, tmp_path) as filling:
        list(filling)
        kept, learnt_of_kept = learnt()
    assert sorted(gradients) == sorted(learnt_of_kept)
    assert all(f"layer.{n}." not in name for name in gradients for n in range(count))
    torch.testing.assert_close(kept, states, atol=2e-3, rtol=2e-3)
    for name, one_gradient in gradients.items():
        scale = max(1.0, float(one_gradient.abs().max()))
        torch.testing.assert_close(learnt_of_kept[name] / scale, one_gradient / scale, atol=1e-2, rtol=0)


def test_what_is_frozen_drops_nothing_and_stays_as_it_is(tmp_path: Path) -> None:
    one, batch = encoder(), batch_of(pieces())
    with below(one, 3, batch.pieces, None):
        one.train()
        assert torch.equal(one(batch), one(batch))
        assert not any(weight.requires_grad for weight in one.model.encoder.layer.parameters())
    assert not torch.equal(one(batch), one(batch))


def test_a_piece_is_read_once_by_equal_weights(tmp_path: Path) -> None:
    some = pieces(20)
    assert filled(encoder(), 2, some[:12], tmp_path)[-1] == (12, 12)
    assert filled(encoder(), 2, some, tmp_path)[-1] == (8, 8)
    assert filled(encoder(), 2, [*some, *some], tmp_path) == []


@pytest.mark.parametrize(
    "other", [lambda: encoder(seed=1), lambda: encoder(layers=4), lambda: encoder(num_attention_heads=4)]
)
def test_other_weights_or_settings_have_states_of_their_own(tmp_path: Path, other: Any) -> None:
    filled(encoder(), 1, pieces(), tmp_path)
    assert filled(other(), 1, pieces(), tmp_path)[-1] == (12, 12)
    assert filled(encoder(), 2, pieces(), tmp_path)[-1] == (12, 12)


def test_only_what_lies_below_counts(tmp_path: Path) -> None:
    filled(encoder(), 1, pieces(), tmp_path)
    tuned = encoder()
    with torch.no_grad():
        tuned.layers[2].output.dense.weight.add_(1.0)
    assert filled(tuned, 1, pieces(), tmp_path) == []


def test_more_than_the_cache_may_hold_is_read_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frozen, "MOST_BYTES", 100)
    assert filled(encoder(), 1, pieces(), tmp_path) == []
    assert not any(tmp_path.iterdir())


def test_what_one_base_alone_has_made_is_bounded_too(tmp_path: Path) -> None:
    filled(encoder(), 1, pieces(), tmp_path)
    (rows,) = (tmp_path / "states").glob("*.rows")
    os.truncate(rows, MOST_BYTES + 1)  # a hole, which takes no room
    one, batch = encoder(), batch_of(pieces())
    with below(one, 1, batch.pieces, tmp_path) as filling:
        assert list(filling) == []
        assert torch.isfinite(one(batch)).all()
    assert not rows.exists()


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[tuneworks.Workspace]:
    with tuneworks.Workspace.open(tmp_path / ".tuneworks") as opened:
        tuneworks.add(ROWS, name="tickets", workspace=opened)
        yield opened


def frozen_below(workspace: tuneworks.Workspace, place: Path, **asked: Any) -> tuple[ModelVersion, list[int | None]]:
    """A version whose top layer learnt, and of how many pieces it was told that they are read below."""
    heard: list[Event] = []
    made = tuneworks.tune(
        "tickets",
        base=f"path:{tiny_encoder(place / 'tiny')}",
        method="freeze",
        settings={"recipe.options.layers": 1, "recipe.epochs": 1, **asked},
        workspace=workspace,
        listener=heard.append,
    )
    return made, [event.total for event in heard if event.message.en == "frozen layers read once"]


def test_a_second_tuning_on_the_same_base_reads_no_text_below(workspace: tuneworks.Workspace, tmp_path: Path) -> None:
    _, first = frozen_below(workspace, tmp_path)
    made, second = frozen_below(workspace, tmp_path, **{"recipe.seed": 1})
    assert first
    assert second == []
    assert made.scores["accuracy"].value > 0.9


def test_added_rows_with_new_words_are_all_that_is_read_below(workspace: tuneworks.Workspace, tmp_path: Path) -> None:
    frozen_below(workspace, tmp_path)
    added = [{"text": f"anna paid twice {n}", "topic": "card"} for n in range(8)]
    tuneworks.add([*ROWS, *added], name="tickets", workspace=workspace)
    _, read = frozen_below(workspace, tmp_path)
    assert read
    assert set(read) <= set(range(1, len(added) + 1))


def test_what_is_pushed_goes_through_the_frozen_layers(workspace: tuneworks.Workspace, tmp_path: Path) -> None:
    plain, _ = frozen_below(workspace, tmp_path)
    pushed, read = frozen_below(workspace, tmp_path, **{"recipe.options.adversarial": 0.5})
    assert read == []
    assert pushed.parts["model.safetensors"] != plain.parts["model.safetensors"]
    assert pushed.scores["accuracy"].value > 0.9


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 6), min_size=1, max_size=12), st.integers(0, 10_000), st.integers(0, 10_000))
def test_whatever_a_crash_left_a_key_has_its_own_rows(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], index_bytes: int, row_bytes: int
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    new = {bytes([n]) * 32: np.full((count, WIDTH), n, np.float16) for n, count in enumerate(counts)}
    RowFiles(folder, "base", WIDTH).append(new)
    index, rows = folder / "base.index", folder / "base.rows"
    os.truncate(index, index_bytes % (1 + index.stat().st_size))
    os.truncate(rows, row_bytes % (1 + rows.stat().st_size))
    files = RowFiles(folder, "base", WIDTH)
    held = files.places()
    files.append({key: made for key, made in new.items() if key not in held})
    again = RowFiles(folder, "base", WIDTH)
    stored = again.rows()
    assert set(again.places()) == set(new)
    for key, (first, count) in again.places().items():
        assert np.array_equal(stored[first : first + count], new[key])


def test_two_writers_of_which_one_is_killed_leave_right_rows(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(n)]) for n in range(2)]
    time.sleep(0.7)
    writers[0].kill()
    writers[0].wait()
    assert writers[1].wait(60) == 0
    files = RowFiles(tmp_path, "base", WIDTH)
    stored, entries = files.rows(), np.fromfile(tmp_path / "base.index", ENTRY)
    assert len(entries) > 50
    for first, count in files.places().values():
        rows = stored[first : first + count]
        assert not count or (rows == rows[0, 0]).all()
        assert not count or rows[0, 0] % 5 == count


def test_what_was_used_longest_ago_goes_first_and_what_is_in_use_stays(tmp_path: Path) -> None:
    for name in ("old", "older", "new"):
        with in_use(tmp_path, name):
            (tmp_path / f"{name}.rows").write_bytes(b"x" * 100)
            (tmp_path / f"{name}.index").write_bytes(b"x" * 10)
    for age, name in ((30, "older"), (20, "old")):
        at = time.time() - age
        os.utime(tmp_path / f"{name}.used", (at, at))
    trim(tmp_path, 330)
    assert len(list(tmp_path.glob("*.rows"))) == 3
    with in_use(tmp_path, "old"):
        at = time.time() - 25
        os.utime(tmp_path / "old.used", (at, at))
        trim(tmp_path, 120)
    assert sorted(path.name for path in tmp_path.glob("*.rows")) == ["old.rows"]
