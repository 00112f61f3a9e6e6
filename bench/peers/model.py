"""What the other servers serve: the stock pipeline, or our engine; said by the environment, since they start workers.

``PEER_KIND``: ``pipeline`` (the stock transformers pipeline on ``PEER_FOLDER/stock``) or ``engine`` (ours on the
workspace of that folder). ``PEER_WORKERS``: how many single-threaded workers an engine gets.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

BATCH = 16
THREADS = 2
IS_ENGINE = os.environ["PEER_KIND"] == "engine"
WORKERS = THREADS if IS_ENGINE else 1
Answers = Callable[[Sequence[str]], list[Any]]


def opened() -> Answers:
    """The model, ready to be asked texts."""
    folder = Path(os.environ["PEER_FOLDER"])
    return _engine(folder) if IS_ENGINE else _pipeline(folder / "stock")


def _engine(folder: Path) -> Answers:
    from tuneworks.core.types import Deployment
    from tuneworks.core.workspace import Workspace
    from tuneworks.serving.engine import engine_of

    workspace = Workspace.open(folder / ".tuneworks")
    served, engine = workspace.store.find(Deployment)[0].champion, engine_of(workspace)

    def answers(texts: Sequence[str]) -> list[Any]:
        _, given = engine.answer(served, [{"text": text} for text in texts])
        return [{"label": answer.label, "score": float(answer.score)} for answer in given]

    return answers


def _pipeline(folder: Path) -> Answers:
    import torch
    from transformers import pipeline

    torch.set_num_threads(THREADS)
    made = pipeline("text-classification", model=str(folder), tokenizer=str(folder), device=-1)
    return lambda texts: list(made(list(texts), batch_size=len(texts)))
