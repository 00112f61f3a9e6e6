"""The entry point of the command ``tuneworks``.

Exit codes: 0 done; 2 wrong use of the command line; 130 interrupted; else the error's own (``core.errors``).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import pairwise

import click

from tuneworks.cli.commands import House
from tuneworks.cli.misuse import explain
from tuneworks.core.errors import TuneworksError
from tuneworks.core.text import Text, set_language

SECTIONS = (
    (Text("Data:", "数据："), ("add", "check")),
    (Text("Models:", "模型："), ("plan", "tune", "search", "evaluate", "compare")),
    (Text("Runs:", "运行："), ("pause", "resume", "cancel", "reproduce", "work")),
    (Text("Serving:", "服务："), ("deploy", "promote", "rollback", "serve", "predict", "explain")),
    (Text("Learning on:", "持续学习："), ("feedback", "watch", "retune")),
    (Text("Looking around:", "查看与管理："), ("list", "show", "delete", "explain-config")),
    (Text("Keeping:", "维护："), ("doctor", "backup", "restore", "pack", "verify")),
    (Text("Extending:", "扩展："), ("new",)),
)
house = House(
    "tuneworks",
    about=Text(
        "Adapt pretrained models to your own data: bring data, tune, measure, serve, watch, learn on.",
        "用您自己的数据微调预训练模型：导入数据、微调、评估、部署、监控、持续学习。",
    ),
    sections=SECTIONS,
)


def main(arguments: Sequence[str] | None = None, *, group: click.Group = house) -> None:
    """Run one command and exit."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    set_language(_language_in(words))
    sys.exit(_run(group, words))


def _run(group: click.Group, words: list[str]) -> int:
    try:
        code = group.main(words, prog_name="tuneworks", standalone_mode=False)
    except click.UsageError as error:
        return _fail("UsageError", *explain(error), error.exit_code, json="--json" in words)
    except TuneworksError as error:
        return _fail(error.code, error.problem, error.fix, error.exit_code, json="--json" in words)
    except (KeyboardInterrupt, click.Abort):
        click.echo(str(Text("Interrupted.", "已中断。")), err=True)
        return 130
    return code if isinstance(code, int) else 0


def _fail(code: str, problem: Text, fix: Text, exit_code: int, *, json: bool) -> int:
    if json:
        from tuneworks.cli.session import as_json

        click.echo(as_json({"error": {"code": code, "problem": str(problem), "fix": str(fix)}}))
    click.echo(f"{Text('Error: ', '错误：')}{problem}\n{fix}", err=True)
    return exit_code


def _language_in(words: Sequence[str]) -> str | None:
    """The language asked for, known before anything is parsed so that help and errors speak it."""
    for word, following in pairwise([*words, ""]):
        if word == "--":
            return None
        if word == "--lang":
            return following or None
        if word.startswith("--lang="):
            return word.removeprefix("--lang=")
    return None
