"""Whether two versions answer the same question: one task on the same input columns."""

from __future__ import annotations

from tuneworks.core.errors import InvalidInput
from tuneworks.core.text import Text
from tuneworks.core.types import ModelVersion


def must_ask_alike(champion: ModelVersion, challenger: ModelVersion, fix: Text) -> None:
    """Raise ``InvalidInput`` with the fix where the challenger has another task or reads other columns."""
    if (champion.spec.task, champion.spec.inputs) == (challenger.spec.task, challenger.spec.inputs):
        return
    raise InvalidInput(
        Text(
            f"{challenger.label} does not answer the same question as {champion.label}: "
            f"{_question(challenger)} instead of {_question(champion)}.",
            f"{challenger.label} 与 {champion.label} 回答的不是同一个问题：前者为 {_question(challenger)}，"
            f"后者为 {_question(champion)}。",
        ),
        fix,
    )


def _question(version: ModelVersion) -> str:
    return f"{version.spec.task}({', '.join(version.spec.inputs.values())})"
