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

import numpy as np

from bench.harness import read
from bench.training_speed import DATA, LENGTH, _base_files
from tuneworks.statistics.intervals import mean_interval

EPOCHS, ROWS_A_BATCH = 3, 8
MEASURED = 6  # times, evenly
LEVEL = 0.925


def main(names: Sequence[str]) -> int:
    """Print the accuracy each time, and when it first reached the level."""
    import torch
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    data = DATA["banking77"]
    rows = {split: [row for row in read(data.name) if row["split"] == split] for split in ("train", "test")}
    labels = sorted({str(row[data.label]) for row in rows["train"]})

    class Measuring(TrainerCallback):
        def __init__(self) -> None:
            self.began = time.monotonic()
            self.beside = 0.0
            self.reached: float | None = None

        def on_step_end(self, arguments: Any, state: Any, control: Any, model: Any = None, **others: Any) -> None:
            if state.global_step % (state.max_steps // MEASURED) == 0:
                self.measure(model)

        def measure(self, model: Any) -> None:
            began = time.monotonic()
            right = _right(model, tokenizer, rows["test"], [labels.index(str(row[data.label])) for row in rows["test"]])
            seconds = began - self.began - self.beside
            score = mean_interval(right.tolist())
            print(f"after {seconds:.0f} s: accuracy {score.value:.4f} [{score.low:.4f}, {score.high:.4f}]", flush=True)
            if right.mean() >= LEVEL and self.reached is None:
                self.reached = seconds
            self.beside += time.monotonic() - began

    with tempfile.TemporaryDirectory() as folder:
        place = _base_files(data.base, Path(folder))["model.safetensors"].parent
        tokenizer = AutoTokenizer.from_pretrained(place)
        model = AutoModelForSequenceClassification.from_pretrained(place, num_labels=len(labels))
        made = [
            {**tokenizer(row["text"], truncation=True, max_length=LENGTH), "labels": labels.index(str(row[data.label]))}
            for row in rows["train"]
        ]
        arguments = TrainingArguments(
            folder,
            per_device_train_batch_size=ROWS_A_BATCH,
            num_train_epochs=EPOCHS,
            report_to="none",
            save_strategy="no",
            use_cpu=True,
        )
        watch = Measuring()
        trainer = Trainer(model, arguments, DataCollatorWithPadding(tokenizer), made, callbacks=[watch])
        with torch.enable_grad():
            trainer.train()
    said = "never" if watch.reached is None else f"after {watch.reached:.0f} s"
    print(f"stock Trainer, {EPOCHS} epochs: accuracy {LEVEL} reached {said}", flush=True)
    return 0


def _right(model: Any, tokenizer: Any, rows: Sequence[Any], targets: Sequence[int]) -> np.ndarray[Any, Any]:
    """Which rows it answers rightly (N,)."""
    import torch

    model.eval()
    order = sorted(range(len(rows)), key=lambda number: len(rows[number]["text"]))
    made = np.zeros(len(rows))
    with torch.inference_mode():
        for begin in range(0, len(order), 64):
            chosen = order[begin : begin + 64]
            read = tokenizer([rows[i]["text"] for i in chosen], truncation=True, max_length=LENGTH, padding=True)
            sums = model(**read.convert_to_tensors("pt")).logits
            made[chosen] = sums.argmax(dim=1).numpy() == np.array([targets[i] for i in chosen])
    model.train()
    return made


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
