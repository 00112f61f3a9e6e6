"""``tuneworks backup``: keep the whole workspace in one file."""

from __future__ import annotations

from tuneworks.cli.commands import argument, verb
from tuneworks.cli.session import Session
from tuneworks.core.text import Text


@verb(
    Text("Keep the whole workspace in one file, while it is in use.", "将整个工作区保存为一个文件，使用中亦可。"),
    Text(
        "The file holds the records of one moment and all they speak of, with the hash of every part. Tokens and "
        "encryption keys are not in it: keep those elsewhere.",
        "文件包含某一时刻的全部记录及其所涉内容，并附各部分的哈希。令牌与加密密钥不在其中，请另行保存。",
    ),
)
@argument("file", about=Text("The file to write; it must not exist yet.", "要写入的文件，必须尚不存在。"))
def command(session: Session, file: str) -> None:
    from tuneworks.flows.backup import backup

    with session.work() as (workspace, listener):
        made = backup(file, workspace=workspace, listener=listener)
    size = made.bytes / 2**20
    session.result(
        made,
        Text(
            f"{made.file}: {made.records} records, {made.blobs} blobs, {size:.1f} MB",
            f"{made.file}：{made.records} 条记录，{made.blobs} 个数据块，{size:.1f} MB",
        ),
        f"SHA-256 {made.sha256}",
    )
