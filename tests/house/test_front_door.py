"""``import tuneworks`` offers every verb and noun, imported when first asked for."""

from __future__ import annotations

import inspect

import pytest

import tuneworks
from tests.house.source import PACKAGE
from tuneworks.core import errors, types
from tuneworks.core.workspace import Workspace

VERBS = ["add", "check", "tune", "evaluate", "compare", "deploy", "promote", "rollback", "predict", "feedback"]


@pytest.mark.parametrize(
    "verb", [*VERBS, "watch", "retune", "serve", "show", "delete", "list_records", "explain_config"]
)
def test_every_verb_is_a_function_of_the_package(verb: str) -> None:
    function = getattr(tuneworks, verb)
    assert inspect.isfunction(function)
    assert function.__name__ == verb
    assert "workspace" in inspect.signature(function).parameters


def test_nouns_are_those_of_core() -> None:
    assert tuneworks.Workspace is Workspace
    assert tuneworks.RunConfig is types.RunConfig
    assert tuneworks.NotFound is errors.NotFound


def test_the_version_is_the_installed_one() -> None:
    assert tuneworks.__version__.split(".")[0].isdigit()


def test_what_is_not_there_is_an_attribute_error() -> None:
    for name in ("nonsense", "Nonsense", "_private", "cly"):
        with pytest.raises(AttributeError, match=name):
            getattr(tuneworks, name)


def test_the_verbs_can_be_seen() -> None:
    assert {"Workspace", *VERBS} <= set(dir(tuneworks))


def test_rooms_are_still_modules() -> None:
    from tuneworks import core, flows

    assert PACKAGE.samefile(str(core.__path__[0]) + "/..")
    assert flows.__name__ == "tuneworks.flows"
