"""Wrong use of the command line, said in the user's language."""

from __future__ import annotations

from typing import Any

import click

from tuneworks.core.text import Text, plain

EXPECTED = {
    "integer": Text("a whole number", "整数"),
    "float": Text("a number", "数字"),
}


class Misuse(click.UsageError):
    """What was wrong about the words on the command line; ``near`` is what was probably meant."""

    def __init__(self, problem: Text, ctx: click.Context | None = None, *, near: str | None = None) -> None:
        super().__init__(problem.en, ctx)
        self.problem = problem
        self.near = near


def explain(error: click.UsageError) -> tuple[Text, Text]:
    """Problem and fix of any usage error."""
    near = getattr(error, "near", None) or next(iter(getattr(error, "possibilities", None) or []), None)
    command = f"{error.ctx.command_path} --help" if error.ctx else "tuneworks --help"
    if near:
        return _problem(error), Text(f"Did you mean {near}? See: {command}", f"您是否想用 {near}？详见：{command}")
    return _problem(error), Text(f"See: {command}", f"详见：{command}")


def not_convertible(parameter: click.Parameter, value: Any, ctx: click.Context, error: click.BadParameter) -> Misuse:
    """A value that is not what its option or argument takes."""
    is_argument = isinstance(parameter, click.Argument)
    name = parameter.human_readable_name.strip("[]") if is_argument else max(parameter.opts, key=len)
    expected = _expected(parameter.type)
    if expected is None:
        expected = plain(error.message)
    return Misuse(
        Text(f"{name} expects {expected.en}; received {value!r}.", f"{name} 应为{expected.zh}，实际为 {value!r}。"), ctx
    )


def _expected(kind: click.ParamType) -> Text | None:
    if isinstance(kind, click.Choice):
        choices = ", ".join(map(str, kind.choices))
        return Text(f"one of: {choices}", f"以下之一：{choices}")
    if isinstance(kind, click.IntRange):
        bounds = f"{kind.min}.." if kind.max is None else f"{kind.min}..{kind.max}"
        return Text(f"a whole number in {bounds}", f"整数，范围 {bounds}")
    return EXPECTED.get(kind.name)


def _problem(error: click.UsageError) -> Text:
    if isinstance(error, Misuse):
        return error.problem
    if isinstance(error, click.NoSuchOption):
        return Text(f"There is no option {error.option_name}.", f"没有选项 {error.option_name}。")
    if isinstance(error, click.MissingParameter) and error.param and error.ctx:
        name = error.param.make_metavar(error.ctx) if isinstance(error.param, click.Argument) else error.param.opts[-1]
        return Text(f"Missing: {name}", f"缺少：{name}")
    if isinstance(error, click.BadOptionUsage):
        return _needs_value(error)
    return Text(error.format_message(), f"命令用法有误：{error.format_message()}")


def _needs_value(error: click.BadOptionUsage) -> Text:
    name = error.option_name
    if "does not take" in error.message:
        return Text(f"The option {name} takes no value.", f"选项 {name} 不接受值。")
    return Text(f"The option {name} needs a value.", f"选项 {name} 需要一个值。")
