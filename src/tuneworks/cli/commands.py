"""Commands, options and arguments whose texts exist in both languages."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import click

from tuneworks.cli.misuse import Misuse, not_convertible
from tuneworks.cli.session import Session
from tuneworks.core.text import Text, plain

NOTHING = plain("")


class _Described(click.Parameter):
    """A parameter with a bilingual ``about``; a value of the wrong type is a bilingual error."""

    def __init__(self, *args: Any, about: Text = NOTHING, **kwargs: Any) -> None:
        self.about = about
        super().__init__(*args, **kwargs)

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        try:
            return super().type_cast_value(ctx, value)
        except click.BadParameter as error:
            raise not_convertible(self, value, ctx, error) from error


class Option(_Described, click.Option):
    """A bilingual option."""


class Argument(_Described, click.Argument):
    """A bilingual argument."""


class Verb(click.Command):
    """A command with a bilingual description; it takes the global options too."""

    allow_extra_args = True

    def __init__(self, name: str | None, *, about: Text, more: Text = NOTHING, **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
        self.about, self.more = about, more
        self.params += global_options()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        extra = super().parse_args(ctx, args)
        if extra:
            words = " ".join(extra)
            raise Misuse(Text(f"Unexpected: {words}", f"多余的参数：{words}"), ctx)
        return extra

    def get_help(self, ctx: click.Context) -> str:
        from tuneworks.cli.help import verb_help

        return verb_help(self, ctx)


class House(click.Group):
    """The group of all verbs; a verb's module is imported when the verb is used or described."""

    def __init__(self, name: str, *, about: Text, sections: Sequence[tuple[Text, tuple[str, ...]]]) -> None:
        super().__init__(name, params=list(global_options()), invoke_without_command=True, callback=show_help)
        self.about, self.sections = about, sections

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [verb for _, verbs in self.sections for verb in verbs]

    def get_command(self, ctx: click.Context, cmd_name: str) -> Verb | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        verb: Verb = import_module(f"tuneworks.cli.{cmd_name.replace('-', '_')}").command
        verb.name = cmd_name
        return verb

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in self.list_commands(ctx):
            raise Misuse(
                Text(f"There is no command {args[0]!r}.", f"没有名为 {args[0]!r} 的命令。"),
                ctx,
                near=self._near(ctx, args[0]),
            )
        return super().resolve_command(ctx, args)

    def get_help(self, ctx: click.Context) -> str:
        from tuneworks.cli.help import house_help

        return house_help(self, ctx)

    def _near(self, ctx: click.Context, word: str) -> str | None:
        return next(iter(difflib.get_close_matches(word, self.list_commands(ctx), n=1)), None)


def verb(about: Text, more: Text = NOTHING) -> Callable[[Callable[..., int | None]], Verb]:
    """Make a function ``(session, ...)`` a verb; what it returns is the exit code, nothing means 0."""

    def make(function: Callable[..., int | None]) -> Verb:
        return click.command(cls=Verb, about=about, more=more)(click.pass_obj(function))

    return make


def option(*names: str, about: Text, **settings: Any) -> Callable[[Any], Any]:
    """A bilingual option of a verb."""
    return click.option(*names, cls=Option, about=about, **settings)


def argument(name: str, *, about: Text, **settings: Any) -> Callable[[Any], Any]:
    """A bilingual argument of a verb."""
    return click.argument(name, cls=Argument, about=about, **settings)


def show_help() -> None:
    """``tuneworks`` alone shows its help."""
    context = click.get_current_context()
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def global_options() -> list[click.Parameter]:
    """The options every command takes, before or after the verb."""
    return [
        Option(
            ["--workspace"],
            metavar="PATH",
            about=Text(
                "The workspace: a folder or a PostgreSQL address. Default: TUNEWORKS_WORKSPACE, else the nearest "
                ".tuneworks upward.",
                "工作区：文件夹或 PostgreSQL 地址。默认：TUNEWORKS_WORKSPACE，否则取最近的上级 .tuneworks。",
            ),
            expose_value=False,
            callback=_remember,
        ),
        Option(
            ["--lang", "lang"],
            type=click.Choice(["en", "zh"]),
            about=Text("The language of all texts: English or Chinese.", "所有文字的语言：英文或中文。"),
            expose_value=False,
            callback=_remember,
        ),
        Option(
            ["--json", "json"],
            is_flag=True,
            about=Text("Write the result as JSON on standard output.", "在标准输出写出 JSON 格式的结果。"),
            expose_value=False,
            callback=_remember,
        ),
    ]


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    session = ctx.ensure_object(Session)
    if value:
        setattr(session, str(param.name), value)
