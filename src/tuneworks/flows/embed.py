"""Embed texts: the vectors that a deployment's encoder makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tuneworks.core.types import ModelVersion
from tuneworks.core.workspace import Workspace
from tuneworks.flows.guard import able
from tuneworks.flows.references import deployment_of
from tuneworks.serving.engine import engine_of
from tuneworks.serving.reading import embeddings


@dataclass(frozen=True)
class Embedded:
    """A vector of length 1 a text, in order; ``tokens``: how many of all texts the encoder read."""

    version: ModelVersion
    vectors: tuple[tuple[float, ...], ...]
    tokens: int


def embed(deployment: str, texts: Sequence[str], *, workspace: Workspace | None = None) -> Embedded:
    """The vectors of texts by the encoder of a deployment's champion; ``InvalidInput`` where it has none."""
    workspace = workspace or Workspace.open()
    found = deployment_of(workspace, deployment)
    loaded = engine_of(workspace).model(able(workspace, found, found.champion))
    vectors, tokens = embeddings(loaded, texts)
    return Embedded(loaded.version, tuple(tuple(vector) for vector in vectors.tolist()), sum(tokens))
