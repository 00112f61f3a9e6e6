"""How many rows a second training reads, beside the stock transformers Trainer on the same machine.

python -m bench.training_speed [--seconds 60] [--pairs 5] [--threads 2] [--data banking77 ...] [--only NAME ...]

Windows of so many seconds take turns, each in a process of its own; rows over wall time, from the first step's begin
to the last one's end. The Trainer is configured as its text classification example is: AdamW, a rate of 5e-5 that
falls linearly, three epochs, padded to 128 tokens in batches of 8; then with padding to the longest of a batch, as its
guide advises, in batches of 8 and of 32. Ours reads as many tokens a batch as 32 rows have.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tuneworks
from bench.harness import E5, MINILM, peak_megabytes, read
from tuneworks.core.tables import format_table
from tuneworks.core.types import Recipe, RunConfig, TaskSpec
from tuneworks.flows.fitting import fit
from tuneworks.flows.plan_run import plan_run

LENGTH = 128
HEAD_SECONDS = 1.0
VALIDATION_ROWS = 64  # measured after an epoch; the stock Trainer measures none
PLENTY = 50  # epochs: no window sees the last one


class TimeIsUp(BaseException):
    """Ends a training from within."""


@dataclass
class Clock:
    """Rows read since the first step began; raises ``TimeIsUp`` when the window is over."""

    seconds: float
    began: float = 0.0
    read: int = 0
    ended: float = field(default=0.0)

    def step(self, rows: int) -> None:
        """A step of so many rows begins."""
        now = time.monotonic()
        if self.began and now - self.began >= self.seconds:
            self.ended = now
            raise TimeIsUp
        self.began = self.began or now
        self.read += rows

    def told(self) -> dict[str, float]:
        return {"rows": self.read, "seconds": self.ended - self.began, "megabytes": peak_megabytes()}


@dataclass(frozen=True)
class Data:
    """Texts with a label, the base that reads them, and whether word embeddings learn."""

    name: str
    base: str
    label: str = "label"
    embeddings: bool = False

    def rows(self, split: str = "train") -> list[dict[str, Any]]:
        return [row for row in read(self.name) if row["split"] == split]


DATA = {
    "banking77": Data("banking77", MINILM, "intent", embeddings=True),
    "chnsenticorp_htl": Data("chnsenticorp_htl", E5),
    "thucnews_titles": Data("thucnews_titles", E5),
}


@dataclass(frozen=True)
class Stock:
    """The stock Trainer on a data set's training rows, with what its model reads and answers."""

    trainer: Any
    tokenizer: Any
    names: Sequence[str]


def stock_on(data: Data, folder: Path, callback: Any, *, pad: bool, rows_a_batch: int, epochs: int) -> Stock:
    """As its text classification example configures it."""
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
    )

    place = _base_files(data.base, folder)["model.safetensors"].parent
    tokenizer = AutoTokenizer.from_pretrained(place)
    rows = data.rows()
    names = sorted({str(row[data.label]) for row in rows})
    model = AutoModelForSequenceClassification.from_pretrained(place, num_labels=len(names))
    model.get_input_embeddings().weight.requires_grad = data.embeddings
    asked = {"truncation": True, "max_length": LENGTH, "padding": "max_length" if pad else False}
    made = [{**tokenizer(row["text"], **asked), "labels": names.index(str(row[data.label]))} for row in rows]
    arguments = TrainingArguments(
        str(folder),
        per_device_train_batch_size=rows_a_batch,
        num_train_epochs=epochs,
        report_to="none",
        save_strategy="no",
        use_cpu=True,
    )
    trainer = Trainer(model, arguments, DataCollatorWithPadding(tokenizer), made, callbacks=[callback])
    return Stock(trainer, tokenizer, names)


def stock(data: Data, clock: Clock, folder: Path, *, pad: bool, rows_a_batch: int) -> None:
    """The stock Trainer, until the clock says so."""
    from transformers import TrainerCallback

    class Ticking(TrainerCallback):
        def on_step_begin(self, *args: Any, **others: Any) -> None:
            clock.step(rows_a_batch)

    stock_on(data, folder, Ticking(), pad=pad, rows_a_batch=rows_a_batch, epochs=PLENTY).trainer.train()


def ours(data: Data, clock: Clock, folder: Path, *, method: str, **options: Any) -> None:
    """Tuneworks as it is used, until the clock says so."""
    from torch.nn.modules.module import register_module_forward_pre_hook

    from tuneworks.neural.sides import Network

    def tick(module: Any, inputs: Any) -> None:
        if isinstance(module, Network) and module.training:
            clock.step(len(inputs[1].pieces))

    register_module_forward_pre_hook(tick)
    split = ("validation" if number < VALIDATION_ROWS else "train" for number in range(10**9))
    rows = [{"text": row["text"], "label": row[data.label], "split": of} for row, of in zip(data.rows(), split)]  # noqa: B905
    rows += [{**row, "split": "test"} for row in rows[:VALIDATION_ROWS]]
    options |= {"start_from_linear": False}
    recipe = Recipe(data.base, method, epochs=PLENTY, options=options)
    with tuneworks.Workspace.open(folder / ".tuneworks") as workspace:
        tuneworks.add(rows, name="speed", workspace=workspace)
        spec = TaskSpec("text-classification", {"text": "text"}, "label", split="column(split)")
        plan = plan_run(workspace, RunConfig(dataset="speed", spec=spec, recipe=recipe))
        fit(plan.data, plan.config.recipe, folder=folder, cache=workspace.cache)


@dataclass(frozen=True)
class Contender:
    """A way to train, and by which others ours is to be how many times as fast."""

    train: Callable[[Data, Clock, Path], None]
    goals: Mapping[str, float] = field(default_factory=dict)


PADDED, DYNAMIC, ALIKE = "Trainer, padded to 128, batch 8", "Trainer, dynamic, batch 8", "Trainer, dynamic, batch 32"
CONTENDERS = {
    PADDED: Contender(lambda d, c, f: stock(d, c, f, pad=True, rows_a_batch=8)),
    DYNAMIC: Contender(lambda d, c, f: stock(d, c, f, pad=False, rows_a_batch=8)),
    ALIKE: Contender(lambda d, c, f: stock(d, c, f, pad=False, rows_a_batch=32)),
    "full": Contender(
        lambda d, c, f: ours(d, c, f, method="full", train_embeddings=d.embeddings),
        {PADDED: 10.0, DYNAMIC: 3.5, ALIKE: 2.2},
    ),
    "freeze, top two layers": Contender(lambda d, c, f: ours(d, c, f, method="freeze", layers=2), {DYNAMIC: 8.0}),
}


def main(arguments: Sequence[str]) -> int:
    """Print a table a data set; 1 where a goal is missed on the first."""
    asked = _asked(arguments)
    missed = 0
    for number, name in enumerate(asked.data):
        told = _raced(DATA[name], asked)
        goals = CONTENDERS if number == 0 else {}
        missed += _tell(name, told, goals)
    if not asked.only:
        missed += _tell_head(DATA[asked.data[0]])
    return 1 if missed else 0


def window(data: Data, contender: str, seconds: float) -> None:
    """One window in this process; prints what came of it."""
    clock = Clock(seconds)
    with tempfile.TemporaryDirectory() as folder:
        try:
            CONTENDERS[contender].train(data, clock, Path(folder))
        except TimeIsUp:
            print(json.dumps(clock.told()), flush=True)


def _raced(data: Data, asked: argparse.Namespace) -> dict[str, list[dict[str, float]]]:
    told: dict[str, list[dict[str, float]]] = {name: [] for name in asked.only or CONTENDERS}
    threads = str(asked.threads)
    environment = {**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
    for pair in range(asked.pairs):
        for name, made in told.items():
            command = [sys.executable, "-m", "bench.training_speed", "--window", data.name, name]
            run = subprocess.run(
                [*command, "--seconds", str(asked.seconds)],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            if run.returncode:
                raise SystemExit(run.stderr[-3000:])
            made.append(json.loads(run.stdout.splitlines()[-1]))
            print(f"{data.name}, pair {pair + 1}, {name}: {_rate([made[-1]]):.1f} rows/s", file=sys.stderr, flush=True)
    return told


def _tell(data: str, told: Mapping[str, list[dict[str, float]]], goals: Mapping[str, Contender]) -> int:
    peers = [name for name in (PADDED, DYNAMIC, ALIKE) if name in told]
    rates = {name: _rate(windows) for name, windows in told.items()}
    heads = [data, "rows/s", "peak MB", *(f"x {name.removeprefix('Trainer, ')}" for name in peers)]
    lines = [
        [name, f"{rates[name]:.1f}", f"{max(w['megabytes'] for w in told[name]):.0f}"]
        + [f"{rates[name] / rates[peer]:.2f}" for peer in peers]
        for name in told
    ]
    print(format_table(heads, lines), flush=True)
    asked = [(n, p, least) for n, one in goals.items() if n in told for p, least in one.goals.items() if p in told]
    missed = [(n, p, least) for n, p, least in asked if rates[n] < least * rates[p]]
    for name, peer, least in missed:
        print(f"{name}: {rates[name] / rates[peer]:.2f} times {peer}; {least} are to be reached", flush=True)
    return len(missed)


def _tell_head(data: Data) -> int:
    """Print what one more pass over all rows costs a head whose features are in the cache."""
    import numpy as np

    from tuneworks.bases.text_encoder import TextEncoder
    from tuneworks.statistics import linear
    from tuneworks.statistics.feature_cache import CachedBase

    rows = data.rows()
    texts, labels = [row["text"] for row in rows], [str(row[data.label]) for row in rows]
    names, targets = np.unique(labels, return_inverse=True)
    with tempfile.TemporaryDirectory() as folder:
        base = CachedBase(TextEncoder().load(_base_files(data.base, Path(folder))), Path(folder))
        base.features(texts)
        began = time.monotonic()
        linear.fit(linear.problem([base.features(texts)], targets, len(names))[0], 1.0, iterations=1)
        seconds = time.monotonic() - began
    print(
        f"head: one more pass over {len(rows)} rows {seconds:.2f} s (at most {HEAD_SECONDS} to be reached)", flush=True
    )
    return int(seconds > HEAD_SECONDS)


def _rate(windows: Sequence[Mapping[str, float]]) -> float:
    return sum(one["rows"] for one in windows) / sum(one["seconds"] for one in windows)


def _base_files(address: str, folder: Path) -> dict[str, Path]:
    """The files of a base; what is no file yet is written into the folder."""
    from tuneworks.bases.text_encoder import TextEncoder
    from tuneworks.core.events import silent
    from tuneworks.flows.fitting import files_in

    made = TextEncoder().fit(address, [], options={}, cache=folder, listener=silent)
    lying = {name: part for name, part in made.items() if isinstance(part, Path)}
    return {**lying, **files_in(folder, {name: part for name, part in made.items() if isinstance(part, bytes)})}


def _asked(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--only", nargs="+", choices=CONTENDERS)
    parser.add_argument("--window", nargs=2, metavar=("DATA", "NAME"), help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    given = _asked(sys.argv[1:])
    if given.window:
        window(DATA[given.window[0]], given.window[1], given.seconds)
    else:
        sys.exit(main(sys.argv[1:]))
