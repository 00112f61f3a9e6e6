"""Every base there is keeps every promise of the contract."""

from __future__ import annotations

import pytest

from tuneworks.core import registry
from tuneworks.testing.bases import CHECKS

VALUES = ("where is my parcel", "The courier is late!", "包裹什么时候到", "我在北京工作", "i paid twice 42", "到")


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", registry.names("bases"))
def test_a_base_keeps_its_promises(name: str, check, addresses: dict[str, str]) -> None:
    check(registry.load("bases", name), addresses[name], VALUES)
