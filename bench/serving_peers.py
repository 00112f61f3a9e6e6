"""Other servers with the same model, run by an interpreter that has them:

    python serving_peers.py fastapi|bentoml|litserve pipeline|engine FOLDER PORT

``pipeline``: the stock transformers pipeline on ``FOLDER/stock``, each server as its own docs show it, with its
batching on. ``engine``: our engine on the workspace of ``FOLDER``, one single-threaded worker a core.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

WORKERS = 2
BATCH = 16
KIND, FOLDER = os.environ.get("PEER_KIND", ""), Path(os.environ.get("PEER_FOLDER", "."))
Answers = Callable[[Sequence[str]], list[Any]]


def opened() -> Answers:
    """The model, ready to be asked texts."""
    if KIND == "engine":
        from tuneworks.core.types import Deployment
        from tuneworks.core.workspace import Workspace
        from tuneworks.serving.engine import engine_of

        workspace = Workspace.open(FOLDER / ".tuneworks")
        served, engine = workspace.store.find(Deployment)[0].champion, engine_of(workspace)
        return lambda texts: [
            {"label": answer.label, "score": float(answer.score)}
            for answer in engine.answer(served, [{"text": text} for text in texts])[1]
        ]
    import torch
    from transformers import pipeline

    torch.set_num_threads(WORKERS)
    made = pipeline("text-classification", model=str(FOLDER / "stock"), tokenizer=str(FOLDER / "stock"), device=-1)
    return lambda texts: list(made(list(texts), batch_size=len(texts)))


def fastapi(port: int) -> None:
    """The pipeline behind a plain function, as its pages show."""
    import uvicorn
    from fastapi import FastAPI
    from pydantic import BaseModel

    class Asked(BaseModel):
        text: str

    app, answers = FastAPI(), opened()

    def predict(asked: Asked) -> Any:
        return answers([asked.text])[0]

    predict.__annotations__["asked"] = Asked
    app.post("/predict")(predict)
    uvicorn.run(app, port=port, log_level="warning")


def litserve(port: int) -> None:
    """A LitAPI that batches."""
    import litserve

    class Api(litserve.LitAPI):
        def setup(self, device: Any) -> None:
            self.answers = opened()

        def decode_request(self, request: Any) -> Any:
            return request["text"]

        def predict(self, texts: Any) -> Any:
            return self.answers(texts)

        def encode_response(self, output: Any) -> Any:
            return output

    workers = WORKERS if KIND == "engine" else 1
    api = Api(max_batch_size=BATCH, batch_timeout=0.01)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=workers)
    server.run(port=port, log_level="warning", generate_client_file=False)


def bentoml_service() -> Any:
    """A service with adaptive batching."""
    import bentoml

    class Classifier:
        def __init__(self) -> None:
            self.answers = opened()

        @bentoml.api(batchable=True, max_batch_size=BATCH, max_latency_ms=60_000)
        def predict(self, texts: list[str]) -> list[dict]:
            return self.answers(texts)

    Classifier.predict.func.__annotations__.update(texts=list[str])
    return bentoml.service(workers=WORKERS if KIND == "engine" else 1, traffic={"timeout": 120})(Classifier)


def bentoml(port: int) -> None:
    """The service by BentoML's own command, which imports it from here."""
    here = Path(__file__).resolve()
    command = [sys.executable, "-m", "bentoml", "serve", f"{here.stem}:served", "--port", str(port)]
    os.chdir(here.parent)
    os.execv(sys.executable, command)


if __name__ == "__main__":
    name, kind, folder, port = sys.argv[1:]
    os.environ.update(PEER_KIND=kind, PEER_FOLDER=folder, OMP_NUM_THREADS="1" if kind == "engine" else str(WORKERS))
    KIND, FOLDER = kind, Path(folder)
    {"fastapi": fastapi, "bentoml": bentoml, "litserve": litserve}[name](int(port))
elif KIND:
    served = bentoml_service()
