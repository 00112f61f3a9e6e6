"""A search with early stopping against one without, on banking77 by full tuning of MiniLM.

    python -m bench.search [ROWS] [unpruned]

Thirty trials are to come within 0.3 points (validation) of the best of thirty that are never given up, at no more than
a third of their cost, which is told from three full trials. ``ROWS``: that many rows of the training file alone.
``unpruned``: do all thirty of those, for their best, those after the three two at a time with one thread each; else the
best of the three stands for it.
"""

from __future__ import annotations

import random
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue

import tuneworks
from bench.harness import MINILM, hear, peak_megabytes, read
from tuneworks.core import registry
from tuneworks.core.spaces import spaces_from
from tuneworks.core.trials import Measured
from tuneworks.core.types import Recipe, RunConfig, Search, TaskSpec
from tuneworks.flows.search_space import whole_numbers, with_values
from tuneworks.flows.trial import Order, Try, Trying
from tuneworks.flows.trial_process import TrialProcess
from tuneworks.statistics.search import Sampling

TRIALS, FULL_TRIALS = 30, 3
WITHIN, MOST_SHARE = 0.003, 1 / 3
HANDS = 2
NAME = "banking77"


@dataclass(frozen=True)
class Unpruned:
    """What trials came to that were never given up: their best, and the mean seconds of one."""

    best: float
    seconds: float
    trials: int


def main(words: Sequence[str]) -> int:
    rows = next((int(word) for word in words if word.isdigit()), None)
    with (
        tempfile.TemporaryDirectory() as folder,
        tuneworks.Workspace.open(Path(folder) / ".tuneworks") as workspace,
    ):
        tuneworks.add(some(rows), name=NAME, workspace=workspace)
        asked = RunConfig(
            dataset=NAME,
            spec=TaskSpec(target="intent"),
            recipe=Recipe(MINILM, "full"),
            search=Search(trials=TRIALS, store=False),
        )
        found = tuneworks.search(config=asked, workspace=workspace, listener=hear)
        cost, best = sum(trial.seconds for trial in found.trials), found.best.score or 0.0
        given_up = sum(trial.outcome == "given_up" for trial in found.trials)
        print(f"search: best {best:.4f} of {TRIALS} trials, {given_up} given up, {cost:.0f} s")
        print(f"    {dict(found.best.values)}; {len(found.seeds)} seeds {found.repeated}; {dict(found.importance)}")
        against = unpruned(workspace, found.run.config, TRIALS if "unpruned" in words else FULL_TRIALS)
    share = cost / (TRIALS * against.seconds)
    print(f"unpruned: best {against.best:.4f} of {against.trials}, {against.seconds:.0f} s a trial")
    print(
        f"cost {share:.2f} of theirs (bar {MOST_SHARE:.2f}), best {best - against.best:+.4f} (bar -{WITHIN}); ", end=""
    )
    print(f"peak {peak_megabytes():.0f} MB", flush=True)
    return 0 if share <= MOST_SHARE and best >= against.best - WITHIN else 1


def unpruned(workspace: tuneworks.Workspace, config: RunConfig, trials: int) -> Unpruned:
    """The same search without giving up: three trials in this process, for their cost, the others side by side."""
    spaces = spaces_from(config.search.space)
    sampling = Sampling(spaces, whole_numbers(spaces, config.recipe), config.recipe.seed)
    turn = threading.Lock()

    def one(trying: Try) -> Measured:
        with turn:
            proposed = sampling.ask()
        measured = trying(Order(with_values(config, proposed.values).recipe), lambda _: True, hear)
        assert measured is not None
        with turn:
            sampling.finish(proposed.number, measured.validation)
        told = f"{measured.validation:.4f} in {measured.seconds:.0f} s {dict(proposed.values)}"
        print(f"unpruned {proposed.number + 1}: {told}", flush=True)
        return measured

    alone = Trying(workspace, config)
    first = [one(alone) for _ in range(FULL_TRIALS)]
    with hands(workspace, config) as free, ThreadPoolExecutor(HANDS) as pool:

        def by_whoever_is_free(_: int) -> Measured:
            trying = free.get()
            try:
                return one(trying)
            finally:
                free.put(trying)

        rest = list(pool.map(by_whoever_is_free, range(trials - FULL_TRIALS)))
    best = max(measured.validation for measured in (*first, *rest))
    return Unpruned(best, sum(measured.seconds for measured in first) / FULL_TRIALS, trials)


@contextmanager
def hands(workspace: tuneworks.Workspace, config: RunConfig) -> Iterator[SimpleQueue[Try]]:
    """Processes that try recipes, on one thread each."""
    free: SimpleQueue[Try] = SimpleQueue()
    with closing(registry.load("runners", "inline")()) as runner, ExitStack() as open_ones:
        start = partial(runner.hand, workspace, TrialProcess.__module__, (workspace.address,), 1)
        for _ in range(HANDS):
            free.put(open_ones.enter_context(closing(TrialProcess(config, start))))
        yield free


def some(rows: int | None) -> list[dict[str, object]]:
    """Rows of banking77, with its split; of its training rows so many alone where that is asked for."""
    every = list(read(NAME))
    train = [row for row in every if row["split"] == "train"]
    if rows is not None:
        random.Random(0).shuffle(train)
        train = train[:rows]
    sides = [{**row, "split": "validation" if number % 10 == 0 else "train"} for number, row in enumerate(train)]
    return [*sides, *(row for row in every if row["split"] == "test")]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
