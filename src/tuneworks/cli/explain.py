"""``tuneworks explain``: why answers are what they are."""

from __future__ import annotations

import sys

import click

from tuneworks.cli import shared
from tuneworks.cli.commands import argument, option, verb
from tuneworks.cli.session import Session, as_json
from tuneworks.core.text import Text


@verb(
    Text(
        "Show what answers rest on: words, columns, places of an image, training rows.",
        "说明答案的依据：词语、列、图像位置或训练数据。",
    ),
    Text(
        "Reads rows as predict does, or explains a logged prediction; nothing is logged. In a terminal, green speaks "
        "for the answer and red against it. The same is written as an HTML page. With --json, one JSON line a row.",
        "读取数据行的方式与 predict 相同，也可解释一条已记录的预测；不产生日志。在终端中，绿色支持答案，红色反对。"
        "同样的内容会写成 HTML 页面。加 --json 时每行写出一行 JSON。",
    ),
)
@shared.deployment(Text("A deployment, or a model version.", "部署，或模型版本。"))
@argument("file", default="-", about=Text("The file to read; - is standard input.", "要读取的文件；- 表示标准输入。"))
@option(
    "--prediction",
    metavar="ID",
    about=Text("Explain this logged prediction instead of rows.", "解释这条已记录的预测，而不读取数据行。"),
)
@option(
    "--explainer",
    metavar="NAME",
    default="auto",
    about=Text(
        "How: exact, occlusion, integrated-gradients, class-activation, nearest. Default: the cheapest that fits.",
        "解释方式：exact、occlusion、integrated-gradients、class-activation、nearest。默认选用适用且最省时的。",
    ),
)
def command(session: Session, deployment: str, file: str, prediction: str | None, explainer: str) -> None:
    from pathlib import Path

    from tuneworks.cli.explanations import explanation_lines
    from tuneworks.cli.progress import lines
    from tuneworks.flows.explain import explain
    from tuneworks.flows.explain_file import explain_file, write_explanations

    source = sys.stdin.buffer if file == "-" else Path(file)
    with session.open() as workspace:
        if prediction is not None:
            found = iter(explain(deployment, prediction=prediction, explainer=explainer, workspace=workspace))
        else:
            found = explain_file(
                deployment, source, explainer=explainer, workspace=workspace, listener=lines(sys.stderr)
            )
        told = []
        for explanation in found:
            told.append(explanation)
            for line in [as_json(explanation)] if session.json else explanation_lines(explanation):
                click.echo(line)
        if told:
            page = write_explanations(workspace, told)
            session.note(Text(f"Report: {page}", f"报告：{page}"))
