"""Parquet files: typed columns, as data warehouses and notebooks write them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from tuneworks.core.asking import Reader, Row
from tuneworks.core.events import Listener, silent, tell
from tuneworks.core.registry import missing_extra
from tuneworks.core.text import Text
from tuneworks.language.text_files import missing_file, unreadable

try:
    import polars
except ModuleNotFoundError:  # which files it reads is asked before it is needed
    polars = None  # type: ignore[assignment]

SUFFIXES = {".parquet", ".pq"}
MARK = b"PAR1"


class Parquet(Reader):
    """Reads one Parquet file; times become ISO 8601, lists and records stay what they are."""

    def accepts(self, path: Path, head: bytes) -> bool:
        return path.suffix.lower() in SUFFIXES or (path.suffix == "" and head.startswith(MARK))

    def rows(self, path: Path, listener: Listener = silent) -> Iterator[Row]:
        frame = _frame(path)
        tell(
            listener,
            "format",
            Text(
                f"Read as Parquet, {frame.height} rows of {frame.width} columns",
                f"按 Parquet 读取，{frame.height} 行 {frame.width} 列",
            ),
        )
        for name, kind in frame.schema.items():
            _must_be_readable(path, name, kind)
        for row in frame.iter_rows(named=True):
            yield {name: plain(value) for name, value in row.items()}


def plain(value: Any) -> Any:
    """A value as JSON knows it: times as ISO 8601, decimals as numbers."""
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    convert = CONVERSIONS.get(type(value))
    return convert(value) if convert else value


CONVERSIONS: Mapping[type, Callable[[Any], Any]] = {
    datetime: datetime.isoformat,
    date: date.isoformat,
    time: time.isoformat,
    Decimal: lambda value: int(value) if value == value.to_integral_value() else float(value),
}


def _frame(path: Path) -> Any:
    if polars is None:
        raise missing_extra("polars")
    try:
        with open(path, "rb") as file:
            if not file.read(len(MARK)):
                raise _damaged(path, Text("the file is empty", "文件是空的"))
        return polars.read_parquet(path, glob=False, hive_partitioning=False)
    except FileNotFoundError:
        raise missing_file(path) from None
    except OSError as error:
        raise _damaged(path, Text(f"it cannot be opened: {error.strerror}", f"无法打开：{error.strerror}")) from None
    except (polars.exceptions.PolarsError, polars.exceptions.PanicException, ValueError) as error:
        raise _damaged(path, _said(path, error)) from None


def _said(path: Path, error: BaseException) -> Text:
    """Why it could not be read: cut off, no Parquet at all, or what the library says of it."""
    data = path.read_bytes()
    if not data.startswith(MARK):
        return Text("it does not begin as a Parquet file does", "开头不是 Parquet 文件的标志")
    if not data.endswith(MARK):
        return Text("it is cut off: the end of a Parquet file is missing", "文件被截断，缺少 Parquet 文件的结尾")
    said = str(error).strip().split("\n")[0][:200]
    return Text(f"it is damaged ({said})", f"文件已损坏（{said}）")


def _damaged(path: Path, why: Text) -> Exception:
    return unreadable(
        path,
        Text(f"{why.en}.", f"{why.zh}。"),
        Text("Copy or export the file again, whole.", "请重新完整地复制或导出该文件。"),
    )


def _must_be_readable(path: Path, name: str, kind: Any) -> None:
    """Bytes, durations and a program's own objects have no form in a dataset."""
    if kind.base_type() in (polars.Binary, polars.Duration, polars.Object):
        raise unreadable(
            path,
            Text(
                f"the column {name!r} holds {kind}, which is no text, number or time.",
                f"列 {name!r} 的类型是 {kind}，不是文本、数字或时间。",
            ),
            Text("Convert the column when exporting, or leave it out.", "请在导出时转换该列，或将其去掉。"),
        )
