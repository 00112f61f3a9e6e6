"""Small bases for the contracts of what is tuned."""

from __future__ import annotations

import pytest

from tests.tiny import tiny_addresses


@pytest.fixture(scope="session")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An address for every base: base name -> address."""
    return tiny_addresses(tmp_path_factory.mktemp("tiny"))
