"""Every detector, found by listing the folder, holds to the detectors' contract."""

from __future__ import annotations

import pytest

from tuneworks.core import registry
from tuneworks.testing.detectors import check_detector


@pytest.mark.parametrize("name", registry.names("detectors"))
def test_a_detector_holds_to_its_contract(name: str) -> None:
    check_detector(registry.load("detectors", name)())
