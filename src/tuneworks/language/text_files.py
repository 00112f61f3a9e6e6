"""Text files: read whole, refused when they are something else, and errors that name the place."""

from __future__ import annotations

import difflib
from pathlib import Path

from tuneworks.core.errors import NotFound, UnreadableFile
from tuneworks.core.text import Text
from tuneworks.language.encodings import Decoded, decode

LONGEST_FIELD = 1_000_000
BINARY_FORMATS = (
    (b"PK\x03\x04", Text("a ZIP archive", "ZIP 压缩包")),
    (b"PK\x05\x06", Text("an empty ZIP archive", "空的 ZIP 压缩包")),
    (b"\xd0\xcf\x11\xe0", Text("an old Office document (such as .xls)", "旧版 Office 文档（例如 .xls）")),
    (b"\x1f\x8b", Text("a gzip archive", "gzip 压缩文件")),
    (b"7z\xbc\xaf", Text("a 7-Zip archive", "7-Zip 压缩包")),
    (b"Rar!", Text("a RAR archive", "RAR 压缩包")),
    (b"%PDF-", Text("a PDF document", "PDF 文档")),
    (b"SQLite format 3\0", Text("an SQLite database", "SQLite 数据库")),
    (b"PAR1", Text("a Parquet file", "Parquet 文件")),
    (b"\x89PNG", Text("a PNG picture", "PNG 图片")),
    (b"\xff\xd8\xff", Text("a JPEG picture", "JPEG 图片")),
    (b"\x7fELF", Text("a program", "可执行程序")),
)
OFFICE = Text("an Excel workbook (.xlsx) or other Office document", "Excel 工作簿（.xlsx）或其他 Office 文档")


def read_text(path: Path) -> Decoded:
    """The whole file as text; raises ``NotFound`` or ``UnreadableFile``, an empty file among the latter."""
    data = _bytes(path)
    refuse_binary(path, data)
    decoded = decode(data, path)
    if not decoded.text.strip():
        raise unreadable(
            path,
            Text("the file is empty.", "文件是空的。"),
            Text("Give a file with rows in it.", "请提供含有数据行的文件。"),
        )
    return decoded


def unreadable(
    path: Path, problem: Text, fix: Text, line: int | None = None, column: int | None = None
) -> UnreadableFile:
    """An error that begins with the file and, where known, the line and column (both from 1)."""
    en, zh = str(path), str(path)
    if line is not None:
        en, zh = f"{en}, line {line}", f"{zh} 第 {line} 行"
    if column is not None:
        en, zh = f"{en}, column {column}", f"{zh}第 {column} 列"
    return UnreadableFile(Text(f"{en}: {problem.en}", f"{zh}：{problem.zh}"), fix)


def refuse_binary(path: Path, data: bytes) -> None:
    """Raise ``UnreadableFile`` when the first bytes are those of a known binary format, whatever the name says."""
    for magic, what in BINARY_FORMATS:
        if data.startswith(magic):
            office = magic.startswith(b"PK") and b"[Content_Types].xml" in data
            raise _binary(path, OFFICE if office else what)


def refuse_nul(path: Path, text: str) -> None:
    """Raise ``UnreadableFile`` at the first NUL character."""
    position = text.find("\0")
    if position >= 0:
        line, column = place(text, position)
        raise unreadable(
            path,
            Text("a NUL byte stands in the text.", "文本中含有 NUL 字节。"),
            Text(
                "The file is damaged or no text: export it again, or remove the NUL bytes: tr -d '\\000' < old > new",
                "文件已损坏或不是文本：请重新导出，或删除 NUL 字节：tr -d '\\000' < old > new",
            ),
            line,
            column,
        )


def place(text: str, position: int) -> tuple[int, int]:
    """Line and column, both from 1, of a character."""
    before = text[:position].replace("\r\n", "\n").replace("\r", "\n")
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def format_text(decoded: Decoded, separator: Text | None = None) -> Text:
    """How a file was read, for the listener: its encoding and what separates its columns."""
    mark = Text(" with byte order mark (removed)", "（已去除字节顺序标记）") if decoded.marked else Text("", "")
    en, zh = f"Read as {decoded.encoding}{mark.en}", f"按 {decoded.encoding} 读取{mark.zh}"
    if separator is not None:
        en, zh = f"{en}, columns separated by {separator.en}", f"{zh}，列以{separator.zh}分隔"
    return Text(en, zh)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise missing_file(path) from None
    except IsADirectoryError:
        raise unreadable(
            path,
            Text("this is a folder, not a file.", "这是一个文件夹，不是文件。"),
            Text("Give the files in it one by one.", "请逐个给出其中的文件。"),
        ) from None
    except OSError as error:
        raise unreadable(
            path,
            Text(f"the file cannot be opened: {error.strerror}.", f"无法打开文件：{error.strerror}。"),
            Text("Check that you may read it: ls -l", "请检查您是否有读取权限：ls -l"),
        ) from error


def missing_file(path: Path) -> NotFound:
    """The error for a file that does not exist, with files of the same folder that have a similar name."""
    near = _similar(path)
    return NotFound(
        Text(f"There is no file {path}.", f"文件 {path} 不存在。"),
        Text(f"Did you mean: {near}?", f"您是否想用：{near}？")
        if near
        else Text(f"Check the path; the current folder is {Path.cwd()}.", f"请检查路径；当前文件夹是 {Path.cwd()}。"),
    )


def _similar(path: Path) -> str:
    folder = path.parent
    names = sorted(p.name for p in folder.iterdir() if p.is_file()) if folder.is_dir() else []
    return ", ".join(difflib.get_close_matches(path.name, names, n=3))


def _binary(path: Path, what: Text) -> UnreadableFile:
    return unreadable(
        path,
        Text(f"this is {what.en}, not a text file.", f"这是{what.zh}，不是文本文件。"),
        Text(
            "Unpack an archive first; a workbook must end in .xlsx (Excel: Save As), a Parquet file in .parquet.",
            "压缩包请先解压；工作簿的扩展名应为 .xlsx（Excel：另存为），Parquet 文件应为 .parquet。",
        ),
    )
