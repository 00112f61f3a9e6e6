"""Where networks run is decided in one place, and said plainly where it cannot be."""

from __future__ import annotations

import pytest
import torch

from tuneworks.core.errors import InvalidConfig
from tuneworks.neural import devices


@pytest.fixture(autouse=True)
def undecided():
    devices.device.cache_clear()
    yield
    devices.device.cache_clear()


def test_the_accelerator_is_used_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(devices.VARIABLE, raising=False)
    found = torch.accelerator.current_accelerator(check_available=True)
    assert devices.device().type == ("cpu" if found is None else found.type)


def test_the_user_can_choose_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(devices.VARIABLE, "cpu")
    assert devices.device() == torch.device("cpu")
    assert devices.workers() == torch.get_num_threads()


@pytest.mark.parametrize("named", ["quantum", "meta", ""])
def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.setenv(devices.VARIABLE, named)
    with pytest.raises(InvalidConfig, match=devices.VARIABLE):
        devices.device()
