"""What a deployment's requests come to, counted for whoever watches the service."""

from __future__ import annotations

from collections.abc import Sequence

from tuneworks.core.answers import Answer, ClassAnswer
from tuneworks.core.errors import InvalidInput, NotFound, Overloaded
from tuneworks.core.meters import PREDICTIONS, REQUEST_SECONDS, REQUESTS, count, observe
from tuneworks.core.types import ModelVersion

MOST_LABELS = 200
OUTCOMES = {InvalidInput: "wrong", NotFound: "wrong", Overloaded: "refused"}


def note_answers(deployment: str, version: ModelVersion, answers: Sequence[Answer], seconds: float) -> None:
    """Count a request that was answered, its seconds, and its answers by label."""
    label = version.label
    count(REQUESTS, deployment, label, "answered")
    observe(REQUEST_SECONDS, seconds, deployment, label)
    named = 0 < len(version.spec.labels) <= MOST_LABELS
    for answer in answers:
        count(PREDICTIONS, deployment, label, answer.label if named and isinstance(answer, ClassAnswer) else "")


def note_failure(deployment: str, error: BaseException) -> None:
    """Count a request that was not answered: ``wrong`` (the caller's), ``refused`` (too many), ``failed`` (ours)."""
    outcome = next((name for kind, name in OUTCOMES.items() if isinstance(error, kind)), "failed")
    count(REQUESTS, deployment, "", outcome)
