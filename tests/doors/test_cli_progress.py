"""Progress is a bar in a terminal and a few plain lines in a pipe; results are never mixed with it."""

from __future__ import annotations

from io import StringIO

from tuneworks.cli.progress import progress
from tuneworks.core.events import advance, counted, tell
from tuneworks.core.text import Text, language

READING = Text("Reading rows", "读取数据行")


class Terminal(StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_pipe_gets_what_matters_and_no_counting() -> None:
    stream = StringIO()
    with progress(stream) as listener:
        assert list(counted(range(5), listener, READING)) == [0, 1, 2, 3, 4]
        tell(listener, "done", Text("5 rows read", "已读取 5 行"), values={"accuracy": 0.5})
    assert stream.getvalue() == "5 rows read  accuracy 0.5\n"


def test_a_terminal_gets_a_bar_with_a_count() -> None:
    stream = Terminal()
    with progress(stream) as listener:
        advance(listener, READING, 3, 10, values={"loss": 0.25})
        tell(listener, "note", Text("half [bold]way", "过半"))
    assert "Reading rows" in stream.getvalue()
    assert "3/10" in stream.getvalue()
    assert "loss 0.25" in stream.getvalue()
    assert "half [bold]way" in stream.getvalue()


def test_progress_speaks_the_users_language() -> None:
    stream = StringIO()
    with language("zh"), progress(stream) as listener:
        tell(listener, "done", Text("5 rows read", "已读取 5 行"))
    assert stream.getvalue() == "已读取 5 行\n"
