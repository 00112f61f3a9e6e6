"""What tests of several rooms start once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.warm import Warm


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """A Python that has imported everything, from which programs are forked."""
    made = Warm()
    yield made
    made.stop()
