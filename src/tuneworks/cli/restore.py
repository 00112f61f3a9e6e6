"""``tuneworks restore``: bring a backup back."""

from __future__ import annotations

from tuneworks.cli.commands import argument, verb
from tuneworks.cli.session import Session
from tuneworks.core.text import Text


@verb(
    Text("Bring a backup back into an empty workspace.", "将备份恢复到空的工作区。"),
    Text(
        "Every byte is verified before anything is written; a broken archive, and a workspace that holds anything, are "
        "refused.",
        "写入之前会校验每个字节；损坏的归档与非空的工作区一律拒绝。",
    ),
)
@argument("file", about=Text("A file that backup wrote.", "由 backup 写出的文件。"))
def command(session: Session, file: str) -> None:
    from tuneworks.flows.restore import restore

    with session.work() as (workspace, listener):
        restored = restore(file, workspace=workspace, listener=listener)
        session.result(
            restored,
            Text(
                f"{workspace.address}: {restored.records} records, {restored.blobs} blobs, "
                f"as of {restored.made[:19]} UTC",
                f"{workspace.address}：{restored.records} 条记录，{restored.blobs} 个数据块，"
                f"截至 {restored.made[:19]}（世界时）",
            ),
        )
