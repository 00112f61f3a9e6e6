"""Files and functions stay small enough to be read at one sitting; an exception says why where it stands."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.source import PACKAGE, files, none_of, tree_of

FILE_LINES = 300
FUNCTION_LINES = 40
WHY = "# long because"
"""A file or function over the limit carries a line ``# long because <reason>``."""


def too_long(path: Path) -> Iterator[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    if len(lines) > FILE_LINES and not _excused(lines[:10]):
        yield f"{path.name}: {len(lines)} lines"
    for node in ast.walk(tree_of(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            first, last = node.lineno, node.end_lineno or node.lineno
            if last - first + 1 > FUNCTION_LINES and not _excused(lines[first - 1 : last]):
                yield f"{path.name}:{first}: {node.name} has {last - first + 1} lines"


def _excused(lines: list[str]) -> bool:
    return any(line.partition(WHY)[2].strip() for line in lines)


def test_files_and_functions_are_short() -> None:
    none_of(line for path in files() for line in too_long(path))


def test_every_file_begins_with_what_it_is() -> None:
    none_of(str(path.relative_to(PACKAGE)) for path in files() if not ast.get_docstring(tree_of(path)))


@pytest.mark.parametrize("reason", ["", "  # long because a table must stay whole\n"])
def test_a_long_function_needs_a_reason(reason: str, tmp_path: Path) -> None:
    path = tmp_path / "long.py"
    path.write_text("def long():\n" + reason + "  x = 1\n" * FUNCTION_LINES)
    assert list(too_long(path)) == ([] if reason else [f"long.py:1: long has {FUNCTION_LINES + 1} lines"])
