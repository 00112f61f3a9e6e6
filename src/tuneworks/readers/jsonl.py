"""JSON lines, one object a line, and JSON files that are one list of objects."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tuneworks.core.asking import Reader, Row
from tuneworks.core.events import Listener, silent, tell
from tuneworks.language.encodings import first_text
from tuneworks.language.text_files import format_text, read_text
from tuneworks.readers._json import objects_in

SUFFIXES = {".jsonl", ".ndjson", ".json"}
ALSO_BY_CONTENT = {".txt", ".csv", ".tsv", ""}


class Jsonl(Reader):
    """Reads one JSON object a line, or one list of objects."""

    def accepts(self, path: Path, head: bytes) -> bool:
        suffix = path.suffix.lower()
        return suffix in SUFFIXES or (suffix in ALSO_BY_CONTENT and first_text(head).lstrip().startswith(("{", "[")))

    def rows(self, path: Path, listener: Listener = silent) -> Iterator[Row]:
        decoded = read_text(path)
        tell(listener, "format", format_text(decoded))
        return objects_in(path, decoded.text, listener)
