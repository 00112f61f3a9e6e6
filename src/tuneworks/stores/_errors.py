"""What a database refuses, as errors that say what to do."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, IntegrityError

from tuneworks.core.errors import Conflict, InvalidConfig, InvalidInput, Unavailable
from tuneworks.core.text import Text


@contextmanager
def plain_errors(url: URL) -> Iterator[None]:
    """What a database refuses, as an error that says what to do; bugs pass through."""
    try:
        yield
    except IntegrityError as error:
        raise Conflict(
            Text("Another record of the same name or number was written first.", "同名或同编号的另一条记录已先写入。"),
            Text("Look at what is there now, then try again.", "请查看当前的记录后重试。"),
        ) from error
    except UnicodeEncodeError as error:
        raise InvalidInput(
            Text(
                f"A text holds half a character (U+{ord(error.object[error.start]):04X}) and cannot be stored.",
                f"文本中含有半个字符（U+{ord(error.object[error.start]):04X}），无法保存。",
            ),
            Text("Send the text as valid UTF-8.", "请以有效的 UTF-8 提供文本。"),
        ) from error
    except (DBAPIError, sqlite3.DatabaseError) as error:
        unavailable = _unavailable(url, str(getattr(error, "orig", error)))
        if unavailable is None:
            raise
        raise unavailable from error


ADVICE = {
    "not a database": Text(
        "The file is no Tuneworks store: move it away, or choose another workspace with --workspace PATH.",
        "该文件不是 Tuneworks 数据库：请将其移走，或用 --workspace 路径 选择其他工作区。",
    ),
    "malformed": Text("The file is damaged: restore it from a backup.", "文件已损坏：请从备份恢复。"),
    "locked": Text(
        "Another process has been writing for more than 10 seconds: wait for it to end, then try again.",
        "另一个进程已持续写入超过 10 秒：请等它结束后重试。",
    ),
    "full": Text("Free some disk space, then try again; nothing was changed.", "请释放磁盘空间后重试；数据未被更改。"),
    "readonly": Text(
        "Check that you may write to the file and its folder.", "请检查您对该文件及其文件夹是否有写权限。"
    ),
    "unable to open": Text(
        "Check that the folder exists and that you may write to it.", "请检查文件夹是否存在以及您是否有写权限。"
    ),
    "disk I/O": Text("Check the disk, then try again; nothing was changed.", "请检查磁盘后重试；数据未被更改。"),
    "password authentication": Text(
        "Check the user and the password: they may stand in the address or in PGUSER and PGPASSWORD.",
        "请检查用户名和密码：可写在地址中，或设置 PGUSER 与 PGPASSWORD。",
    ),
    "does not exist": Text(
        "Create the database or the role first: createdb NAME, createuser NAME.",
        "请先创建数据库或用户：createdb 名称、createuser 名称。",
    ),
    "connect": Text(
        "Check that the database server runs and the address is right.", "请检查数据库服务是否运行、地址是否正确。"
    ),
}


def _unavailable(url: URL, reason: str) -> Unavailable | None:
    fix = next((advice for sign, advice in ADVICE.items() if sign in reason), None)
    place = _place(url)
    problem = Text(f"The store {place} cannot be used: {reason}.", f"数据库 {place} 无法使用：{reason}。")
    return Unavailable(problem, fix) if fix else None


def too_new(url: URL, revision: str, known: str) -> Unavailable:
    place = _place(url)
    return Unavailable(
        Text(
            f"The store {place} was written by a newer Tuneworks (schema {revision}, this one knows {known}).",
            f"数据库 {place} 由更新版本的 Tuneworks 写入（结构版本 {revision}，当前版本只支持到 {known}）。",
        ),
        Text("Update Tuneworks: pip install --upgrade tuneworks", "请升级 Tuneworks：pip install --upgrade tuneworks"),
    )


def not_a_store(address: str) -> InvalidConfig:
    return InvalidConfig(
        Text(f"{address} is not the address of a store.", f"{address} 不是有效的数据库地址。"),
        Text(
            "Give PostgreSQL's, such as postgresql://user@host:5432/database, or a folder.",
            "请提供 PostgreSQL 地址，例如 postgresql://user@host:5432/database，或一个文件夹。",
        ),
    )


def changed(record: Any) -> Conflict:
    kind = type(record).__name__
    return Conflict(
        Text(
            f"The {kind} {record.id!r} was changed by somebody else meanwhile.", f"{kind} {record.id!r} 已被他人修改。"
        ),
        Text("Look at what is there now, then try again.", "请查看当前的记录后重试。"),
    )


def _place(url: URL) -> str:
    return str(url.database) if url.drivername.startswith("sqlite") else url.render_as_string(hide_password=True)
