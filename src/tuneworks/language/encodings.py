"""Bytes as text: a fixed order of encodings, each taken only when it fits without doubt.

The order: byte order mark; strict UTF-8; UTF-16 by its pattern of NUL bytes; strict GB18030 whose characters are
mostly those of GB 2312. Anything else is refused rather than guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tuneworks.core.errors import UnreadableFile
from tuneworks.core.text import Text

BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "UTF-8", "utf-8"),
    (b"\xff\xfe\x00\x00", "UTF-32 LE", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "UTF-32 BE", "utf-32-be"),
    (b"\xff\xfe", "UTF-16 LE", "utf-16-le"),
    (b"\xfe\xff", "UTF-16 BE", "utf-16-be"),
)
LEAST_NUL_SHARE_OF_ASCII = 0.3
LEAST_COMMON_CHINESE_SHARE = 0.7


@dataclass(frozen=True)
class Decoded:
    """A file's text, the encoding it was in, and whether a byte order mark stood before it."""

    text: str
    encoding: str
    marked: bool = False


def decode(data: bytes, path: Path) -> Decoded:
    """The text of a file's bytes; raises ``UnreadableFile`` where no encoding fits."""
    for mark, name, codec in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return Decoded(_marked(data[len(mark) :], codec, name, path), name, marked=True)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        found = _sixteen_bits(data, least_share=0.0) or _chinese(data)
        if found is None:
            raise _unknown(path, *place_of_byte(data, error.start), data[error.start]) from None
        return found
    wide = _sixteen_bits(data, LEAST_NUL_SHARE_OF_ASCII) if "\0" in text else None
    return wide or Decoded(text, "UTF-8")


def first_text(head: bytes) -> str:
    """The beginning of a file as far as it can be read: good enough to recognise a format, never to keep."""
    for mark, _, codec in BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return head[len(mark) :].decode(codec, "ignore")
    wide = _sixteen_bits(head[: len(head) // 2 * 2], LEAST_NUL_SHARE_OF_ASCII)
    return wide.text if wide else head.decode("utf-8", "replace")


def place_of_byte(data: bytes, position: int) -> tuple[int, int]:
    """Line and column, both from 1, of a byte in UTF-8 data that is sound up to there."""
    before = data[:position]
    line_start = max(before.rfind(b"\n"), before.rfind(b"\r")) + 1
    line = before.count(b"\n") or before.count(b"\r")
    return line + 1, len(before[line_start:].decode("utf-8", "replace")) + 1


def _marked(data: bytes, codec: str, name: str, path: Path) -> str:
    try:
        return data.decode(codec)
    except UnicodeDecodeError as error:
        raise UnreadableFile(
            Text(
                f"{path}: the file begins with the mark of {name}, but byte {error.start + 1} is not {name}.",
                f"{path}：文件以 {name} 的字节顺序标记开头，但第 {error.start + 1} 个字节不是合法的 {name}。",
            ),
            Text(
                "The file was cut off or mixed from two encodings: save it again as UTF-8 from its source.",
                "文件可能被截断，或混用了两种编码：请从来源重新保存为 UTF-8。",
            ),
        ) from None


def _sixteen_bits(data: bytes, least_share: float) -> Decoded | None:
    """UTF-16 without a mark: ASCII characters leave NULs on one side of the byte pairs."""
    even, odd = data[0::2].count(0), data[1::2].count(0)
    if not data or max(even, odd) <= 2 * min(even, odd) or even + odd < least_share * len(data):
        return None
    name, codec = ("UTF-16 LE", "utf-16-le") if odd > even else ("UTF-16 BE", "utf-16-be")
    try:
        text = data.decode(codec)
    except UnicodeDecodeError:
        return None
    lines = "\n" in text or "\r" in text
    return Decoded(text, name) if lines and not any(c < " " and c not in "\t\r\n" for c in set(text)) else None


def _chinese(data: bytes) -> Decoded | None:
    """GB18030, when most of its characters beyond ASCII are the everyday ones of GB 2312."""
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError:
        return None
    beyond = "".join(character for character in text if character > "\x7f")
    common = len(beyond.encode("gb2312", "ignore")) / 2
    return Decoded(text, "GB18030") if common >= LEAST_COMMON_CHINESE_SHARE * len(beyond) else None


def _unknown(path: Path, line: int, column: int, byte: int) -> UnreadableFile:
    return UnreadableFile(
        Text(
            f"{path}, line {line}, column {column}: byte 0x{byte:02X} is not UTF-8,"
            " and the file fits neither UTF-16 nor GB18030.",
            f"{path} 第 {line} 行第 {column} 列：字节 0x{byte:02X} 不是合法的 UTF-8，文件也不是 UTF-16 或 GB18030。",
        ),
        Text(
            "Save it as UTF-8 (Excel: Save As, CSV UTF-8), or convert it from its own encoding,"
            " for example: iconv -f BIG5 -t UTF-8 old.csv > new.csv",
            "请将其另存为 UTF-8（Excel：另存为“CSV UTF-8”），或从原编码转换，"
            "例如：iconv -f BIG5 -t UTF-8 old.csv > new.csv",
        ),
    )
