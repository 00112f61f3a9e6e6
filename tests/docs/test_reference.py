"""The reference pages say what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import ROOT
from tests.docs.reference import KINDS, written
from tuneworks.core import registry

WRITTEN = written()


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_the_page_is_what_the_code_says(page: Path) -> None:
    stored = page.read_text(encoding="utf-8") if page.is_file() else "(missing)"
    assert stored == WRITTEN[page], f"{page.relative_to(ROOT)} is out of date: make docs"


def test_every_kind_of_plugin_is_in_the_reference() -> None:
    assert set(KINDS) == set(registry.CONTRACT_OF)
