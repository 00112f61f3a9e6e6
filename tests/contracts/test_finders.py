"""Every finder there is keeps every promise of the contract."""

from __future__ import annotations

import pytest

from tuneworks.core import registry
from tuneworks.testing.finders import CHECKS


def test_there_are_finders() -> None:
    assert len(registry.names("finders")) >= 7


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", registry.names("finders"))
def test_a_finder_keeps_its_promises(name: str, check) -> None:
    check(registry.load("finders", name)())
