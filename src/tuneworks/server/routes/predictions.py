"""Predictions that were given: where they came from, and whether they were right."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Request

from tuneworks.core.types import Feedback
from tuneworks.flows.feedback import feedback
from tuneworks.flows.lineage import Lineage, lineage_of
from tuneworks.server.bodies import FEEDBACK_EXAMPLES, FeedbackRequest
from tuneworks.server.problems import documented

router = APIRouter(prefix="/v1/predictions", tags=["predictions"])


@router.get("/{id}", summary="An answer and all it came from · 一个答案及其全部来源", responses=documented(404))
def show_prediction(request: Request, id: str) -> Lineage:
    return lineage_of(id, workspace=request.app.state.workspace)


@router.post(
    "/{id}/feedback",
    summary="Say what the answer should have been, or whether it was right · 给出正确答案，或说明答案是否正确",
    status_code=201,
    responses=documented(400, 404, 422),
)
def give_feedback(
    request: Request, id: str, body: Annotated[FeedbackRequest, Body(openapi_examples=FEEDBACK_EXAMPLES)]
) -> Feedback:
    return feedback(
        id,
        value=body.value,
        correct=body.correct,
        source=body.source,
        weight=body.weight,
        workspace=request.app.state.workspace,
    )
