"""Every kind of plug-in has a public contract suite, and each plug-in's module is what the registry expects."""

from __future__ import annotations

import ast

import pytest

from tests.house.source import PACKAGE, PLUGINS
from tuneworks.core import registry
from tuneworks.core.contracts import Method

KINDS = [kind for kind in PLUGINS if list((PACKAGE / kind).glob("[a-z]*.py"))]
SINGULAR = {"bases": "base", "blobs": "blobs", "detectors": "detector"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_contract(kind: str) -> None:
    assert kind in registry.CONTRACT_OF


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_public_contract_suite(kind: str) -> None:
    name = SINGULAR.get(kind, kind.removesuffix("s"))
    suites = {
        node.name
        for path in (PACKAGE / "testing").glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    assert f"check_{name}" in suites


@pytest.mark.parametrize("kind", KINDS)
def test_every_plugin_says_in_one_line_what_it_is(kind: str) -> None:
    assert [name for name, line in registry.summaries(kind).items() if not line.endswith((".", "。"))] == []


@pytest.mark.parametrize("name", registry.names("methods"))
def test_what_is_read_of_a_method_without_importing_it_is_what_its_class_says(name: str) -> None:
    method = registry.load("methods", name)
    for attribute in ("rung", "needs_network", "needs_writer"):
        read = registry.constant("methods", name, attribute)
        assert (getattr(Method, attribute) if read is None else read) == getattr(method, attribute), attribute
