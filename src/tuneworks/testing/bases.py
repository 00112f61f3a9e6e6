"""What every base must keep to: the public contract suite, plain functions with asserts.

``check_base(base_class, sample)`` runs all of it on a ``Sample``: an address the base serves, and values to learn from.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tuneworks.core.contracts import Base, LoadedBase
from tuneworks.core.events import silent
from tuneworks.language.segments import units

TOLERANCE = 1e-4
NONSENSE = ("", "nonsense", "pkg:", ":", "ftp:somewhere")
ODD = (
    "",
    " ",
    "\n\t\u200b",
    "\x00",
    "😀👍🏽",
    "Ｆｕｌｌ　ｗｉｄｔｈ，！",
    "e\u0301 \u202eright to left",
    "word " * 3000,
    "北京" * 1500,
    "x" * 20_000,
)


@dataclass(frozen=True)
class Sample:
    """What a base is tried on: an address it serves, the kind of column it reads, and values to learn from."""

    address: str
    values: Sequence[Any]
    kind: str = "text"


def check_base(base_class: type[Base], sample: Sample) -> None:
    """Every promise of the contract."""
    for check in CHECKS:
        check(base_class, sample)


def files_of(base: Base, sample: Sample, folder: Path) -> dict[str, Path]:
    """The base's fitted files, those made of bytes written into the folder."""
    made: dict[str, Path] = {}
    fitted = base.fit(sample.address, sample.values, options={}, cache=folder / "cache", listener=silent)
    for name, part in fitted.items():
        made[name] = part if isinstance(part, Path) else folder / name
        if isinstance(part, bytes):
            made[name].write_bytes(part)
    return made


def check_an_address_is_recognised(base_class: type[Base], sample: Sample) -> None:
    """The base accepts its own address on a column of its kind, and no nonsense."""
    base = base_class()
    assert base.accepts(sample.address, sample.kind)
    assert not base.accepts(sample.address, "spans")
    assert [wrong for wrong in NONSENSE if base.accepts(wrong, sample.kind)] == []


def check_files_make_the_base(base_class: type[Base], sample: Sample) -> None:
    """Fitting gives files that loading reads, wherever they were copied to; equal files have equal fingerprints."""
    with tempfile.TemporaryDirectory() as place:
        files = files_of(base_class(), sample, Path(place))
        assert files
        assert all(name == Path(name).name and path.is_file() for name, path in files.items())
        copied = {name: Path(place) / f"copy-{name}" for name in files}
        for name, path in copied.items():
            path.write_bytes(files[name].read_bytes())
        first, second = base_class().load(files), base_class().load(copied)
        assert first.fingerprint == second.fingerprint
        assert _close(first.features(sample.values), second.features(sample.values))
        assert set(first.files) & files.keys() or not first.files


def check_features_are_rows_of_numbers(base_class: type[Base], sample: Sample) -> None:
    """Features are finite, one row a value, of the width the base states; no values give no rows."""
    with tempfile.TemporaryDirectory() as place:
        loaded = _loaded(base_class, sample, place)
        made = loaded.features(sample.values)
        assert made.shape[0] == len(sample.values)
        assert np.isfinite(_dense(made)).all()
        assert made.dtype == np.float32
        assert loaded.width in (None, made.shape[1])
        assert loaded.features([]).shape == (0, made.shape[1])


def check_odd_texts_are_read(base_class: type[Base], sample: Sample) -> None:
    """Empty, blank, endless and exotic texts, and a missing one, have features too, whole and by units."""
    if sample.kind != "text":
        return
    with tempfile.TemporaryDirectory() as place:
        loaded = _loaded(base_class, sample, place)
        made = _dense(loaded.features([*ODD, None]))
        assert made.shape[0] == len(ODD) + 1
        assert np.isfinite(made).all()
        assert _close(made[:1], made[-1:])
        spans = [units(text) for text in ODD]
        by_unit = _dense(loaded.features(list(ODD), spans))
        assert by_unit.shape[0] == sum(map(len, spans))
        assert np.isfinite(by_unit).all()
        assert len(loaded.truncated(ODD)) == len(ODD)


def check_batch_mates_change_nothing(base_class: type[Base], sample: Sample) -> None:
    """A value has the same features alone, among others and in any order."""
    with tempfile.TemporaryDirectory() as place:
        loaded = _loaded(base_class, sample, place)
        values = list(sample.values)
        others = ["x " * 200, ""] if sample.kind == "text" else values[:2]
        together = _dense(loaded.features([*values, *others]))[: len(values)]
        backwards = _dense(loaded.features(values[::-1]))[::-1]
        alone = np.concatenate([_dense(loaded.features([value])) for value in values])
        assert _close(together, alone)
        assert _close(backwards, alone)


def check_units_have_a_row_each(base_class: type[Base], sample: Sample) -> None:
    """With units there is one row a unit in their order, the same alone as among others; texts may have none."""
    if sample.kind != "text":
        return
    with tempfile.TemporaryDirectory() as place:
        loaded = _loaded(base_class, sample, place)
        texts = [*map(str, sample.values), ""]
        spans = [units(text) for text in texts]
        made = _dense(loaded.features(texts, spans))
        assert made.shape[0] == sum(map(len, spans))
        alone = np.concatenate([_dense(loaded.features([t], [s])) for t, s in zip(texts, spans, strict=True)])
        assert _close(made, alone)
        assert loaded.features([""], [[]]).shape == (0, made.shape[1])
        assert loaded.features([], []).shape == (0, made.shape[1])


def check_a_network_is_offered_or_refused(base_class: type[Base], sample: Sample) -> None:
    """A base with a network gives a fresh one each time; one without says so."""
    with tempfile.TemporaryDirectory() as place:
        loaded = _loaded(base_class, sample, place)
        if loaded.has_network:
            assert loaded.network() is not loaded.network()
            assert list(loaded.network().parameters())
        else:
            with pytest.raises(TypeError):
                loaded.network()


def _loaded(base_class: type[Base], sample: Sample, place: str) -> LoadedBase:
    files: Mapping[str, Path] = files_of(base_class(), sample, Path(place))
    return base_class().load(files)


def _dense(block: Any) -> np.ndarray:
    return np.asarray(block.todense() if hasattr(block, "todense") else block)


def _close(first: Any, second: Any) -> bool:
    return np.allclose(_dense(first), _dense(second), atol=TOLERANCE)


CHECKS = tuple(check for name, check in list(globals().items()) if name.startswith("check_") and name != "check_base")
