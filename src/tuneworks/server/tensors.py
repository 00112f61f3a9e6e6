"""Tensors of the Open Inference Protocol: columns of rows in, columns of answers out, as JSON or as bytes."""

from __future__ import annotations

import base64
import json
import struct
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from math import prod
from typing import Any, Union, get_args, get_origin, get_type_hints

from tuneworks.core.answers import Answer
from tuneworks.core.errors import InvalidInput
from tuneworks.core.records import to_plain
from tuneworks.core.text import Text

BYTES, FP64, INT64, BOOL = "BYTES", "FP64", "INT64", "BOOL"
CODES = {
    "BOOL": "?",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "FP16": "e",
    "FP32": "f",
    "FP64": "d",
}
"""How each fixed datatype is packed, little-endian; ``BYTES`` are lengths of four bytes, each before its own."""

DATATYPE_OF = {str: BYTES, float: FP64, int: INT64, bool: BOOL}
ANSWERS: Mapping[str, Any] = {answer.kind: answer for answer in get_args(Answer)}
NOTHING: Mapping[str, Any] = {BYTES: "", INT64: -1, BOOL: False, FP64: 0.0}
KIND_DATATYPES = {"number": FP64, "series": FP64}
WIDE = {"series": (-1,)}
"""Kinds of columns of which a row holds a list."""


@dataclass(frozen=True)
class Tensor:
    """A named array: its values flat, in row-major order."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    values: Sequence[Any]
    parameters: Mapping[str, Any] = field(default_factory=dict)


# -- in ----------------------------------------------------------------------------------------------


def read_tensor(said: Any, tail: memoryview) -> tuple[Tensor, memoryview]:
    """A tensor of a request, and what of the bytes behind the JSON is left for the next ones."""
    name, datatype, shape = _described(said)
    parameters = said.get("parameters") or {}
    size = parameters.get("binary_data_size") if isinstance(parameters, Mapping) else None
    if size is None:
        values = list(_flat(said.get("data")))
    elif isinstance(size, int) and 0 <= size <= len(tail):
        values, tail = _unpacked(name, datatype, tail[:size]), tail[size:]
    else:
        raise wrong(name, f"{size} bytes are announced", f"声明了 {size} 字节")
    if len(values) != prod(shape):
        raise wrong(
            name,
            f"it has {len(values)} values for the shape {list(shape)}",
            f"形状 {list(shape)} 却有 {len(values)} 个值",
        )
    if datatype != BYTES and not all(isinstance(value, (int, float)) for value in values):
        raise wrong(name, f"its data are not {datatype}", f"数据不是 {datatype}")
    return Tensor(name, datatype, shape, values), tail


def rows_of(tensors: Sequence[Tensor], kinds: Mapping[str, str]) -> list[dict[str, Any]]:
    """Rows of the columns that tensors are; ``kinds``: column -> what it is read as."""
    counts = {tensor.shape[0] for tensor in tensors}
    if len(counts) != 1:
        raise InvalidInput(
            Text(
                f"The inputs have {sorted(counts)} rows; they must have equally many.",
                f"各输入的行数为 {sorted(counts)}，应当相同。",
            ),
            Text("The first number of a shape counts the rows.", "形状的第一个数表示行数。"),
        )
    columns = {tensor.name: list(_column(tensor, kinds.get(tensor.name, "text"))) for tensor in tensors}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def input_of(column: str, kind: str) -> dict[str, Any]:
    """How a column is to be sent, for a model's description."""
    return {"name": column, "datatype": KIND_DATATYPES.get(kind, BYTES), "shape": [-1, *WIDE.get(kind, ())]}


def _described(said: Any) -> tuple[str, str, tuple[int, ...]]:
    if not isinstance(said, Mapping) or not isinstance(said.get("name"), str):
        raise wrong("?", "it is no object with a name", "不是带有 name 的对象")
    name, datatype, shape = said["name"], said.get("datatype"), said.get("shape")
    if datatype != BYTES and datatype not in CODES:
        raise wrong(name, f"the datatype {datatype!r} is not known", f"未知的数据类型 {datatype!r}")
    whole = isinstance(shape, list) and shape and all(type(size) is int and size >= 0 for size in shape)
    if not whole:
        raise wrong(name, f"{shape!r} is no shape", f"{shape!r} 不是形状")
    return name, str(datatype), tuple(shape or ())


def _flat(data: Any) -> Iterator[Any]:
    """The values of nested lists, whatever their depth."""
    waiting = [iter(data)] if isinstance(data, list) else []
    while waiting:
        value = next(waiting[-1], MISSING)
        if value is MISSING:
            waiting.pop()
        elif isinstance(value, list):
            waiting.append(iter(value))
        else:
            yield value


def _unpacked(name: str, datatype: str, data: memoryview) -> list[Any]:
    if datatype != BYTES:
        if len(data) % struct.calcsize(CODES[datatype]):
            raise wrong(name, f"{len(data)} bytes are no {datatype}", f"{len(data)} 字节不是 {datatype}")
        return [value for (value,) in struct.iter_unpack(f"<{CODES[datatype]}", data)]
    values, place = [], 0
    while place < len(data):
        (length,) = struct.unpack_from("<I", data, place) if place + 4 <= len(data) else (len(data),)
        place += 4
        if place + length > len(data):
            raise wrong(name, "its bytes end in the middle of a value", "字节在某个值的中间结束")
        values.append(bytes(data[place : place + length]))
        place += length
    return values


def _column(tensor: Tensor, kind: str) -> Iterator[Any]:
    width = prod(tensor.shape[1:])
    for row in range(tensor.shape[0]):
        cells = [_cell(tensor, value, kind) for value in tensor.values[row * width : (row + 1) * width]]
        yield cells[0] if len(cells) == 1 and kind not in WIDE else cells


def _cell(tensor: Tensor, value: Any, kind: str) -> Any:
    if kind == "image":
        return base64.b64encode(value).decode() if isinstance(value, bytes) else value
    if isinstance(value, bytes):
        try:
            value = value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise wrong(tensor.name, "its bytes are not UTF-8", "字节不是 UTF-8") from error
    if kind == "messages" and isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError) as error:
            raise wrong(tensor.name, "a conversation is sent as JSON", "对话应以 JSON 发送") from error
    return value


def wrong(name: str, en: str, zh: str) -> InvalidInput:
    """The error of a tensor that cannot be read."""
    return InvalidInput(
        Text(f"The tensor {name!r} cannot be read: {en}.", f"无法读取张量 {name!r}：{zh}。"),
        Text(
            'Send {"name": COLUMN, "shape": [ROWS], "datatype": "BYTES", "data": [...]}.',
            '请发送 {"name": 列名, "shape": [行数], "datatype": "BYTES", "data": [...]}。',
        ),
    )


# -- out ---------------------------------------------------------------------------------------------


def answer_tensors(answers: Sequence[Answer]) -> list[Tensor]:
    """A tensor for each field of answers of one kind."""
    made = []
    for name, form in forms_of(answers[0].kind).items():
        values = [getattr(answer, name) for answer in answers]
        if any(value is not None for value in values):
            made.append(form.tensor(name, values))
    return made


@dataclass(frozen=True)
class Form:
    """What a field of an answer is as a tensor: its datatype, and of how many dimensions a row of it has."""

    datatype: str
    depth: int = 0
    by_label: bool = False

    def tensor(self, name: str, values: Sequence[Any]) -> Tensor:
        """The field's values of all rows."""
        if self.by_label:
            return _by_label(name, values)
        if self.datatype == BYTES:
            return Tensor(name, BYTES, (len(values),), [_text(value) for value in values])
        shape: tuple[int, ...] = (len(values),)
        flat = [NOTHING[self.datatype] if value is None else value for value in values]
        for _ in range(self.depth):
            shape, flat = (*shape, len(flat[0])), [one for many in flat for one in many]
        return Tensor(name, self.datatype, shape, flat)


def _by_label(name: str, values: Sequence[Mapping[str, float]]) -> Tensor:
    """A number for each row and label; which column is which label stands in the parameters."""
    labels = list(values[0])
    flat = [float(row[label]) for row in values for label in labels]
    shown = {"labels": json.dumps(labels, ensure_ascii=False)}
    return Tensor(name, FP64, (len(values), len(labels)), flat, shown)


@cache
def forms_of(kind: str) -> dict[str, Form]:
    """The fields of a kind of answer and what they are as tensors."""
    hints = get_type_hints(ANSWERS[kind])
    return {one.name: _form(hints[one.name]) for one in fields(ANSWERS[kind]) if one.name != "kind"}


def outputs_of(kind: str, size: int) -> list[dict[str, Any]]:
    """What answers of a kind come as, for a model's description; fields that may be left out are not in it."""
    always = {one.name for one in fields(ANSWERS[kind]) if one.default is MISSING}
    return [
        {"name": name, "datatype": form.datatype, "shape": [-1, *([size] if form.by_label else [-1] * form.depth)]}
        for name, form in forms_of(kind).items()
        if name in always
    ]


def packed(tensor: Tensor) -> bytes:
    """A tensor's values as bytes."""
    if tensor.datatype != BYTES:
        return struct.pack(f"<{len(tensor.values)}{CODES[tensor.datatype]}", *tensor.values)
    encoded = [value.encode() for value in tensor.values]
    return b"".join(struct.pack("<I", len(value)) + value for value in encoded)


def _form(hint: Any) -> Form:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _form(next(one for one in arguments if one is not type(None)))
    if origin is not None and issubclass(origin, Mapping):
        return Form(FP64, by_label=True)
    depth = 0
    while get_origin(hint) is tuple:
        hint, depth = get_args(hint)[0], depth + 1
    datatype = DATATYPE_OF.get(hint, BYTES)
    return Form(datatype, 0 if datatype == BYTES else depth)


def _text(value: Any) -> str:
    """A text as it is, nothing as an empty one, anything else as JSON."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(to_plain(value), ensure_ascii=False, separators=(",", ":"))
