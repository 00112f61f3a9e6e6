"""Character n-grams: learnt from training rows alone, the same for every script, aware of a unit's surroundings."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tuneworks.bases.ngrams import Ngrams
from tuneworks.core.contracts import LoadedBase
from tuneworks.core.events import silent
from tuneworks.language.segments import units

TEXTS = ("my parcel is late", "my parcel is lost", "包裹什么时候到", "包裹丢了")


def state_of(*texts: str | None) -> bytes:
    files = Ngrams().fit("ngrams", texts, options={}, cache=Path("unused"), listener=silent)
    return bytes(files["ngrams.json"])


def loaded(folder: Path, *texts: str | None) -> LoadedBase:
    path = folder / "ngrams.json"
    path.write_bytes(state_of(*texts))
    return Ngrams().load({"ngrams.json": path})


def test_only_what_occurs_in_two_training_rows_is_counted() -> None:
    grams = json.loads(state_of(*TEXTS))["grams"]
    assert {"parc", "包裹", "my"} <= set(grams)
    assert not {"late", "lost", "丢了"} & set(grams)
    assert max(map(len, grams)) == 4


def test_a_vocabulary_is_the_same_every_time() -> None:
    assert state_of(*TEXTS) == state_of(*TEXTS)
    assert state_of(*TEXTS) != state_of(*TEXTS[:2])


def test_rows_that_share_nothing_still_make_a_base(tmp_path: Path) -> None:
    for texts in (("abc", "xyz"), ("", None), ()):
        made = loaded(tmp_path, *texts).features(["abc", "", "never seen 中"])
        assert made.shape[0] == 3
        assert np.isfinite(made.toarray()).all()


def test_writing_that_means_the_same_has_the_same_features(tmp_path: Path) -> None:
    base = loaded(tmp_path, *TEXTS)
    first, second = base.features(["My  PARCEL"]), base.features(["ｍｙ parcel\n"])
    assert (first != second).nnz == 0


def test_features_have_norm_one_or_nothing(tmp_path: Path) -> None:
    made = loaded(tmp_path, *TEXTS).features([*TEXTS, "", "zzz 😀"])
    norms = np.sqrt(np.asarray(made.multiply(made).sum(axis=1))).ravel()
    assert np.allclose(norms[:4], 1, atol=1e-5)
    assert norms[4] == 0


def test_a_unit_knows_its_surroundings(tmp_path: Path) -> None:
    base = loaded(tmp_path, *TEXTS)
    texts = ["my parcel is", "parcel"]
    made = base.features(texts, [units(text) for text in texts]).toarray()
    half = made.shape[1] // 2
    assert (made[1, :half] == made[3, :half]).all()
    assert (made[1, half:] != made[3, half:]).any()
