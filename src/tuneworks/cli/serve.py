"""``tuneworks serve``: answer over HTTP."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from tuneworks.cli.commands import option, verb
from tuneworks.cli.session import Session
from tuneworks.core.text import Text

if TYPE_CHECKING:
    from pathlib import Path


@verb(Text("Serve all deployments over HTTP.", "通过 HTTP 提供所有部署。"))
@option("--host", default="127.0.0.1", metavar="ADDRESS", about=Text("The address to listen on.", "监听地址。"))
@option("--port", type=click.IntRange(0, 65535), default=8765, metavar="NUMBER", about=Text("The port.", "端口。"))
@option("--tls-cert", metavar="FILE", about=Text("A certificate (PEM): speak TLS.", "证书（PEM）：启用 TLS。"))
@option("--tls-key", metavar="FILE", about=Text("The certificate's key (PEM).", "证书私钥（PEM）。"))
@option(
    "--proxy",
    "proxies",
    multiple=True,
    metavar="ADDRESS",
    about=Text(
        "A proxy with TLS in front; only it may ask from beyond this machine. May be repeated.",
        "前置的 TLS 代理；本机之外仅允许它访问。可重复使用。",
    ),
)
@option(
    "--allow-host",
    "hosts",
    multiple=True,
    metavar="NAME",
    about=Text("A name clients call it by. May be repeated.", "客户端使用的主机名。可重复使用。"),
)
def command(
    session: Session,
    host: str,
    port: int,
    tls_cert: str | None,
    tls_key: str | None,
    proxies: tuple[str, ...],
    hosts: tuple[str, ...],
) -> None:
    from tuneworks.cli.progress import lines
    from tuneworks.core.access import TOKEN_FILE
    from tuneworks.flows.keys import first_token
    from tuneworks.server.exposure import Exposure
    from tuneworks.server.run import serve

    exposure = Exposure(_path(tls_cert), _path(tls_key), proxies, hosts)
    exposure.checked(host)
    with session.open() as workspace:
        if token := first_token(workspace):
            session.note(welcome(token, str(workspace.root / TOKEN_FILE), shown=sys.stderr.isatty()))
        serve(
            host=host,
            port=port,
            workspace=workspace,
            ready=lambda url: announce(session, url),
            listener=lines(sys.stderr),
            exposure=exposure,
        )


def announce(session: Session, url: str) -> None:
    """Say where the server answers, once it does."""
    session.result({"url": url}, Text(f"Serving at {url} (Ctrl-C stops it)", f"服务地址：{url}（按 Ctrl-C 停止）"))


def welcome(token: str, file: str, *, shown: bool) -> Text:
    """What a first start says of the administrator's token; the token itself only to a person at a terminal."""
    if shown:
        return Text(
            f"First start. The administrator's token, shown this once and kept in {file}:\n{token}",
            f"首次启动。管理员令牌如下，仅显示这一次，并保存于 {file}：\n{token}",
        )
    return Text(
        f"First start. The administrator's token is in {file}; nobody but you can read it.",
        f"首次启动。管理员令牌保存于 {file}，仅您本人可读。",
    )


def _path(given: str | None) -> Path | None:
    from pathlib import Path

    return Path(given) if given else None
