"""Every method there is keeps every promise of the contract."""

from __future__ import annotations

import pytest

from tuneworks.core import registry
from tuneworks.testing.methods import CHECKS


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", registry.names("methods"))
def test_a_method_keeps_its_promises(name: str, check, addresses: dict[str, str]) -> None:
    method = registry.load("methods", name)
    check(method, addresses["text-encoder" if method.needs_network else "ngrams"])
