"""A model behind BentoML, its adaptive batching on: ``behind_bentoml.py PORT`` starts its own command on this file."""

import os
import sys
from pathlib import Path

import bentoml
from model import BATCH, WORKERS, opened


@bentoml.service(workers=WORKERS, traffic={"timeout": 120})
class Classifier:
    """Texts in batches."""

    def __init__(self) -> None:
        self.answers = opened()

    @bentoml.api(batchable=True, max_batch_size=BATCH, max_latency_ms=60_000)
    def predict(self, texts: list[str]) -> list[dict]:
        return self.answers(texts)


if __name__ == "__main__":
    here = Path(__file__).resolve()
    os.chdir(here.parent)
    command = [sys.executable, "-m", "bentoml", "serve", f"{here.stem}:Classifier", "--port", sys.argv[1]]
    os.execv(sys.executable, command)
