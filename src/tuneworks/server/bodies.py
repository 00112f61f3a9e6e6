"""What requests and answers hold that is not a stored record itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tuneworks.core.answers import Answer
from tuneworks.core.types import Deployment


@dataclass(frozen=True)
class PredictRequest:
    """Rows to answer (``rows``, or one ``row``), and optionally your own name for each (``keys``).

    ``stream``: the text written for one row is sent as it comes, as server-sent events.
    """

    rows: tuple[Mapping[str, Any], ...] | None = None
    row: Mapping[str, Any] | None = None
    keys: tuple[str, ...] | None = None
    stream: bool = False


@dataclass(frozen=True)
class Predicted:
    """One answer: ``id`` is what feedback refers to; ``version`` is the model that answered."""

    id: str
    answer: Answer
    version: str
    milliseconds: float
    key: str | None = None


@dataclass(frozen=True)
class PredictResponse:
    """The answers, one a row, in the order of the rows."""

    deployment: str
    predictions: tuple[Predicted, ...]


@dataclass(frozen=True)
class FeedbackRequest:
    """The true target (``value``: a label, or a list of spans), or only whether the answer was right (``correct``).

    ``weight`` counts in watching (realised performance), not in training.
    """

    value: Any = None
    correct: bool | None = None
    source: str = "user"
    weight: float = 1.0


@dataclass(frozen=True)
class Served:
    """A deployment with its champion's label, such as ``tickets@3``, and its challenger's where it tries one."""

    deployment: Deployment
    champion: str
    previous: tuple[str, ...]
    challenger: str | None = None


@dataclass(frozen=True)
class Health:
    """The server answers; the versions its deployments serve, told to callers with a key."""

    status: str
    version: str
    deployments: Mapping[str, str]


@dataclass(frozen=True)
class Problem:
    """An error (RFC 9457): ``code`` is stable; ``detail`` says what is wrong, ``hint`` what to do.

    ``request_id`` is what the answer's ``X-Request-Id`` says too.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    hint: str
    errors: tuple[Mapping[str, str], ...] = field(default=())
    request_id: str = ""


PREDICT_EXAMPLES = {
    "one row": {"value": {"row": {"text": "my parcel is late"}}},
    "several rows": {
        "value": {"rows": [{"text": "my parcel is late"}, {"text": "重复扣款了"}], "keys": ["order-17", "order-18"]}
    },
}
PREDICT_ANSWER_EXAMPLE = {
    "deployment": "tickets",
    "predictions": [
        {
            "id": "pred-5f0c3a9be1d24c77",
            "answer": {
                "label": "delivery",
                "score": 0.97,
                "scores": {"delivery": 0.97, "payment": 0.03},
                "kind": "classes",
            },
            "version": "tickets@3",
            "milliseconds": 1.8,
            "key": None,
        }
    ],
}
FEEDBACK_EXAMPLES = {
    "the true label": {"value": {"value": "payment", "source": "reviewer"}},
    "the true spans": {"value": {"value": [{"start": 0, "end": 5, "label": "PERSON"}]}},
    "a verdict alone": {"value": {"correct": False}},
}
