"""Every method there is keeps every promise of the contract."""

from __future__ import annotations

import pytest

from tuneworks.core import registry
from tuneworks.testing.methods import CHECKS


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("base", registry.names("bases"))
@pytest.mark.parametrize("name", registry.names("methods"))
def test_a_method_keeps_its_promises(name: str, base: str, check, addresses: dict[str, str]) -> None:
    check(registry.load("methods", name), addresses[base])
