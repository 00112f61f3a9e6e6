"""Every command explains itself, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from tuneworks.cli import commands
from tuneworks.cli.main import SECTIONS, house, main
from tuneworks.core.tables import display_width
from tuneworks.core.text import set_language

VERBS = [verb for _, verbs in SECTIONS for verb in verbs]
CHINESE = re.compile(r"[\u3400-\u9fff]")
ENGLISH_OF_CLICK = ("Usage", "Options", "Arguments", "Show this", "Default", "default")


def help_of(*words: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as left:
        main(words)
    set_language(None)
    assert left.value.code == 0
    return capsys.readouterr().out


def test_every_verb_file_has_its_place_in_the_help() -> None:
    files = Path(commands.__file__).parent.glob("*.py")
    with_command = {path.stem.replace("_", "-") for path in files if "def command(" in path.read_text(encoding="utf-8")}
    assert with_command == set(VERBS)
    assert len(VERBS) == len(set(VERBS))


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_english_help_is_english(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    page = help_of(*verb.split(), "--help", "--lang", "en", capsys=capsys)
    assert page.startswith(f"Usage: tuneworks {verb}".rstrip())
    assert not CHINESE.search(page)


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_chinese_help_is_chinese(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    page = help_of("--lang=zh", *verb.split(), "--help", capsys=capsys)
    assert page.startswith("用法：")
    assert not any(word in page for word in ENGLISH_OF_CLICK)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("verb", VERBS)
def test_help_fits_the_terminal(verb: str, language: str, capsys: pytest.CaptureFixture[str]) -> None:
    page = help_of(verb, "--help", "--lang", language, capsys=capsys)
    assert max(display_width(line) for line in page.splitlines()) <= 80


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_and_argument_is_explained(verb: str) -> None:
    command = house.get_command(click.Context(house), verb)
    assert command is not None
    silent = [p.name for p in command.params if not str(getattr(p, "about", ""))]
    assert silent == []


def test_the_bare_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert "explain-config" in help_of(capsys=capsys)
