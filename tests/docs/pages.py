"""Documentation pages as blocks of code that can be run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)")
SKIP = re.compile(r"<!-- skip: (?P<reason>.+?) -->")
RUN = ("bash", "python")
SHOWN = ("text", "console", "toml", "json", "csv", "yaml", "http")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its first line's number, its code, and why it is not run if it is not."""

    language: str
    line: int
    code: str
    skipped: str | None = None


def pages() -> list[Path]:
    """Every page a user reads, in alphabetical order."""
    return sorted([*ROOT.glob("README*.md"), *(ROOT / "docs").rglob("*.md")])


def blocks(text: str) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    lines = iter(enumerate(text.splitlines(), start=1))
    before = ""
    for number, line in lines:
        fence = FENCE.match(line)
        if fence:
            skip = SKIP.search(before)
            yield Block(fence["language"], number + 1, _code(lines, fence["indent"]), skip["reason"] if skip else None)
        before = line


def _code(lines: Iterator[tuple[int, str]], indent: str) -> str:
    code = []
    for _, line in lines:
        if line.startswith(f"{indent}```"):
            break
        code.append(line.removeprefix(indent))
    return "\n".join(code) + "\n"
