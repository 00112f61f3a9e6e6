"""``tuneworks serve``: answer over HTTP."""

from __future__ import annotations

import sys

import click

from tuneworks.cli.commands import option, verb
from tuneworks.cli.session import Session
from tuneworks.core.text import Text


@verb(Text("Serve all deployments over HTTP.", "通过 HTTP 提供所有部署。"))
@option("--host", default="127.0.0.1", metavar="ADDRESS", about=Text("The address to listen on.", "监听地址。"))
@option("--port", type=click.IntRange(0, 65535), default=8765, metavar="NUMBER", about=Text("The port.", "端口。"))
def command(session: Session, host: str, port: int) -> None:
    from tuneworks.cli.progress import lines
    from tuneworks.server.run import serve

    with session.open() as workspace:
        serve(
            host=host,
            port=port,
            workspace=workspace,
            ready=lambda url: announce(session, url),
            listener=lines(sys.stderr),
        )


def announce(session: Session, url: str) -> None:
    """Say where the server answers, once it does."""
    session.result({"url": url}, Text(f"Serving at {url} (Ctrl-C stops it)", f"服务地址：{url}（按 Ctrl-C 停止）"))
