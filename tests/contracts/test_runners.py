"""Every runner there is keeps every promise of the contract."""

from __future__ import annotations

import pytest

from tuneworks.core import registry
from tuneworks.testing.runners import CHECKS

NAMES = registry.names("runners")
SLOW = {"ray"}  # a cluster takes its time to start


def test_there_is_a_runner() -> None:
    assert NAMES


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.long] * (n in SLOW)) for n in NAMES])
def test_a_runner_keeps_its_promises(name: str, check) -> None:
    check(registry.load("runners", name)())
