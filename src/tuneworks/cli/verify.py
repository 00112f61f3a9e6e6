"""``tuneworks verify``: whether a pack is whole and works here."""

from __future__ import annotations

import sys

from tuneworks.cli.commands import argument, verb
from tuneworks.cli.session import Session
from tuneworks.core.text import Text


@verb(
    Text("Check a pack: every byte, and the model's seal.", "校验离线包：逐字节比对，并校验模型的封存。"),
    Text("Nothing is installed, and no workspace is touched.", "不会安装任何内容，也不会改动任何工作区。"),
)
@argument("file", about=Text("The pack.", "离线包文件。"))
def command(session: Session, file: str) -> None:
    from tuneworks.cli.progress import progress
    from tuneworks.flows.verify import verify

    with progress(sys.stderr) as listener:
        found = verify(file, listener=listener)
    session.result(
        found,
        Text(
            f"{found.file} is whole: {found.files} files; {found.card.version} answers as it was sealed.",
            f"{found.file} 完整：共 {found.files} 个文件；{found.card.version} 的输出与封存时一致。",
        ),
    )
