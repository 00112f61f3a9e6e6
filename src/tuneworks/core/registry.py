"""Finding plug-ins: a file in a plug-in folder is a plug-in, its name the file's with ``-`` for ``_``.

Third parties add theirs by entry points of the group ``tuneworks.<kind>``.
"""

from __future__ import annotations

import ast
import difflib
import importlib
import inspect
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from tuneworks.core import asking, contracts, explaining, keeping, watching
from tuneworks.core.errors import InvalidConfig, MissingExtra
from tuneworks.core.extras import EXTRA_OF
from tuneworks.core.text import Text

PACKAGE = Path(__file__).parent.parent
CONTRACT_OF = {
    "readers": asking.Reader,
    "finders": asking.Finder,
    "tasks": asking.Task,
    "bases": contracts.Base,
    "methods": contracts.Method,
    "runtimes": contracts.Runtime,
    "explainers": explaining.Explainer,
    "detectors": watching.Detector,
    "stores": keeping.Store,
    "blobs": keeping.Blobs,
    "runners": keeping.Runner,
}


def names(kind: str) -> list[str]:
    """All plug-ins of a kind, built-in and third-party, in alphabetical order."""
    return sorted({*_files(kind), *_entry_points(kind)})


def load(kind: str, name: str) -> Any:
    """The plug-in's class; importing its module happens here and nowhere else."""
    files = _files(kind)
    if name in files:
        return _only_subclass(_import(f"tuneworks.{kind}.{files[name].stem}"), CONTRACT_OF[kind])
    points = _entry_points(kind)
    if name in points:
        return points[name].load()
    near = difflib.get_close_matches(name, names(kind), n=1)
    hint = near[0] if near else ", ".join(names(kind))
    raise InvalidConfig(
        Text(f"There is no {kind[:-1]} named {name!r}.", f"{kind} 中没有名为 {name!r} 的插件。"),
        Text(f"Did you mean: {hint}?", f"您是否想用：{hint}？"),
    )


def summaries(kind: str) -> dict[str, str]:
    """First docstring line of each built-in plug-in, read without importing anything."""
    return {name: _first_line(path) for name, path in _files(kind).items()}


def constant(kind: str, name: str, attribute: str) -> Any:
    """A plug-in's class attribute that is written as a plain value, ``None`` where it has none; imports nothing.

    A third party's plug-in is imported to be asked.
    """
    path = _files(kind).get(name)
    return _constants(path).get(attribute) if path else getattr(load(kind, name), attribute, None)


@cache
def _constants(path: Path) -> dict[str, Any]:
    """Plain values assigned in the bodies of a file's classes that inherit from something."""
    classes = [node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef)]
    return {
        target.id: node.value.value
        for one in classes
        if one.bases
        for node in one.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


@cache
def _files(kind: str) -> dict[str, Path]:
    folder = PACKAGE / kind
    return {path.stem.replace("_", "-"): path for path in sorted(folder.glob("*.py")) if not path.stem.startswith("_")}


def _entry_points(kind: str) -> dict[str, Any]:
    return {point.name: point for point in entry_points(group=f"tuneworks.{kind}")}


def _import(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or "").split(".")[0]
        if missing not in EXTRA_OF:
            raise
        raise missing_extra(missing) from error


def missing_extra(module: str) -> MissingExtra:
    """The error for a listed module that is not installed."""
    command = f"pip install 'tuneworks[{EXTRA_OF[module]}]'"
    return MissingExtra(
        Text(f"This needs the package {module!r}, which is not installed.", f"此功能需要尚未安装的软件包 {module!r}。"),
        Text(f"Install it: {command}", f"请安装：{command}"),
    )


def _only_subclass(module: ModuleType, contract: type) -> type:
    found = [
        member
        for member in vars(module).values()
        if inspect.isclass(member) and issubclass(member, contract) and member.__module__ == module.__name__
    ]
    if len(found) != 1:
        raise TypeError(f"{module.__name__} must define exactly one {contract.__name__}, found {len(found)}")
    return found[0]


def _first_line(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n")[0]
