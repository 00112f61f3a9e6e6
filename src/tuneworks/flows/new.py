"""Scaffold a plug-in: one file with the contract to fill in, and its suite as a list of what is left to do."""

from __future__ import annotations

import ast
import inspect
import keyword
import re
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from tuneworks.core import registry
from tuneworks.core.errors import Conflict, InvalidConfig
from tuneworks.core.text import Text


@dataclass(frozen=True)
class Suite:
    """How a kind's contract suite is called: what it needs imported, and the words between its brackets."""

    imports: str
    call: str


SUITES = {
    "task": Suite("", "{name}"),
    "base": Suite("from tuneworks.testing.bases import CHECKS, Sample", '{name}, Sample("{address}", ("one", "two"))'),
    "method": Suite("", '{name}, "ngrams"'),
    "reader": Suite("", "{name}(), sample_file()"),
    "finder": Suite("", "{name}()"),
    "detector": Suite("", "{name}()"),
}
BESIDE = {"base": ("LoadedBase",)}
OPEN = "raise NotImplementedError"
SAMPLE_FILE = '''
def sample_file() -> Path:
    """A sound file of the format with several rows."""
    raise NotImplementedError
'''


def new(kind: str, name: str, *, folder: Path | None = None) -> Path:
    """Write ``name``'s file into the folder (the current one): the kind's contract, every promise of it still open.

    Raises ``InvalidConfig`` for a kind or name that cannot be, ``Conflict`` where such a plug-in or file is already.
    """
    if kind not in SUITES:
        raise InvalidConfig(
            Text(f"There is no kind of plug-in named {kind!r}.", f"没有名为 {kind!r} 的插件类型。"),
            Text(f"Choose one of: {', '.join(SUITES)}.", f"可选：{'、'.join(SUITES)}。"),
        )
    stem = _stem(name)
    path = (folder or Path.cwd()) / f"{stem}.py"
    if path.exists() or stem.replace("_", "-") in registry.names(f"{kind}s"):
        raise Conflict(
            Text(
                f"There is a {kind} or a file of that name already: {path.name}.",
                f"已有同名的插件或文件：{path.name}。",
            ),
            Text("Choose another name.", "请换一个名称。"),
        )
    path.write_text(scaffold(kind, stem), encoding="utf-8")
    return path


def scaffold(kind: str, stem: str) -> str:
    """The file's text: imports, the class with every abstract method of the contract, and the suite."""
    contract = registry.CONTRACT_OF[f"{kind}s"]
    module = sys.modules[contract.__module__]
    name = "".join(word.capitalize() for word in stem.split("_"))
    classes = [*BESIDE.get(kind, ()), contract.__name__]
    bodies = [_class(module, base, f"Loaded{name}" if base != contract.__name__ else name) for base in classes]
    suite = SUITES[kind]
    sample = [SAMPLE_FILE.strip()] if "sample_file" in suite.call else []
    call = suite.call.format(name=name, address=stem.replace("_", "-"))
    parts = [
        f'"""{name}: say in one line what it is."""',
        _imports(module, classes, [*bodies, *sample], suite.imports or f"from tuneworks.testing.{kind}s import CHECKS"),
        *bodies,
        *sample,
        '@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)\n'
        f"def test_it_keeps_its_promise(check) -> None:\n    check({call})",
    ]
    head, imports, *rest = parts
    return f"{head}\n\n{imports}\n\n\n" + "\n\n\n".join(rest) + "\n"


def _stem(name: str) -> str:
    stem = name.replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", stem) or keyword.iskeyword(stem):
        raise InvalidConfig(
            Text(f"{name!r} cannot be a plug-in's name.", f"{name!r} 不能作为插件名称。"),
            Text(
                "Use small letters, digits and hyphens, a letter first: urgency, credit-risk.",
                "请使用小写字母、数字和连字符，并以字母开头：urgency、credit-risk。",
            ),
        )
    return stem


def _class(module: ModuleType, contract: str, name: str) -> str:
    """A subclass of the contract: what it must say of itself, and every abstract method, still to be written."""
    tree = ast.parse(inspect.getsource(module))
    found = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == contract)
    lines = [f"class {name}({contract}):", f'    """{_first_line(found)}"""', ""]
    lines += [f"    {ast.unparse(node.target)} = ...  # {ast.unparse(node.annotation)}" for node in _attributes(found)]
    methods = ["\n".join(_method(node)) for node in found.body if isinstance(node, ast.FunctionDef) and _open(node)]
    return "\n".join(lines).rstrip() + "\n\n" + "\n\n".join(textwrap.indent(method, "    ") for method in methods)


def _attributes(contract: ast.ClassDef) -> Iterator[ast.AnnAssign]:
    """The attributes a contract states without a default."""
    return (node for node in contract.body if isinstance(node, ast.AnnAssign) and node.value is None)


def _open(method: ast.FunctionDef) -> bool:
    return any(ast.unparse(decorator) == "abstractmethod" for decorator in method.decorator_list)


def _method(method: ast.FunctionDef) -> Iterator[str]:
    returns = f" -> {ast.unparse(method.returns)}" if method.returns else ""
    yield f"def {method.name}({ast.unparse(method.args)}){returns}:"
    yield f'    """{_first_line(method)}"""'
    yield f"    {OPEN}"


def _first_line(node: ast.ClassDef | ast.FunctionDef) -> str:
    return (ast.get_docstring(node) or "").split("\n")[0]


def _imports(module: ModuleType, classes: list[str], bodies: list[str], suite: str) -> str:
    """Imports for every name the bodies use, from where the contract's module has it."""
    used = {*classes, *(node.id for body in bodies for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Name))}
    homes = {name: module.__name__ for name in used if name in vars(module)}
    homes |= {"Path": "pathlib"} if "Path" in used else {}
    homes |= {name: home for name, home in _named_imports(module) if name in used}
    named = [
        f"from {home} import {', '.join(sorted(name for name, its in homes.items() if its == home))}"
        for home in sorted(set(homes.values()))
    ]
    outside = [line for line in named if "tuneworks" not in line]
    inside = sorted([*(line for line in named if "tuneworks" in line), suite])
    return "\n".join(["from __future__ import annotations", "", *outside, "", "import pytest", "", *inside])


def _named_imports(module: ModuleType) -> Iterator[tuple[str, str]]:
    """Names the contract's module imports, each with the module they come from."""
    for node in ast.parse(inspect.getsource(module)).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((alias.name, node.module) for alias in node.names)
