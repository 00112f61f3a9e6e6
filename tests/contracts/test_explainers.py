"""Every explainer, found by listing the folder, holds to the explainers' contract."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from tuneworks.core import registry
from tuneworks.core.explaining import Question
from tuneworks.testing.explainers import CHECKS, sample_questions


@pytest.fixture(scope="module")
def questions(addresses: dict[str, str]) -> Iterator[Sequence[Question]]:
    """Models of texts, tables and images, with and without a network."""
    read = [addresses[base] for base in ("ngrams", "text-encoder", "columns", "image-encoder")]
    with sample_questions(read) as asked:
        yield asked


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", registry.names("explainers"))
def test_an_explainer_keeps_its_promises(name: str, check, questions: Sequence[Question]) -> None:
    check(registry.load("explainers", name), questions)
