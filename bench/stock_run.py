"""One complete training by the stock transformers Trainer on banking77: accuracy on the test rows, and seconds to it.

    python -m bench.stock_run

Configured as its text classification example is: AdamW, a rate of 5e-5 that falls linearly, three epochs, batches of 8
padded to their longest. The time that measuring takes is not counted.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.training_speed import DATA, LENGTH, stock_on
from tuneworks.statistics.intervals import mean_interval

EPOCHS, ROWS_A_BATCH, ROWS_AT_ONCE = 3, 8, 64
MEASURED = 6  # times, evenly
LEVEL = 0.925


def main(names: Sequence[str]) -> int:
    """Print the accuracy each time, and when it first reached the level."""
    from transformers import TrainerCallback

    data = DATA["banking77"]
    test = sorted(data.rows("test"), key=lambda row: len(row["text"]))

    class Measuring(TrainerCallback):
        began = beside = 0.0
        reached: float | None = None

        def on_train_begin(self, *args: Any, **others: Any) -> None:
            self.began = time.monotonic()

        def on_step_end(self, arguments: Any, state: Any, control: Any, **others: Any) -> None:
            if state.global_step % (state.max_steps // MEASURED):
                return
            paused = time.monotonic()
            seconds = paused - self.began - self.beside
            score = mean_interval(_right(stock, test, data.label))
            print(f"after {seconds:.0f} s: accuracy {score.value:.4f} [{score.low:.4f}, {score.high:.4f}]", flush=True)
            if score.value >= LEVEL and self.reached is None:
                self.reached = seconds
            self.beside += time.monotonic() - paused

    watch = Measuring()
    with tempfile.TemporaryDirectory() as folder:
        stock = stock_on(data, Path(folder), watch, pad=False, rows_a_batch=ROWS_A_BATCH, epochs=EPOCHS)
        stock.trainer.train()
    said = "never" if watch.reached is None else f"after {watch.reached:.0f} s"
    print(f"stock Trainer, {EPOCHS} epochs: accuracy {LEVEL} reached {said}", flush=True)
    return 0


def _right(stock: Any, rows: Sequence[Any], label: str) -> list[float]:
    """Which rows it answers rightly (N,)."""
    import torch

    model, made = stock.trainer.model.eval(), list[float]()
    with torch.inference_mode():
        for begin in range(0, len(rows), ROWS_AT_ONCE):
            some = rows[begin : begin + ROWS_AT_ONCE]
            texts = [row["text"] for row in some]
            read = stock.tokenizer(texts, truncation=True, max_length=LENGTH, padding=True, return_tensors="pt")
            found = model(**read).logits.argmax(dim=1).tolist()
            made += [float(stock.names[at] == str(row[label])) for at, row in zip(found, some, strict=True)]
    model.train()
    return made


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
