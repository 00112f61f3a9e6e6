"""Progress on standard error: a bar with rate and time left in a terminal, plain lines in a pipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from tuneworks.core.text import Text

if TYPE_CHECKING:
    from tuneworks.core.events import Listener
    from tuneworks.core.types import Event

FIGURES = {
    "value": Text("value", "数值"),
    "threshold": Text("threshold", "阈值"),
    "strength": Text("strength", "强度"),
    "temperature": Text("temperature", "温度"),
    "validation": Text("validation", "验证"),
    "loss": Text("loss", "损失"),
    "learning_rate": Text("learning_rate", "学习率"),
    "gradient_norm": Text("gradient_norm", "梯度范数"),
    "tokens_per_second": Text("tokens_per_second", "每秒词元数"),
    "seconds_left": Text("seconds_left", "剩余秒数"),
    "seconds": Text("seconds", "秒数"),
}


@contextmanager
def progress(stream: TextIO) -> Iterator[Listener]:
    """A listener for the length of one command."""
    if not stream.isatty():
        yield lines(stream)
        return
    with _bars(stream) as bars:
        yield _Bars(bars)


def lines(stream: TextIO) -> Listener:
    """A listener that writes what matters, a line each, and no counting."""

    def write(event: Event) -> None:
        if event.step is None:
            values = figures(event.values)
            print(f"{event.message}  {values}" if values else event.message, file=stream, flush=True)

    return write


class _Bars:
    """One bar for each counted piece of work; other events are printed above."""

    def __init__(self, bars: Any) -> None:
        self.bars = bars
        self.tasks: dict[str, Any] = {}

    def __call__(self, event: Event) -> None:
        if event.step is None:
            self.bars.console.print(str(event.message), markup=False, highlight=False)
            return
        name = event.message.en
        if name not in self.tasks:
            self.tasks[name] = self.bars.add_task(str(event.message), total=event.total, values="")
        self.bars.update(
            self.tasks[name], completed=event.step, total=event.total, values=figures(_beside_the_bar(event.values))
        )


def _bars(stream: TextIO) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text as RichText

    class Rate(ProgressColumn):
        """How many a second."""

        def render(self, task: Any) -> RichText:
            rate = task.finished_speed or task.speed
            return RichText(f"{rate:.1f}/s" if rate else "")

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), Rate())
    values = TextColumn("{task.fields[values]}", markup=False)
    return Progress(*columns, TimeRemainingColumn(), values, console=Console(file=stream), transient=True)


def figures(values: Mapping[str, float]) -> str:
    """Values with their names."""
    return "  ".join(f"{FIGURES.get(name, name)} {value:.4g}" for name, value in values.items())


def _beside_the_bar(values: Mapping[str, float]) -> Mapping[str, float]:
    """What the bar does not tell itself."""
    return {name: value for name, value in values.items() if name != "seconds_left"}
