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

from datasets import Dataset
from setfit import SetFitModel, Trainer, TrainingArguments

ITERATIONS, BATCH = 20, 16


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
        trainer = Trainer(model=SetFitModel.from_pretrained(folder), args=arguments, train_dataset=data["train"])
        began = time.monotonic()
        trainer.train()
        seconds = time.monotonic() - began
    if most > 0:
        print(
            f"setfit, {len(data['train'])} rows: {most} steps and its head in {seconds:.1f} s; "
            f"{steps} steps at that pace: {seconds / most * steps:.0f} s"
        )
    else:
        right = trainer.evaluate(data["test"])["accuracy"]
        print(f"setfit, {len(data['train'])} rows: {steps} steps in {seconds:.0f} s, accuracy {right:.4f}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
