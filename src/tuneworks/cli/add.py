"""``tuneworks add``: bring data in."""

from __future__ import annotations

from tuneworks.cli.commands import argument, option, verb
from tuneworks.cli.pairs import pairs
from tuneworks.cli.session import Session
from tuneworks.core.text import Text


@verb(
    Text("Bring data in as a dataset.", "导入数据，成为数据集。"),
    Text(
        "Columns and their kinds are found by looking at the data. Adding again under the same name makes a new "
        "version; the same rows always have the same id.",
        "列及其类型由数据本身判断。以同一名称再次导入会产生新版本；相同的数据行总是得到相同的标识。",
    ),
)
@argument("sources", nargs=-1, required=True, about=Text("Files or folders to read.", "要读取的文件或文件夹。"))
@option("--name", metavar="NAME", about=Text("The dataset's name. Default: the file's.", "数据集名称。默认取文件名。"))
@option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="COLUMN=KIND",
    about=Text(
        "Set a column's kind: text, category, labels, number, time, image, spans, messages.",
        "指定某列的类型：text、category、labels、number、time、image、spans、messages。",
    ),
)
def command(session: Session, sources: tuple[str, ...], name: str | None, kinds: tuple[str, ...]) -> None:
    from tuneworks.flows.add import add

    with session.work() as (workspace, listener):
        dataset = add(*sources, name=name, kinds=pairs(kinds) or None, workspace=workspace, listener=listener)
    columns = ", ".join(f"{column.name} ({column.kind})" for column in dataset.columns)
    session.result(
        dataset,
        Text(f"{dataset.rows} rows, dataset {dataset.id[:12]}", f"{dataset.rows} 行，数据集 {dataset.id[:12]}"),
        Text(f"Columns: {columns}", f"列：{columns}"),
    )
