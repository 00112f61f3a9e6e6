"""Every task there is keeps every promise of the contract."""

from __future__ import annotations

import pytest

from tuneworks.core import registry
from tuneworks.testing.tasks import CHECKS


def test_there_are_tasks() -> None:
    assert len(registry.names("tasks")) >= 2


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", registry.names("tasks"))
def test_a_task_keeps_its_promises(name: str, check) -> None:
    check(registry.load("tasks", name))
