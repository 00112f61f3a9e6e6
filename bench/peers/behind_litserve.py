"""A model behind LitServe, its batching on: ``behind_litserve.py PORT``."""

import sys
from typing import Any

import litserve
from model import BATCH, WORKERS, opened


class Api(litserve.LitAPI):
    """Texts in batches."""

    def setup(self, device: Any) -> None:
        self.answers = opened()

    def decode_request(self, request):  # an annotation would make it a query parameter
        return request["text"]

    def predict(self, texts: Any) -> Any:
        return self.answers(texts)

    def encode_response(self, output: Any) -> Any:
        return output


if __name__ == "__main__":
    server = litserve.LitServer(
        Api(max_batch_size=BATCH, batch_timeout=0.01), accelerator="cpu", workers_per_device=WORKERS
    )
    server.run(port=int(sys.argv[1]), log_level="warning", generate_client_file=False)
