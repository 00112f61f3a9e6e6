"""All benchmarks: ``make bench``."""

from __future__ import annotations

import sys

from bench import (
    entities,
    explanations,
    few_shot,
    generation,
    head_speed,
    images,
    ladder,
    plan,
    pruning,
    quality,
    questions,
    search,
    series,
    serving_engine,
    serving_http,
    similarity,
    startup,
    stock_run,
    tables,
    texts,
    training_speed,
)

BENCHES = (
    head_speed,
    quality,
    entities,
    texts,
    similarity,
    questions,
    tables,
    images,
    series,
    generation,
    few_shot,
    search,
    training_speed,
    stock_run,
    ladder,
    plan,
    pruning,
    explanations,
    serving_engine,
    serving_http,
)

if __name__ == "__main__":
    missed = [startup.main(), *(bench.main([]) for bench in BENCHES)]
    sys.exit(1 if any(missed) else 0)
