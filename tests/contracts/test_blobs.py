"""Every place for blobs on this machine keeps the promises of the contract; others have servers in ``tests/blobs``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tuneworks.core import registry
from tuneworks.testing.blobs import CHECKS, blobs_named

NAMES = [name for name in registry.names("blobs") if not registry.constant("blobs", name, "shared")]


def test_there_is_a_place_for_blobs() -> None:
    assert NAMES


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_a_place_for_blobs_keeps_its_promises(name: str, check, tmp_path: Path) -> None:
    check(blobs_named(name), tmp_path)
