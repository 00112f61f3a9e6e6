"""The package's source as syntax trees, read once for all house tests."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "src" / "tuneworks"
PLUGINS = (
    "readers",
    "finders",
    "tasks",
    "bases",
    "methods",
    "runtimes",
    "explainers",
    "exporters",
    "detectors",
    "stores",
    "blobs",
    "runners",
    "alerts",
)


@dataclass(frozen=True)
class Import:
    """One imported module: its full name, its line, and whether it is imported when the file is."""

    module: str
    line: int
    at_top: bool


def none_of(found: Iterable[str]) -> None:
    """Fail with every line of what should not be there."""
    lines = list(found)
    assert not lines, "\n" + "\n".join(lines)


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def files(package: Path = PACKAGE) -> list[Path]:
    return sorted(path for path in package.rglob("*.py") if "migrations" not in path.parts)


def room_of(path: Path, package: Path = PACKAGE) -> str:
    """The package folder a file is in; "" for the files beside the folders."""
    parts = path.relative_to(package).parts
    return parts[0] if len(parts) > 1 else ""


def module_of(path: Path, package: Path = PACKAGE) -> str:
    parts = ["tuneworks", *path.relative_to(package).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path, package: Path = PACKAGE) -> Iterator[Import]:
    """Every import of a file, absolute, relative or ``import x.y``; those for type checkers alone are left out."""
    yield from _imports_below(tree_of(path), path, package, at_top=True)


def _imports_below(node: ast.AST, path: Path, package: Path, *, at_top: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and _for_type_checkers(child):
            continue
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, at_top) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield from (Import(name, child.lineno, at_top) for name in _names(child, path, package))
        inside = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        yield from _imports_below(child, path, package, at_top=at_top and not inside)


def _names(node: ast.ImportFrom, path: Path, package: Path) -> Iterator[str]:
    """``from a import b`` imports the module a.b where there is one, else a."""
    origin = node.module or ""
    if node.level:
        parents = ["tuneworks", *path.relative_to(package).parts[:-1]]
        above = parents[: len(parents) - node.level + 1]
        origin = ".".join([*above, *([node.module] if node.module else [])])
    for alias in node.names:
        inner = f"{origin}.{alias.name}"
        yield inner if _is_module(inner, package) else origin


def _is_module(name: str, package: Path) -> bool:
    first, *rest = name.split(".")
    place = package.joinpath(*rest)
    return first == "tuneworks" and (place.with_suffix(".py").is_file() or place.is_dir())


def _for_type_checkers(node: ast.If) -> bool:
    return "TYPE_CHECKING" in ast.dump(node.test)
