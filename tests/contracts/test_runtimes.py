"""Every runtime there is keeps every promise of the contract, on every base it runs."""

from __future__ import annotations

import pytest

from tuneworks.core import registry
from tuneworks.testing.runtimes import CHECKS

PAIRS = [
    (runtime, base)
    for runtime in registry.names("runtimes")
    for base in registry.names("bases")
    if registry.load("bases", base).runtime in registry.load("runtimes", runtime).runs
]
NEAR = [(runtime, base) for runtime, base in PAIRS if not registry.load("runtimes", runtime).far]


def test_every_runtime_runs_a_base() -> None:
    assert {runtime for runtime, _ in PAIRS} == set(registry.names("runtimes"))


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize(("runtime", "base"), NEAR)
def test_a_runtime_keeps_its_promises(runtime: str, base: str, check, addresses: dict[str, str]) -> None:
    check(registry.load("runtimes", runtime), addresses[base])
