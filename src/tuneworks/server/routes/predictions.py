"""Predictions that were given: where they came from, and whether they were right."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Request

from tuneworks.core.access import LABELLER, VIEWER
from tuneworks.core.types import Feedback, Prediction
from tuneworks.flows.feedback import feedback
from tuneworks.flows.lineage import Lineage, lineage_of
from tuneworks.server.access import ITSELF, must_reach, needs
from tuneworks.server.bodies import FEEDBACK_EXAMPLES, FeedbackRequest
from tuneworks.server.problems import documented

router = APIRouter(prefix="/v1/predictions", tags=["predictions"])


@router.get("/{id}", summary="An answer and all it came from · 一个答案及其全部来源", responses=documented(404))
@needs(VIEWER, deployment=ITSELF)
def show_prediction(request: Request, id: str) -> Lineage:
    _must_reach_prediction(request, id)
    return lineage_of(id, workspace=request.app.state.workspace)


@router.post(
    "/{id}/feedback",
    summary="Say what the answer should have been, or whether it was right · 给出正确答案，或说明答案是否正确",
    status_code=201,
    responses=documented(400, 404, 422),
)
@needs(LABELLER, deployment=ITSELF)
def give_feedback(
    request: Request, id: str, body: Annotated[FeedbackRequest, Body(openapi_examples=FEEDBACK_EXAMPLES)]
) -> Feedback:
    _must_reach_prediction(request, id)
    return feedback(
        id,
        value=body.value,
        correct=body.correct,
        source=body.source,
        weight=body.weight,
        workspace=request.app.state.workspace,
    )


def _must_reach_prediction(request: Request, id: str) -> None:
    """A prediction of another deployment is none of the key's business; one that is not there is told further on."""
    prediction = request.app.state.workspace.store.get(Prediction, id)
    if prediction is not None:
        must_reach(request, prediction.deployment)
