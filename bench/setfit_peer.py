"""SetFit on given rows, run by the interpreter of an environment that has it; nothing of Tuneworks is imported.

    python setfit_peer.py ROWS.json ENCODER_FOLDER STEPS

``STEPS`` -1: all of the training, then its test accuracy; else so many steps, whose time is multiplied.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from datasets import Dataset
from setfit import SetFitModel, Trainer, TrainingArguments

ITERATIONS, BATCH = 20, 16


class Timed(Trainer):
    """A trainer that notes when the encoder is done and the head begins."""

    encoded = 0.0

    def train_classifier(self, *given: Any, **named: Any) -> None:
        self.encoded = time.monotonic()
        super().train_classifier(*given, **named)


def main(source: str, folder: str, most: int) -> None:
    parts = json.loads(Path(source).read_text(encoding="utf-8"))
    rows = {side: dict(zip(("text", "label"), zip(*pairs, strict=True), strict=True)) for side, pairs in parts.items()}
    data = {side: Dataset.from_dict({key: list(values) for key, values in own.items()}) for side, own in rows.items()}
    steps = 2 * ITERATIONS * len(data["train"]) // BATCH
    with tempfile.TemporaryDirectory() as place:
        arguments = TrainingArguments(
            output_dir=place,
            batch_size=BATCH,
            num_iterations=ITERATIONS,
            num_epochs=1,
            max_steps=most,
            report_to="none",
            save_strategy="no",
        )
        trainer = Timed(model=SetFitModel.from_pretrained(folder), args=arguments, train_dataset=data["train"])
        began = time.monotonic()
        trainer.train()
        encoder, head = trainer.encoded - began, time.monotonic() - trainer.encoded
    if most > 0:
        print(
            f"setfit, {len(data['train'])} rows: {most} steps in {encoder:.1f} s, its head in {head:.1f} s; "
            f"{steps} steps at that pace and the head: {encoder / most * steps + head:.0f} s"
        )
    else:
        right = trainer.evaluate(data["test"])["accuracy"]
        print(
            f"setfit, {len(data['train'])} rows: {steps} steps and its head in {encoder + head:.0f} s, "
            f"accuracy {right:.4f}"
        )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
