"""The nouns of serving and watching; ``core.types`` holds them too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tuneworks.core.answers import Answer
from tuneworks.core.text import Text


@dataclass(frozen=True)
class Served:
    """A version as it is served: by which runtime, with which compiled files (name -> blob id).

    ``fidelity`` of compiled files: on how many held-out ``rows`` they were compared with the version as it was tuned,
    the share of equal answers (``agreement``) and how far scores are apart on average (``difference``).
    """

    version_id: str
    runtime: str
    compiled: Mapping[str, str] = field(default_factory=dict)
    fidelity: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Policy:
    """How a release is tried, and when it is taken back by itself.

    ``share``: of the requests a challenger in canary answers. ``window``: the newest requests of a version that are
    looked at together in one process; past ``error_share`` failed ones among at least ``fewest`` it is taken back.
    ``guard_minutes``: how long a new champion is looked after so. ``shadow_answers``: so many a challenger in shadow
    gives before it is promoted; 0 leaves that to people.
    """

    share: float = 0.1
    window: int = 100
    fewest: int = 20
    error_share: float = 0.05
    guard_minutes: float = 60.0
    shadow_answers: int = 0


@dataclass(frozen=True)
class Deployment:
    """What a name serves now. ``previous`` holds earlier champions, newest last, for ``rollback``.

    ``mode``: ``champion`` (one version answers), or how the challenger is tried: ``shadow`` (asked too, its answers
    logged and never given) or ``canary`` (it answers its share).
    """

    id: str
    champion: Served
    challenger: Served | None = None
    mode: str = "champion"
    policy: Policy = Policy()
    previous: tuple[Served, ...] = ()
    moved: str = ""


@dataclass(frozen=True)
class Move:
    """A change of what a deployment serves, and why.

    ``kind``: ``deployed``, ``promoted``, ``shadow`` or ``canary`` (tried so), ``discarded`` (tried no longer) or
    ``rolled-back``. ``version_id``: the version it is about; ``instead_of``: the champion that was there before.
    """

    id: str
    deployment: str
    kind: str
    version_id: str
    made: str
    reason: Text
    instead_of: str | None = None
    automatic: bool = False


@dataclass(frozen=True)
class Shadow:
    """What a challenger would have answered, beside the prediction that was given; ``error`` where it failed.

    ``same``: whether it names the same labels; ``None`` where answers are measured rather than named.
    """

    id: str
    deployment: str
    version_id: str
    prediction_id: str
    made: str
    milliseconds: float
    answer: Answer | None = None
    same: bool | None = None
    error: Text | None = None


@dataclass(frozen=True)
class Prediction:
    """One answer that was given, and all that is needed to ask later why."""

    id: str
    deployment: str
    version_id: str
    made: str
    inputs: Mapping[str, Any]
    answer: Answer
    milliseconds: float
    key: str | None = None
    trace: str | None = None


@dataclass(frozen=True)
class Feedback:
    """The truth about a prediction, found by its id or by the caller's key.

    ``value`` is the whole true target (an empty list means: none); a verdict without truth has ``correct`` alone.
    ``weight`` counts in watching, not in training; ``note`` tells of labels new to the version that answered.
    """

    id: str
    made: str
    prediction_id: str | None = None
    key: str | None = None
    source: str = "user"
    value: Any = None
    correct: bool | None = None
    weight: float = 1.0
    error: float | None = None
    note: Text | None = None


@dataclass(frozen=True)
class Signal:
    """What a detector measured on a deployment; ``raised`` when the value is past the threshold."""

    id: str
    deployment: str
    detector: str
    value: float
    threshold: float
    raised: bool
    window: int
    message: Text
    made: str
    seen: bool = False
