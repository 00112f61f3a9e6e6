"""The house has floors: which package may import which, and what may be imported at the top of its files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.source import PACKAGE, PLUGINS, Import, files, imports, module_of, none_of, room_of

KNOWLEDGE = {"core", "statistics", "language", "neural"}
DOORS = {"cli", "server", "client", "solutions"}
EVERYTHING = {path.name for path in PACKAGE.iterdir() if path.is_dir()} - DOORS
NUMBERS = {"numpy", "scipy", "sklearn", "polars"}
ANYTHING = {"*"}

INSIDE = {
    "": {""},
    "core": {"core"},
    "statistics": {"core", "statistics", "language"},
    "language": {"core", "language"},
    "neural": {"core", "statistics", "neural"},
    "serving": {"core", "statistics", "serving"},
    "reports": {"core", "statistics", "reports"},
    "flows": {"core", "statistics", "language", "serving", "reports", "flows"},
    "cli": {"core", "cli"},
    "server": {"", "core", "flows", "server"},
    "client": {"core", "client"},
    "testing": EVERYTHING,
    "solutions": {"core", "flows", "solutions"},
    "clusters": {"core", "clusters"},
    **{kind: KNOWLEDGE | {kind} for kind in PLUGINS},
}
for kind in ("runners", "runtimes"):
    INSIDE[kind].add("clusters")
OUTSIDE = {
    "": set[str](),
    "core": set[str](),
    "statistics": NUMBERS | {"safetensors", "optuna"},
    "language": NUMBERS,
    "neural": {
        "torch",
        "accelerate",
        "transformers",
        "tokenizers",
        "huggingface_hub",
        "onnx",
        "onnxruntime",
        "scipy",
        "peft",
        "safetensors",
        "numpy",
        "PIL",
    },
    "serving": {"numpy", "safetensors"},
    "clusters": {"ray"},
    "reports": {"numpy", "safetensors", "jinja2", "markupsafe"},
    "flows": {"numpy", "polars"},
    "cli": {"click", "rich"},
    "server": {"fastapi", "starlette", "pydantic", "msgspec", "httptools", "uvloop", "prometheus_client"},
    "client": {"httpx"},
    "testing": ANYTHING,
    "solutions": ANYTHING,
    **dict.fromkeys(PLUGINS, ANYTHING),
}
INSIDE_FUNCTIONS = {"cli": {"flows", "server"}}
"""What a room may reach only when called: a verb its flow, the verb ``serve`` the server."""

TOP_EXCEPTIONS = {"__main__.py": {"cli"}}


def forbidden(path: Path, package: Path = PACKAGE) -> Iterator[str]:
    """What a file imports and may not, one line each."""
    room = room_of(path, package)
    for found in imports(path, package):
        if problem := _problem(room, path, found, package):
            yield f"{path.relative_to(package)}:{found.line}: {problem}"


def _problem(room: str, path: Path, found: Import, package: Path) -> str | None:
    first, *rest = found.module.split(".")
    if first == "tuneworks":
        return _inside_problem(room, path, found, rest, package)
    if not found.at_top or first in sys.stdlib_module_names or OUTSIDE[room] & {first, "*"}:
        return None
    return f"{room or 'the front door'} may not import {first} at the top of a file"


def _inside_problem(room: str, path: Path, found: Import, rest: list[str], package: Path) -> str | None:
    target = rest[0] if rest and (package / rest[0]).is_dir() else ""
    allowed = INSIDE[room] | TOP_EXCEPTIONS.get(path.name, set())
    if not found.at_top:
        allowed = allowed | INSIDE_FUNCTIONS.get(room, set())
    if target not in allowed:
        return f"{room or 'the front door'} may not import {found.module}"
    another = (
        room in PLUGINS and target == room and len(rest) > 1 and rest[1] != path.stem and not rest[1].startswith("_")
    )
    return f"a plug-in may not import another: {found.module}" if another else None


def test_every_room_has_its_place_in_the_table() -> None:
    assert {room_of(path) for path in files()} <= set(INSIDE)


def test_no_file_reaches_above_its_floor() -> None:
    none_of(line for path in files() for line in forbidden(path))


@pytest.mark.parametrize(
    ("place", "code"),
    [
        ("core/wrong.py", "from tuneworks.flows import tune"),
        ("core/wrong.py", "from ..flows import tune"),
        ("core/wrong.py", "import tuneworks.flows.tune"),
        ("core/wrong.py", "import numpy"),
        ("statistics/wrong.py", "import torch"),
        ("statistics/wrong.py", "def late():\n    from tuneworks.neural import loop"),
        ("tasks/wrong.py", "from tuneworks.methods.head import Head"),
        ("tasks/wrong.py", "from .text_classification import TextClassification"),
        ("flows/wrong.py", "from tuneworks.tasks import text_classification"),
        ("cli/wrong.py", "from tuneworks.flows.tune import tune"),
        ("server/wrong.py", "import tuneworks.serving"),
    ],
)
def test_a_wrong_import_is_seen(place: str, code: str, tmp_path: Path) -> None:
    for path in files():
        copied = tmp_path / path.relative_to(PACKAGE)
        copied.parent.mkdir(parents=True, exist_ok=True)
        copied.touch()
    (tmp_path / place).write_text(code)
    assert list(forbidden(tmp_path / place, tmp_path)) != []


def test_a_verb_may_import_its_flow_when_called(tmp_path: Path) -> None:
    (tmp_path / "cli").mkdir()
    (tmp_path / "flows").mkdir()
    (tmp_path / "cli" / "right.py").write_text("def command():\n    from tuneworks.flows.tune import tune")
    assert list(forbidden(tmp_path / "cli" / "right.py", tmp_path)) == []


def test_no_imports_run_in_a_circle() -> None:
    graph = {module_of(path): {i.module for i in imports(path) if i.at_top} - {module_of(path)} for path in files()}
    assert circle(graph) == []


def test_a_circle_is_seen() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c", "a"]
    assert circle({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def circle(graph: dict[str, set[str]]) -> list[str]:
    """A path of imports that ends where it began, or nothing."""
    done: set[str] = set()
    for start in sorted(graph):
        if found := _walk(start, graph, [], done):
            return found
    return []


def _walk(node: str, graph: dict[str, set[str]], path: list[str], done: set[str]) -> list[str]:
    if node in path:
        return [*path[path.index(node) :], node]
    if node in done or node not in graph:
        return []
    for following in sorted(graph[node]):
        if found := _walk(following, graph, [*path, node], done):
            return found
    done.add(node)
    return []
