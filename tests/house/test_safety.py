"""Nothing that could run code from a file is ever imported or called; nothing branches on a plug-in's name."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.house.source import PACKAGE, PLUGINS, files, imports, none_of, room_of, tree_of

UNSAFE_MODULES = {"pickle", "cPickle", "_pickle", "joblib", "dill", "cloudpickle", "marshal", "shelve"}
UNSAFE_CALLS = {"torch.load", "torch.hub.load", "pandas.read_pickle", "yaml.load", "eval", "exec"}
UNSAFE_SETTINGS = {"allow_pickle", "trust_remote_code"}


def unsafe(tree: ast.AST) -> Iterator[int]:
    """Lines that load code as data."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (
            (ast.unparse(node.func) in UNSAFE_CALLS and not _of_weights_alone(node))
            or any(_switched_on(keyword) for keyword in node.keywords)
        ):
            yield node.lineno


def _of_weights_alone(call: ast.Call) -> bool:
    """Whether it is torch's loader that builds tensors and nothing else."""
    settings = {keyword.arg: keyword.value for keyword in call.keywords}
    only = settings.get("weights_only")
    return ast.unparse(call.func) == "torch.load" and isinstance(only, ast.Constant) and only.value is True


def _switched_on(keyword: ast.keyword) -> bool:
    off = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
    return keyword.arg in UNSAFE_SETTINGS and not off


def test_no_file_imports_a_pickler() -> None:
    none_of(f"{path}:{i.line}" for path in files() for i in imports(path) if i.module.split(".")[0] in UNSAFE_MODULES)


def test_no_call_can_run_code_from_a_file() -> None:
    none_of(f"{path}:{line}" for path in files() for line in unsafe(tree_of(path)))


@pytest.mark.parametrize(
    "code", ["torch.load(p)", "np.load(p, allow_pickle=True)", "M.from_pretrained(p, trust_remote_code=yes)", "eval(x)"]
)
def test_an_unsafe_call_is_seen(code: str) -> None:
    assert list(unsafe(ast.parse(code))) == [1]


def plugin_names() -> set[str]:
    """The names of all built-in plug-ins."""
    return {path.stem.replace("_", "-") for kind in PLUGINS for path in (PACKAGE / kind).glob("[a-z]*.py")}


def branches(tree: ast.AST, names: set[str]) -> Iterator[int]:
    """Lines that compare something with a plug-in's name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and strings(*_sides(node)) & names:
            yield node.lineno
        if isinstance(node, ast.match_case):
            matched = {n.value for n in ast.walk(node.pattern) if isinstance(n, ast.Constant)}
            if matched & names:
                yield node.pattern.lineno


def _sides(node: ast.Compare) -> list[ast.expr]:
    """What is compared; in ``"key" in table`` the left side is a key, not a choice."""
    keyed = isinstance(node.ops[0], (ast.In, ast.NotIn)) and isinstance(node.left, ast.Constant)
    return node.comparators if keyed else [node.left, *node.comparators]


def strings(*sides: ast.expr) -> set[str]:
    """The strings a comparison is made with: alone or in a tuple, list or set."""
    found = set()
    for side in sides:
        members = side.elts if isinstance(side, (ast.Tuple, ast.List, ast.Set)) else [side]
        found |= {m.value for m in members if isinstance(m, ast.Constant) and isinstance(m.value, str)}
    return found


def test_nothing_branches_on_a_plugins_name() -> None:
    names = plugin_names()
    none_of(
        f"{path.relative_to(PACKAGE)}:{line}"
        for path in files()
        if room_of(path) not in (*PLUGINS, "testing")
        for line in branches(tree_of(path), names)
    )


def test_a_branch_on_a_name_is_seen() -> None:
    assert list(branches(ast.parse("if task == 'text-classification': pass"), {"text-classification"})) == [1]
    assert list(branches(ast.parse("if base in ('ngrams', 'x'): pass"), {"ngrams"})) == [1]
    assert list(branches(ast.parse("if output.kind == 'classes': pass"), {"ngrams"})) == []
    assert list(branches(ast.parse("if 'ngrams' in table: pass"), {"ngrams"})) == []
