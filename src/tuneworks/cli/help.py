"""Help pages in the user's language, laid out for East Asian widths."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from tuneworks.core.tables import display_width, pad, wrap
from tuneworks.core.text import Text

if TYPE_CHECKING:
    from tuneworks.cli.commands import House, Verb

WIDEST = 100
USAGE = Text("Usage: ", "用法：")
OPTIONS = Text("Options:", "选项：")
ARGUMENTS = Text("Arguments:", "参数：")
SHOW_HELP = Text("Show this help.", "显示本帮助。")
MORE = Text("See also: tuneworks VERB --help", "各命令的详细说明：tuneworks VERB --help")


def verb_help(verb: Verb, ctx: click.Context) -> str:
    """The page of one verb."""
    paragraphs = [str(verb.about), *str(verb.more).split("\n\n")]
    blocks = [usage(verb, ctx), *(_indented(text) for text in paragraphs if text)]
    arguments = [p for p in verb.params if isinstance(p, click.Argument)]
    if arguments:
        blocks.append(_list(ARGUMENTS, [(metavar(p, ctx), describe(p)) for p in arguments]))
    return "\n\n".join([*blocks, _options(verb, ctx)])


def house_help(house: House, ctx: click.Context) -> str:
    """The front page: every verb, in the order a model lives."""
    blocks = [usage(house, ctx), _indented(str(house.about))]
    widest = max(map(len, house.list_commands(ctx)))
    for title, verbs in house.sections:
        blocks.append(_list(title, [(pad(v, widest), _about(house, ctx, v)) for v in verbs]))
    return "\n\n".join([*blocks, _options(house, ctx), str(MORE)])


def usage(command: click.Command, ctx: click.Context) -> str:
    """The usage line, whatever the language."""
    arguments = [metavar(p, ctx) for p in command.params if isinstance(p, click.Argument)]
    words = [str(Text("[OPTIONS]", "[选项]")), *arguments]
    if isinstance(command, click.Group):
        words.append("VERB ...")
    return str(USAGE) + " ".join([ctx.command_path, *words])


def metavar(parameter: click.Parameter, ctx: click.Context) -> str:
    """An argument or an option as it is written: ``--target COLUMN``."""
    if isinstance(parameter, click.Argument):
        return parameter.make_metavar(ctx)
    names = " / ".join([*parameter.opts, *parameter.secondary_opts])
    takes_value = isinstance(parameter, click.Option) and not parameter.is_flag and not parameter.count
    return f"{names} {parameter.make_metavar(ctx)}" if takes_value else names


def describe(parameter: click.Parameter) -> str:
    """What a parameter is for, with its default where it has one."""
    about = str(getattr(parameter, "about", SHOW_HELP))
    if not default_shown(parameter):
        return about
    return about + str(Text(f" [Default: {parameter.default}]", f"［默认：{parameter.default}］"))


def default_shown(parameter: click.Parameter) -> bool:
    """Whether the default is a plain value worth printing."""
    return isinstance(parameter.default, (int, float, str)) and not isinstance(parameter.default, bool)


def _about(house: House, ctx: click.Context, name: str) -> str:
    verb = house.get_command(ctx, name)
    return str(verb.about) if verb else ""


def _options(command: click.Command, ctx: click.Context) -> str:
    options = [p for p in command.params if isinstance(p, click.Option)]
    rows = [(metavar(p, ctx), describe(p)) for p in options]
    return _list(OPTIONS, [*rows, ("--help", str(SHOW_HELP))])


def _list(title: Text, rows: Sequence[tuple[str, str]]) -> str:
    column = max(display_width(name) for name, _ in rows)
    return "\n".join([str(title), *(line for row in rows for line in _entry(*row, column))])


def _entry(name: str, about: str, column: int) -> Iterable[str]:
    first, *others = wrap(about, max(_width() - column - 4, 20))
    yield f"  {pad(name, column)}  {first}".rstrip()
    for line in others:
        yield " " * (column + 4) + line


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for part in text.split("\n") for line in wrap(part, _width() - 2))


def _width() -> int:
    import shutil

    return min(shutil.get_terminal_size().columns, WIDEST)
