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
STRUCTURE, STRUCTURE_SWAPPED = '\r\n",', "\u0d00\u0a00\u2200\u2c00"
LEAST_COMMON_CHINESE_SHARE = 0.7
MOST_KANA_SHARE = 0.1
LEAST_EVERYDAY_SHARE, ENOUGH_CHARACTERS = 0.15, 40
EVERYDAY = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然"
    "家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把"
    "机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果"
    "加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔"
    "更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展"
    "马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共"
    "确传师观清今切院让识候带导争运服店价钱货房快买卖差质退评订客单酒餐宾早干净态速办坏喜欢"
)


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
    """UTF-16 without a mark: its ASCII characters hold NUL bytes, and only in the right order are they ASCII."""
    if not data or data.count(0) < max(1, least_share * len(data)):
        return None
    for name, codec in (("UTF-16 LE", "utf-16-le"), ("UTF-16 BE", "utf-16-be")):
        try:
            text = data.decode(codec)
        except UnicodeDecodeError:
            continue
        if _count(text, STRUCTURE) > _count(text, STRUCTURE_SWAPPED) and _is_clean(text):
            return Decoded(text, name)
    return None


def _count(text: str, characters: str) -> int:
    return sum(map(text.count, characters))


def _is_clean(text: str) -> bool:
    return not any(character < " " and character not in "\t\r\n" for character in set(text))


def _chinese(data: bytes) -> Decoded | None:
    """GB18030, when it reads as Chinese: nearly any bytes of another East Asian encoding are GB18030 in form."""
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError:
        return None
    beyond = "".join(character for character in text if character > "\x7f")
    return Decoded(text, "GB18030") if _reads_as_chinese(beyond) else None


def _reads_as_chinese(text: str) -> bool:
    """Most characters are in GB 2312, few are Japanese syllables, and the everyday ones are among them.

    Of Chinese prose a half to three quarters are everyday characters, of misread Korean or Japanese about a tenth.
    """
    common = len(text.encode("gb2312", "ignore")) / 2
    kana = sum("\u3041" <= character <= "\u30ff" for character in text)
    ideographs = [character for character in text if "\u4e00" <= character <= "\u9fff"]
    everyday = sum(character in EVERYDAY for character in ideographs)
    return (
        common >= LEAST_COMMON_CHINESE_SHARE * len(text)
        and kana <= MOST_KANA_SHARE * len(text)
        and (len(ideographs) < ENOUGH_CHARACTERS or everyday >= LEAST_EVERYDAY_SHARE * len(ideographs))
    )


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
