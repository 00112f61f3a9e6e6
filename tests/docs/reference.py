"""The reference pages, written from the code; ``make docs`` writes them, a test compares them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

import click

from tests.docs.pages import ROOT
from tuneworks.cli import help as help_page
from tuneworks.cli.main import house
from tuneworks.core import registry
from tuneworks.core.text import Text, language
from tuneworks.core.types import Recipe, RunConfig, Search, TaskSpec

FOLDER = ROOT / "docs" / "reference"
WRITTEN = Text(
    "<!-- Written by `make docs` from the code; do not edit. -->",
    "<!-- 由 `make docs` 根据代码生成，请勿手工修改。 -->",
)
KINDS = {
    "readers": Text("Readers: file formats", "读取器：文件格式"),
    "finders": Text("Finders: what can be wrong with data", "检查器：数据可能存在的问题"),
    "tasks": Text("Tasks", "任务"),
    "bases": Text("Bases: what a model starts from", "基础：模型的起点"),
    "methods": Text("Methods: how a base is adapted", "方法：如何适应任务"),
    "runtimes": Text("Runtimes: what runs a model", "运行时：如何运行模型"),
    "explainers": Text("Explainers: what an answer rests on", "解释器：答案的依据"),
    "detectors": Text("Detectors: what is watched", "检测器：监控什么"),
    "stores": Text("Stores: where records are kept", "存储：记录保存在哪里"),
    "blobs": Text("Blobs: where files are kept", "文件存储：文件保存在哪里"),
    "runners": Text("Runners: where a run's work is done", "执行器：运行在哪里进行"),
}


def written() -> dict[Path, str]:
    """Every reference page with its text."""
    makers: dict[str, Callable[[], Iterator[str]]] = {"cli": cli, "plugins": plugins, "settings": settings}
    found = {}
    for name, make in makers.items():
        for code, suffix in (("en", ".md"), ("zh", ".zh.md")):
            with language(code):
                found[FOLDER / f"{name}{suffix}"] = "\n\n".join([*make(), ""]).rstrip("\n") + "\n"
    return found


def cli() -> Iterator[str]:
    """The command line: the global options, then every verb."""
    yield f"# {Text('The command line', '命令行')}"
    yield str(WRITTEN)
    yield str(house.about)
    context = click.Context(house, info_name="tuneworks")
    yield f"## {Text('Options of every command', '所有命令通用的选项')}"
    yield parameters(house.params, context)
    common = {parameter.name for parameter in house.params}
    for name in house.list_commands(context):
        verb = house.get_command(context, name)
        assert verb is not None
        inner = click.Context(verb, info_name=name, parent=context)
        yield f"## tuneworks {name}"
        yield f"{verb.about} {verb.more}".strip()
        yield f"```text\n{help_page.usage(verb, inner)}\n```"
        if own := [parameter for parameter in verb.params if parameter.name not in common]:
            yield parameters(own, inner)
    yield from exit_codes()


def parameters(params: Sequence[click.Parameter], context: click.Context) -> str:
    titles = (Text("parameter", "参数"), Text("meaning", "含义"))
    return table(titles, [(f"`{help_page.metavar(p, context)}`", help_page.describe(p)) for p in params])


def exit_codes() -> Iterator[str]:
    """What the shell sees, and what ``--json`` writes for an error."""
    from tuneworks.core import errors

    yield f"## {Text('Exit codes', '退出码')}"
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.TuneworksError)
    ]
    rows = [(str(kind.exit_code), f"`{kind.__name__}`", str(kind.http_status)) for kind in kinds]
    fixed = [
        ("0", str(Text("done", "完成")), ""),
        ("2", "`UsageError`", ""),
        ("130", str(Text("interrupted", "已中断")), ""),
    ]
    yield table((Text("exit code", "退出码"), Text("code", "代码"), Text("HTTP status", "HTTP 状态")), [*fixed, *rows])
    yield str(
        Text(
            "An error is written to standard error: what is wrong, and what to do. With `--json`, standard output "
            'also has `{"error": {"code": ..., "problem": ..., "fix": ...}}`.',
            "错误写入标准错误：出了什么问题，以及如何处理。加 `--json` 时，标准输出另有"
            '`{"error": {"code": ..., "problem": ..., "fix": ...}}`。',
        )
    )


def plugins() -> Iterator[str]:
    """Every plug-in with the first line of its file."""
    yield f"# {Text('Plug-ins', '插件')}"
    yield str(WRITTEN)
    yield str(
        Text(
            "A plug-in is one file; its name is the file's. Others add theirs by entry points of the group "
            "`tuneworks.<kind>`.",
            "一个插件就是一个文件，名称即文件名。第三方可通过入口点组 `tuneworks.<kind>` 添加。说明取自源码，为英文。",
        )
    )
    for kind, title in KINDS.items():
        if found := registry.summaries(kind):
            yield f"## {title}"
            titles = (Text("name", "名称"), Text("what it is", "说明"))
            yield table(titles, [(f"`{name}`", line) for name, line in found.items()])


def settings() -> Iterator[str]:
    """A run's settings, then each task's and each method's own."""
    yield f"# {Text('Settings', '设置')}"
    yield str(WRITTEN)
    yield str(
        Text(
            "The same names are used in a TOML file (`--config`), after `--set`, over HTTP and in the library. What is "
            "left out is derived from the data or a default: `tuneworks explain-config DATASET` shows which.",
            "TOML 文件（`--config`）、`--set`、HTTP 与程序库使用相同的名称。省略的设置由数据推断或取默认值："
            "`tuneworks explain-config DATASET` 会显示其来源。",
        )
    )
    for prefix, kind in (("", RunConfig), ("spec.", TaskSpec), ("recipe.", Recipe), ("search.", Search)):
        yield f"## {f'`[{prefix[:-1]}]`' if prefix else Text('Top level', '顶层')}"
        yield field_table(kind, prefix)
    for name in registry.names("tasks"):
        options = registry.load("tasks", name).Options
        if fields(options):
            yield f"## {Text(f'Options of the task {name}', f'任务 {name} 的选项')}"
            yield field_table(options, "spec.options.")
    for name in registry.names("methods"):
        options = registry.load("methods", name).Options
        if fields(options):
            yield f"## {Text(f'Options of the method {name}', f'方法 {name} 的选项')}"
            yield field_table(options, "recipe.options.")


def field_table(kind: Any, prefix: str) -> str:
    titles = (Text("setting", "设置"), Text("type", "类型"), Text("default", "默认"))
    plain_fields = [f for f in fields(kind) if prefix or f.name not in ("spec", "recipe", "search")]
    return table(titles, [(f"`{prefix}{f.name}`", f"`{f.type}`", f"`{default(f)}`") for f in plain_fields])


def default(field: Field[Any]) -> str:
    value = field.default if field.default is not MISSING else None
    if field.default_factory is not MISSING:
        value = field.default_factory()
    return "-" if value is None else json.dumps(value, ensure_ascii=False)


def table(titles: Sequence[Text], rows: Sequence[Sequence[str]]) -> str:
    lines = [[str(title) for title in titles], ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


if __name__ == "__main__":
    for path, text in written().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))
