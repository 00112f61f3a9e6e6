"""A run's settings: TOML files and ``key=value`` words, checked key by key and type by type.

>>> config = config_from(apply_settings({}, ["dataset=tickets", "recipe.epochs=3"]))
>>> config.dataset, config.recipe.epochs
('tickets', 3)
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from tuneworks.core.errors import InvalidConfig, NotFound
from tuneworks.core.ranges import Range, check_values
from tuneworks.core.records import to_plain
from tuneworks.core.text import Text, plain
from tuneworks.core.types import RunConfig

T = TypeVar("T")
EXPECTED = {
    "int": Text("a whole number", "整数"),
    "float": Text("a number", "数字"),
    "string": Text('text, such as "abc"', '文本，例如 "abc"'),
    "bool": Text("true or false", "true 或 false"),
    "tuple": Text('a list, such as ["a", "b"]', '列表，例如 ["a", "b"]'),
    "list": Text('a list, such as ["a", "b"]', '列表，例如 ["a", "b"]'),
    "dict": Text("a table of keys and values", "由键和值组成的表"),
    "mapping": Text("a table of keys and values", "由键和值组成的表"),
    "dataclass": Text("a table of keys and values", "由键和值组成的表"),
}
RUN_RANGES = {"budget": Range(above=0), "checkpoint_seconds": Range(least=0), "processes": Range(least=1)}
RECIPE_RANGES = {
    "epochs": Range(least=1),
    "batch_tokens": Range(least=1),
    "learning_rate": Range(above=0),
    "seed": Range(least=0, most=2**63 - 1),
}
PLACE_IN_TOML = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def read_config(path: str | os.PathLike[str]) -> RunConfig:
    """A run's settings from a TOML file; an unknown key or a wrong type is an ``InvalidConfig`` naming the file."""
    file = Path(path)
    try:
        return config_from(tomllib.loads(file.read_text(encoding="utf-8")), source=str(file))
    except (FileNotFoundError, IsADirectoryError) as error:
        raise NotFound(
            Text(f"There is no settings file {file}.", f"没有设置文件 {file}。"),
            Text("Check the path given to --config.", "请检查 --config 给出的路径。"),
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidConfig(
            Text(
                f"{file} is not UTF-8: byte {error.start + 1} cannot be read.",
                f"{file} 不是 UTF-8 编码：第 {error.start + 1} 个字节无法读取。",
            ),
            Text("Save the file as UTF-8.", "请将文件另存为 UTF-8 编码。"),
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise InvalidConfig(
            _not_toml(file, str(error)),
            Text("Correct the file at that place; text needs quotes.", "请修改文件的该处；文本需加引号。"),
        ) from error


def parse_settings(words: Iterable[str]) -> dict[str, Any]:
    """``["recipe.epochs=3"]`` as ``{"recipe.epochs": 3}``: TOML values, and text where it is not one."""
    parsed = {}
    for word in words:
        key, sign, value = word.partition("=")
        if not (key.strip() and sign):
            raise InvalidConfig(
                Text(f"A setting is written KEY=VALUE; received {word!r}.", f"设置应写成“键=值”，实际为 {word!r}。"),
                Text("For example: --set recipe.epochs=3", "例如：--set recipe.epochs=3"),
            )
        parsed[key.strip()] = _literal(value.strip())
    return parsed


def apply_settings(config: Mapping[str, Any], settings: Mapping[str, Any] | Sequence[str]) -> dict[str, Any]:
    """Plain settings with dotted keys set on top; the given mapping is left as it is."""
    if not isinstance(settings, Mapping):
        settings = parse_settings(settings)
    applied = dict(config)
    for key, value in settings.items():
        applied = _with(applied, key.split("."), value)
    return applied


def with_settings(config: RunConfig | None, settings: Mapping[str, Any] | Sequence[str] | None) -> RunConfig:
    """A config with dotted settings on top of it."""
    return config_from(apply_settings(to_plain(config or RunConfig()), settings or {}))


def config_from(given: Mapping[str, Any], *, source: str | None = None) -> RunConfig:
    """A ``RunConfig`` from plain values; ``source`` is the file that errors name."""
    made = _checked(RunConfig, given, _in(source))
    check_values(made, RUN_RANGES, "", _in(source))
    check_values(made.recipe, RECIPE_RANGES, "recipe.", _in(source))
    return made


def check_options(
    options: type[T], given: Mapping[str, Any], *, owner: str | None = None, prefix: str = "recipe.options."
) -> T:
    """A plug-in's ``Options`` from ``recipe.options``; ``owner`` is the plug-in that errors name."""
    of = Text(f" of {owner}", f"（{owner}）") if owner else plain("")
    return _checked(options, given, of, prefix)


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested dataclasses as dotted keys; free-form tables stay one value, except ``options``."""
    found: dict[str, Any] = {}
    for field in fields(value):
        key, item = f"{prefix}{field.name}", getattr(value, field.name)
        if is_dataclass(item):
            found |= flat(item, f"{key}.")
        elif field.name == "options" and item:
            found |= {f"{key}.{name}": to_plain(option) for name, option in item.items()}
        else:
            found[key] = to_plain(item)
    return found


def _literal(text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return parsed["value"] if set(parsed) == {"value"} else text


def _with(table: Mapping[str, Any], keys: Sequence[str], value: Any) -> dict[str, Any]:
    first, *others = keys
    inner = table.get(first)
    return {**table, first: _with(inner if isinstance(inner, Mapping) else {}, others, value) if others else value}


def _in(source: str | None) -> Text:
    return Text(f" in {source}", f"（{source}）") if source else plain("")


def _not_toml(file: Path, message: str) -> Text:
    """Where a file is not TOML in our own words, what the parser says of it in brackets."""
    found = PLACE_IN_TOML.search(message)
    said = message[: found.start()] if found else message
    place = plain("")
    if found:
        line, column = found.groups()
        place = Text(f" at line {line}, column {column}", f" 第 {line} 行第 {column} 列")
        place = place if line else Text(" at the end", " 末尾")
    return Text(f"{file} is not valid TOML{place.en} ({said}).", f"{file}{place.zh}不是有效的 TOML（{said}）。")


def _checked(kind: type[T], given: Mapping[str, Any], where: Text, prefix: str = "") -> T:
    _known_keys(kind, given, where, prefix)
    return _validated(kind, given, where, prefix)


def _known_keys(kind: Any, given: Mapping[str, Any], where: Text, prefix: str) -> None:
    hints = get_type_hints(kind)
    for key, value in given.items():
        if key not in hints:
            raise _unknown_key(f"{prefix}{key}", [f"{prefix}{name}" for name in hints], where)
        if is_dataclass(hints[key]) and isinstance(value, Mapping):
            _known_keys(hints[key], value, where, f"{prefix}{key}.")


def _unknown_key(key: str, known: Sequence[str], where: Text) -> InvalidConfig:
    near = difflib.get_close_matches(key, known, n=1) or _elsewhere(key)
    names = ", ".join(known) or "-"
    fix = (
        Text(f"Did you mean {near[0]}?", f"您是否想用 {near[0]}？")
        if near
        else Text(f"Known settings: {names}.", f"可用的设置：{names}。")
    )
    return InvalidConfig(Text(f"There is no setting {key}{where.en}.", f"没有名为 {key} 的设置{where.zh}。"), fix)


def _elsewhere(key: str) -> list[str]:
    """A known setting of the same last word in another table: ``epochs`` is ``recipe.epochs``."""
    every = {name.rpartition(".")[2]: name for name in flat(RunConfig())}
    return [every[name] for name in difflib.get_close_matches(key.rpartition(".")[2], every, n=1)]


def _validated(kind: type[T], given: Mapping[str, Any], where: Text, prefix: str) -> T:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_json(json.dumps(given, default=str), strict=True)
    except ValidationError as error:
        first = error.errors()[0]
        raise _wrong_type(kind, given, first["loc"], first["type"], first["msg"], where, prefix) from error


def _wrong_type(
    kind: Any, given: Mapping[str, Any], place: Sequence[Any], code: str, message: str, where: Text, prefix: str
) -> InvalidConfig:
    key, received = _place(given, place)
    expected = EXPECTED.get(code.removesuffix("_type").removesuffix("_from_float"), plain(message))
    shown = json.dumps(received, ensure_ascii=False, default=str)
    return InvalidConfig(
        Text(
            f"{prefix}{key}{where.en} must be {expected.en}; received {shown}.",
            f"{prefix}{key}{where.zh} 应为{expected.zh}，实际为 {shown}。",
        ),
        Text("Correct the value, or leave the setting out to have it derived.", "请修改该值，或省略此项以自动推断。"),
    )


def _place(given: Any, place: Sequence[Any]) -> tuple[str, Any]:
    """The dotted key and value an error is about; names of union members in the place are left out."""
    keys = []
    for part in place:
        if isinstance(given, Mapping) and part in given:
            keys.append(str(part))
            given = given[part]
    return ".".join(keys), given
