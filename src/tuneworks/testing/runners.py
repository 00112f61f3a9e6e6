"""What every runner must keep to: the public contract suite, plain functions with asserts."""

from __future__ import annotations

import pytest

from tuneworks.core.keeping import Runner


def check_runner(runner: Runner) -> None:
    """Every promise of the contract."""
    for check in CHECKS:
        check(runner)


def check_the_work_is_done_once(runner: Runner) -> None:
    """The work is done once, and what it gives is handed back."""
    done: list[str] = []

    def work() -> int:
        done.append("once")
        return 42

    assert runner.submit("run-1", work) == 42
    assert done == ["once"]


def check_no_error_is_hidden(runner: Runner) -> None:
    """An error of the work reaches the caller as it is, and the runner goes on."""
    with pytest.raises(ZeroDivisionError):
        runner.submit("run-1", lambda: 1 // 0)
    assert runner.submit("run-2", lambda: "next") == "next"


CHECKS = (check_the_work_is_done_once, check_no_error_is_hidden)
