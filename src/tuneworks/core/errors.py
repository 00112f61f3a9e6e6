"""Every error a user can cause or meet, in one tree.

::

    TuneworksError            exit 1   HTTP 500
    ├── InvalidInput          exit 65  HTTP 422   rows, files or requests that cannot be used as given
    │   ├── UnreadableFile    exit 65  HTTP 422   a file that is not what it claims to be
    │   └── UnsuitableData    exit 65  HTTP 422   readable rows that the task cannot learn from
    ├── InvalidConfig         exit 78  HTTP 422   a setting that does not exist or does not fit
    │   └── OverBudget        exit 78  HTTP 422   work that would not be done in the time it was given
    ├── NotFound              exit 66  HTTP 404   a name, id or address that leads nowhere
    ├── Conflict              exit 75  HTTP 409   somebody else changed or holds it
    ├── Unauthenticated       exit 77  HTTP 401   a request without a key, or with one that is not valid (any more)
    ├── Forbidden             exit 77  HTTP 403   a request that its key, or where it came from, does not allow
    │   └── Misdirected       exit 77  HTTP 421   a request to a host name that this server does not answer for
    ├── TooManyRequests       exit 75  HTTP 429   a key that is past its rate or quota for now
    ├── MissingExtra          exit 69  HTTP 501   an optional dependency that is not installed
    ├── BrokenSeal            exit 76  HTTP 503   a model folder that is not what was tuned
    ├── Untrusted             exit 76  HTTP 503   a model that the owner of the trusted key has not signed
    ├── RunStopped            exit 79  HTTP 409   work that somebody paused or cancelled
    ├── RunFailed             exit 70  HTTP 500   work that failed in another process
    └── Unavailable           exit 74  HTTP 503   the store, a disk or a network did not answer
        ├── Overloaded        exit 74  HTTP 503   more is asked than can be answered now
        └── TooLate           exit 74  HTTP 504   the time given for an answer has passed

The class name is the stable code. An error says what is wrong (with what was given) and what to do.
Bugs are not wrapped.
"""

from __future__ import annotations

from tuneworks.core.text import Text


class TuneworksError(Exception):
    """What is wrong, and what to do about it, in the user's language."""

    exit_code = 1
    http_status = 500

    def __init__(self, problem: Text, fix: Text) -> None:
        super().__init__(problem.en)
        self.problem = problem
        self.fix = fix

    @property
    def code(self) -> str:
        return type(self).__name__

    def __str__(self) -> str:
        return f"{self.problem}\n{self.fix}"


class InvalidInput(TuneworksError):
    """Rows, files or requests that cannot be used as they were given."""

    exit_code = 65
    http_status = 422


class UnreadableFile(InvalidInput):
    """A file that is not what it claims to be."""


class UnsuitableData(InvalidInput):
    """Readable rows that the task cannot learn from."""


class InvalidConfig(TuneworksError):
    """A setting that does not exist, or a combination that does not fit."""

    exit_code = 78
    http_status = 422


class OverBudget(InvalidConfig):
    """Work that would not be done in the time it was given; ``seconds`` is what it would take."""

    def __init__(self, problem: Text, fix: Text, seconds: float) -> None:
        super().__init__(problem, fix)
        self.seconds = seconds


class NotFound(TuneworksError):
    """A name, id, path or address that leads nowhere."""

    exit_code = 66
    http_status = 404


class Conflict(TuneworksError):
    """Somebody else changed the record, or holds the thing, since it was read."""

    exit_code = 75
    http_status = 409


class Unauthenticated(TuneworksError):
    """A request without a key, or with one that is unknown, expired or revoked."""

    exit_code = 77
    http_status = 401


class Forbidden(TuneworksError):
    """A request that its key does not allow, or that came from where it may not come from."""

    exit_code = 77
    http_status = 403


class Misdirected(Forbidden):
    """A request to a host name that this server does not answer for."""

    http_status = 421


class TooManyRequests(TuneworksError):
    """A key that is past its rate or quota; ``retry_seconds``: when to try again."""

    exit_code = 75
    http_status = 429

    def __init__(self, problem: Text, fix: Text, retry_seconds: float = 1.0) -> None:
        super().__init__(problem, fix)
        self.retry_seconds = retry_seconds


class MissingExtra(TuneworksError):
    """An optional dependency that is not installed."""

    exit_code = 69
    http_status = 501


class BrokenSeal(TuneworksError):
    """A model folder that is not the model that was tuned."""

    exit_code = 76
    http_status = 503


class Untrusted(TuneworksError):
    """A model that the owner of the key that this machine trusts has not signed: it may be as good as any."""

    exit_code = 76
    http_status = 503


class Unavailable(TuneworksError):
    """The store, a disk or a network that did not do what was asked."""

    exit_code = 74
    http_status = 503


class Overloaded(Unavailable):
    """More is asked than can be answered now; ``retry_seconds``: when to ask again."""

    def __init__(self, problem: Text, fix: Text, retry_seconds: int = 1) -> None:
        super().__init__(problem, fix)
        self.retry_seconds = retry_seconds


class TooLate(Unavailable):
    """The time that the caller gave for an answer has passed."""

    http_status = 504


class RunStopped(TuneworksError):
    """Work that stopped before its end because somebody wished so; ``wanted`` is pause or cancel."""

    exit_code = 79
    http_status = 409

    def __init__(self, problem: Text, fix: Text, wanted: str) -> None:
        super().__init__(problem, fix)
        self.wanted = wanted


class RunFailed(TuneworksError):
    """Work that failed in a process of its own."""

    exit_code = 70
    http_status = 500


class ProcessLost(RunFailed):
    """One of the processes that did a run together is gone; ``code``: what it ended with, where that is known."""

    def __init__(self, code: int | None = None) -> None:
        en, zh = (f" with code {code}", f"，代码 {code}") if code else ("", "")
        super().__init__(
            Text(
                f"One of the processes that did this run together ended{en} (-9: killed, often for want of memory).",
                f"共同执行此运行的一个进程已结束{zh}（-9 表示被终止，常因内存不足）。",
            ),
            Text(
                "Resume the run; where memory is short, tune anew with fewer processes.",
                "请恢复此运行；若内存不足，请减少 processes 后重新微调。",
            ),
        )
