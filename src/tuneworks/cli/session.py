"""What one call of the command line knows: where, in which language, and how to show results."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from tuneworks.core.text import Text

if TYPE_CHECKING:
    from tuneworks.core.workspace import Workspace


@dataclass
class Session:
    """The global options, wherever they stood on the line."""

    workspace: str | None = None
    lang: str | None = None
    json: bool = False

    @contextmanager
    def open(self) -> Iterator[Workspace]:
        """The workspace, tidied up after runs that were cut off, and closed at the end."""
        from tuneworks.core.recovery import recover
        from tuneworks.core.workspace import Workspace

        with Workspace.open(self.workspace) as workspace:
            for run in recover(workspace):
                self.note(Text(f"Run {run.id} was cut off. {run.error}", f"运行 {run.id} 曾被中断。{run.error}"))
            yield workspace

    @contextmanager
    def work(self) -> Iterator[tuple[Workspace, Any]]:
        """The workspace and a listener that shows progress on standard error."""
        from tuneworks.cli.progress import progress

        with self.open() as workspace, progress(sys.stderr) as listener:
            yield workspace, listener

    def result(self, value: Any, *lines: object) -> None:
        """The result: as JSON where asked for, else the lines meant for people."""
        if self.json:
            click.echo(as_json(value))
        else:
            for line in lines:
                click.echo(str(line))

    def note(self, text: Text) -> None:
        """Something to know that is not the result: one line on standard error."""
        click.echo(str(text), err=True)


def as_json(value: Any) -> str:
    """What a flow returned, as one JSON text."""
    import json

    from tuneworks.core.records import to_plain

    return json.dumps(to_plain(value), ensure_ascii=False, default=str)
