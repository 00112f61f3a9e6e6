"""Explanations: what an answer rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request

from tuneworks.core.access import VIEWER
from tuneworks.core.errors import InvalidInput
from tuneworks.core.explaining import Explanation
from tuneworks.core.text import Text
from tuneworks.flows.explain import AUTO, explain
from tuneworks.flows.references import deployment_of
from tuneworks.server.access import needs
from tuneworks.server.marks import answered_by
from tuneworks.server.metering import spend
from tuneworks.server.problems import documented

MOST_ROWS = 16
router = APIRouter(prefix="/v1/deployments", tags=["deployments"])


@dataclass(frozen=True)
class ExplainRequest:
    """What to explain: a logged prediction by its id, or rows (``rows``, or one ``row``), at most 16.

    ``explainer``: how; ``auto`` chooses the one that fits the model and costs the least.
    """

    prediction: str | None = None
    rows: tuple[Mapping[str, Any], ...] | None = None
    row: Mapping[str, Any] | None = None
    explainer: str = AUTO


@dataclass(frozen=True)
class ExplainResponse:
    """The explanations, one a row, in order; nearest training rows come by number, without what stands in them."""

    deployment: str
    explanations: tuple[Explanation, ...]


EXAMPLES: Any = {
    "one row": {"value": {"row": {"text": "my parcel is late"}}},
    "rows, by nearest training rows": {"value": {"rows": [{"text": "重复扣款了"}], "explainer": "nearest"}},
}


@router.post(
    "/{name}/explain",
    summary="What answers rest on; nothing is logged · 答案的依据；不产生日志",
    responses=documented(400, 404, 413, 422, 501, 503),
)
@needs(VIEWER, deployment="name")
def explain_answers(
    request: Request, name: str, body: Annotated[ExplainRequest, Body(openapi_examples=EXAMPLES)]
) -> ExplainResponse:
    workspace = request.app.state.workspace
    found = deployment_of(workspace, name)
    rows = _rows(body)
    with request.app.state.long_work:
        explanations = explain(
            found.id, rows, prediction=body.prediction, explainer=body.explainer, workspace=workspace
        )
    answered_by(request, explanations[0].version)
    spend(request.scope, found.id, (one.inputs for one in explanations))
    return ExplainResponse(found.id, tuple(map(_bare, explanations)))


def _rows(body: ExplainRequest) -> list[Any]:
    given = [body.prediction is not None, body.rows is not None, body.row is not None]
    rows = [body.row] if body.row is not None else list(body.rows or ())
    if sum(given) == 1 and (body.prediction is not None or 1 <= len(rows) <= MOST_ROWS):
        return rows
    raise InvalidInput(
        Text(
            f'The body must have one of "prediction", "row" and "rows" (1 to {MOST_ROWS} of them).',
            f'请求体应包含 "prediction"、"row"、"rows"（1 至 {MOST_ROWS} 行）之一。',
        ),
        Text(
            'Send {"row": {...}} or {"prediction": "pred-..."}.',
            '请发送 {"row": {...}} 或 {"prediction": "pred-..."}。',
        ),
    )


def _bare(explanation: Explanation) -> Explanation:
    near = tuple(replace(one, inputs={}) for one in explanation.attribution.neighbours)
    return replace(explanation, attribution=replace(explanation.attribution, neighbours=near))
