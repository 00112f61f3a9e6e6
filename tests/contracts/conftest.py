"""Small bases for the contracts of what is tuned."""

from __future__ import annotations

import pytest

from tests.tiny import tiny_samples
from tuneworks.testing.bases import Sample


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Sample]:
    """An address and values for every base: base name -> sample."""
    return tiny_samples(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def addresses(samples: dict[str, Sample]) -> dict[str, str]:
    """An address for every base: base name -> address."""
    return {name: sample.address for name, sample in samples.items()}
