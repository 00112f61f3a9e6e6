"""Every store there is keeps every promise of the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from tuneworks.core import registry
from tuneworks.testing.stores import CHECKS, store_named

NAMES = registry.names("stores")


def test_there_is_a_store() -> None:
    assert NAMES


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", NAMES)
def test_a_store_keeps_its_promises(name: str, check, tmp_path: Path) -> None:
    check(store_named(name), tmp_path)
