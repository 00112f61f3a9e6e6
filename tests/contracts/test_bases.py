"""Every base there is keeps every promise of the contract."""

from __future__ import annotations

import pytest

from tuneworks.core import registry
from tuneworks.testing.bases import CHECKS, Sample


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", registry.names("bases"))
def test_a_base_keeps_its_promises(name: str, check, samples: dict[str, Sample]) -> None:
    check(registry.load("bases", name), samples[name])
