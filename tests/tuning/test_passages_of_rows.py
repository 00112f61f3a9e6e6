"""Rows of one document are learnt together as passages: nothing is lost, nothing crosses a document or a split."""

from __future__ import annotations

from typing import Any

import pytest

from tuneworks.core import registry
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.types import Column, TaskSpec
from tuneworks.flows.plan_run import split_rows

COLUMNS = (
    Column("text", "text"),
    Column("spans", "spans"),
    Column("document", "category"),
    Column("split", "category"),
)


def row(text: str, document: str | None, split: str = "train") -> dict[str, Any]:
    name = text.split()[0]
    return {
        "text": text,
        "spans": [{"start": 0, "end": len(name), "label": "PER"}],
        "document": document,
        "split": split,
    }


ROWS = [
    row("Ann left", "a"),
    row("Bo came late", "a"),
    row("Cy slept", "b"),
    row("Di ran", None),
    row("Ed sat", None),
    row("Flo sang", "c", "validation"),
    row("Gus danced", "c", "test"),
]


def parts_of(**options: Any) -> dict[str, list[Any]]:
    task = registry.load("tasks", "token-classification")()
    spec, parts = split_rows(
        task, TaskSpec(task="token-classification", options={"document": "document", **options}), COLUMNS, ROWS
    )
    assert sum(len(task.examples(spec, rows).rows) for rows in parts.values())
    return parts


def test_neighbours_of_one_document_and_split_are_read_together() -> None:
    parts = parts_of()
    assert [made["text"] for made in parts["train"]] == ["Ann left\nBo came late", "Cy slept", "Di ran", "Ed sat"]
    assert [made["text"] for made in parts["validation"]] == ["Flo sang"]


def test_every_span_stands_where_its_name_does() -> None:
    for rows in parts_of().values():
        for made in rows:
            names = [made["text"][span["start"] : span["end"]] for span in made["spans"]]
            assert names == [line.split()[0] for line in made["text"].split("\n")]


@pytest.mark.parametrize(("passage", "train"), [(1, 5), (4, 5), (5, 4)])
def test_a_passage_is_no_longer_than_asked(passage: int, train: int) -> None:
    assert len(parts_of(passage=passage)["train"]) == train


def test_a_document_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidConfig, match="chapter"):
        parts_of(document="chapter")
