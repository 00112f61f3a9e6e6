"""``tuneworks predict``: answers for a file, or for lines on standard input."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from tuneworks.cli import shared
from tuneworks.cli.commands import argument, option, verb
from tuneworks.cli.session import Session, as_json
from tuneworks.core.text import Text

if TYPE_CHECKING:
    from tuneworks.core.types import Prediction


@verb(
    Text("Answer rows from a file or standard input.", "对文件或标准输入中的数据行做预测。"),
    Text(
        "Writes one JSON line a row, in order; in a terminal answers are written for reading. Reads JSON lines, CSV, "
        "plain lines of text, an image or a folder of images; with --json each line is the whole prediction record.",
        "按顺序为每一行写出一行 JSON；在终端中则写成便于阅读的形式。可读取 JSON 行、CSV、纯文本行、图像或图像文件夹；"
        "加 --json 时每行是完整的预测记录。",
    ),
)
@shared.deployment(
    Text("A deployment, or a model version (then nothing is logged).", "部署，或模型版本（此时不记录日志）。")
)
@argument("file", default="-", about=Text("The file to read; - is standard input.", "要读取的文件；- 表示标准输入。"))
@option(
    "--format",
    "layout",
    type=click.Choice(["auto", "jsonl", "csv", "lines"]),
    default="auto",
    about=Text("How the rows are written.", "数据行的格式。"),
)
@option("--key", metavar="COLUMN", about=Text("The column that holds your own keys.", "存放您自己的键的列。"))
@option("--no-log", is_flag=True, about=Text("Keep no record of these predictions.", "不保存本次预测的记录。"))
def command(session: Session, deployment: str, file: str, layout: str, key: str | None, no_log: bool) -> None:
    from pathlib import Path

    from tuneworks.cli.progress import lines
    from tuneworks.flows.predict_file import predict_file

    source = sys.stdin.buffer if file == "-" else Path(file)
    with session.open() as workspace:
        predictions = predict_file(
            deployment,
            source,
            layout=layout,
            key=key,
            log=not no_log,
            workspace=workspace,
            listener=lines(sys.stderr),
        )
        for prediction in predictions:
            click.echo(_written(prediction, whole=session.json))


def _written(prediction: Prediction, *, whole: bool) -> str:
    if not whole and sys.stdout.isatty():
        from tuneworks.cli.answers import answer_line

        return f"{prediction.key or prediction.id}  {answer_line(prediction)}"
    short = {"id": prediction.id, "key": prediction.key, "answer": prediction.answer}
    return as_json(prediction if whole else short)
