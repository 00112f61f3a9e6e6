"""Examples in docstrings are true."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

from tests.house.source import PACKAGE, files, module_of

TAUGHT = [path for path in files() if ">>>" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", TAUGHT, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_examples_of_a_module_run(path: Path) -> None:
    result = doctest.testmod(importlib.import_module(module_of(path)))
    assert result.attempted > 0
    assert result.failed == 0
