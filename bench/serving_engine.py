"""How fast a tuned encoder answers, beside the stock transformers pipeline on the same cores.

python -m bench.serving_engine [--pairs 5] [--rows 3080] [--method full] [--epochs 1] [--workspace FOLDER]

MiniLM is tuned on banking77 and deployed as always. Windows take turns, each in a process of its own: the pipeline with
two threads, one text a batch as its guide advises on a processor, and with 64; the engine with one single-threaded
worker a core. The pipeline's head is untrained: it costs the same. Then the served answers are held against those of
the version as it was tuned, and the scores of texts alone against those in company.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import tuneworks
from bench.harness import MINILM, peak_megabytes, read
from tuneworks.core.tables import format_table
from tuneworks.core.types import Deployment, ModelVersion, Recipe, RunConfig, Served, TaskSpec
from tuneworks.serving.engine import engine_of
from tuneworks.serving.loaded import runtime_of

NAME = "banking77"
THREADS = 2
ALONE_ROWS, WARMING_ROWS = 200, 20
COMPANY = (1, 2, 3, 7, 16, 33, 64, 256)
LIMITS = {"throughput": 6.0, "p50": 8.0, "accuracy": 0.003, "company": 1e-4}
ENGINE = "engine"
STOCK = {"pipeline, 1 a batch": 1, "pipeline, 64 a batch": 64}


def main(arguments: Sequence[str]) -> int:
    """Print the tables; 1 where a limit is missed."""
    asked = _asked(arguments)
    if asked.window:
        return _window(asked)
    place = nullcontext(asked.workspace) if asked.workspace else tempfile.TemporaryDirectory()
    with place as folder, tuneworks.Workspace.open(Path(folder) / ".tuneworks") as workspace:
        deployed(workspace, asked)
        stock_folder(workspace, Path(folder) / "stock")
        raced = _raced(Path(folder), asked)
        missed = _tell(raced) + _tell_answers(workspace, asked.rows)
    return 1 if missed else 0


def deployed(workspace: tuneworks.Workspace, asked: argparse.Namespace) -> None:
    """banking77 tuned and deployed, unless the workspace has it."""
    if workspace.store.get(Deployment, NAME) is None:
        rows = [{name: row[name] for name in ("text", "intent", "split")} for row in read(NAME)]
        tuneworks.add(rows, name=NAME, workspace=workspace)
        spec = TaskSpec(target="intent", split="column(split)")
        recipe = Recipe(MINILM, asked.method, epochs=asked.epochs)
        tuneworks.tune(config=RunConfig(NAME, NAME, spec, recipe), workspace=workspace)
        tuneworks.deploy(NAME, workspace=workspace, listener=lambda event: print(event.message.en, flush=True))
    served = workspace.store.get(Deployment, NAME).champion
    figures = {name: round(value, 4) for name, value in served.fidelity.items()}
    print(f"served by {served.runtime} {sorted(served.compiled)}: {figures}", flush=True)


def stock_folder(workspace: tuneworks.Workspace, folder: Path) -> None:
    """The tuned encoder with a head of its own kind, as the pipeline reads it."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    own = workspace.models / _version(workspace).label
    AutoModelForSequenceClassification.from_pretrained(own, num_labels=77).save_pretrained(folder)
    AutoTokenizer.from_pretrained(own).save_pretrained(folder)


def _raced(folder: Path, asked: argparse.Namespace) -> dict[str, list[dict[str, float]]]:
    told: dict[str, list[dict[str, float]]] = {name: [] for name in (*STOCK, ENGINE)}
    environment = {**os.environ, "OMP_NUM_THREADS": str(THREADS), "MKL_NUM_THREADS": str(THREADS)}
    for pair in range(asked.pairs):
        for name, made in told.items():
            command = [sys.executable, "-m", "bench.serving_engine", "--window", name, "--workspace", str(folder)]
            run = subprocess.run(
                [*command, "--rows", str(asked.rows)], env=environment, capture_output=True, text=True, check=False
            )
            if run.returncode:
                raise SystemExit(run.stderr[-3000:])
            made.append(json.loads(run.stdout.splitlines()[-1]))
            print(f"pair {pair + 1}, {name}: {made[-1]}", file=sys.stderr, flush=True)
    return told


def _window(asked: argparse.Namespace) -> int:
    """One contender in this process: a text asked alone, then all of them."""
    folder = Path(asked.workspace)
    with tuneworks.Workspace.open(folder / ".tuneworks") as workspace:
        ask = _engine(workspace) if asked.window == ENGINE else _pipeline(folder / "stock", STOCK[asked.window])
        texts = _texts(asked.rows)
        ask(texts[:WARMING_ROWS])
        alone = [_seconds(partial(ask, [text])) for text in texts[:ALONE_ROWS]]
        together = _seconds(partial(ask, texts))
    print(
        json.dumps(
            {
                "p50": round(statistics.median(alone) * 1000, 3),
                "p99": round(float(np.percentile(alone, 99)) * 1000, 3),
                "rows_a_second": round(len(texts) / together, 1),
                "megabytes": round(peak_megabytes()),
            }
        )
    )
    return 0


def _engine(workspace: tuneworks.Workspace) -> Callable[[Sequence[str]], Any]:
    served, engine = workspace.store.get(Deployment, NAME).champion, engine_of(workspace)
    return lambda texts: engine.answer(served, [{"text": text} for text in texts])


def _pipeline(folder: Path, batch: int) -> Callable[[Sequence[str]], Any]:
    import torch
    from transformers import pipeline

    torch.set_num_threads(THREADS)
    made = pipeline("text-classification", model=str(folder), tokenizer=str(folder), device=-1)
    return lambda texts: made(list(texts), batch_size=batch, top_k=None)


def _tell(raced: Mapping[str, Sequence[Mapping[str, float]]]) -> int:
    middle = {
        name: {figure: statistics.median(one[figure] for one in told) for figure in told[0]}
        for name, told in raced.items()
    }
    print(format_table(("contender", *middle[ENGINE]), [(name, *told.values()) for name, told in middle.items()]))
    stock = [middle[name] for name in STOCK]
    faster = middle[ENGINE]["rows_a_second"] / max(one["rows_a_second"] for one in stock)
    sooner = min(one["p50"] for one in stock) / middle[ENGINE]["p50"]
    return _held("times the pipeline's rows/s", faster, LIMITS["throughput"]) + _held(
        "times as soon for a text alone (p50)", sooner, LIMITS["p50"]
    )


def _tell_answers(workspace: tuneworks.Workspace, rows: int) -> int:
    """The served answers beside those of the version as tuned, and texts alone beside texts in company."""
    engine, version = engine_of(workspace), _version(workspace)
    champion = workspace.store.get(Deployment, NAME).champion
    test = [row for row in read(NAME) if row["split"] == "test"][:rows]
    asked = [{"text": row["text"]} for row in test]
    right = {}
    for name, served in (("served", champion), ("tuned", Served(version.id, runtime_of(version.bases)))):
        answers = [getattr(answer, "label", None) for answer in engine.answer(served, asked)[1]]
        right[name] = float(np.mean([label == row["intent"] for label, row in zip(answers, test, strict=True)]))
    print(f"accuracy on {len(test)} test rows: served {right['served']:.4f}, as tuned {right['tuned']:.4f}")
    alone = np.array([engine.answer(champion, [row])[0][0] for row in asked[: max(COMPANY)]])
    apart = 0.0
    for size in COMPANY:
        order = np.random.default_rng(size).permutation(len(alone))
        for begin in range(0, len(order), size):
            some = order[begin : begin + size]
            scores, _ = engine.answer(champion, [asked[i] for i in some])
            apart = max(apart, float(np.abs(np.array(scores) - alone[some]).max()))
    return _held("accuracy lost", right["tuned"] - right["served"], LIMITS["accuracy"], most=True) + _held(
        "largest difference of a score alone and in company", apart, LIMITS["company"], most=True
    )


def _held(what: str, value: float, limit: float, *, most: bool = False) -> int:
    """Print a figure beside its limit; 1 where it is missed."""
    missed = value > limit if most else value < limit
    print(f"{what}: {value:.6g} ({'at most' if most else 'at least'} {limit:g}){' MISSED' if missed else ''}")
    return int(missed)


def _version(workspace: tuneworks.Workspace) -> ModelVersion:
    return workspace.store.get(ModelVersion, workspace.store.get(Deployment, NAME).champion.version_id)


def _texts(rows: int) -> list[str]:
    return [row["text"] for row in read(NAME) if row["split"] == "test"][:rows]


def _seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _asked(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--rows", type=int, default=3080)
    parser.add_argument("--method", default="full")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--workspace")
    parser.add_argument("--window", choices=[*STOCK, ENGINE])
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
