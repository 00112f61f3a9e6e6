"""Starting is cheap: nothing heavy is loaded before it is needed."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

HEAVY = {
    *("torch", "numpy", "polars", "pydantic", "sqlalchemy", "fastapi", "transformers", "ray"),
    *("scipy", "sklearn", "rich", "jinja2", "httpx", "granian"),
}
ROUNDS = 11
NOISE = 2.5  # a shared machine may be this much slower while one of two measured programs runs


def loaded_by(code: str) -> set[str]:
    """The top-level modules a program has loaded when it ends."""
    show = "import sys, json; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{show}"], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def medians(*programs: str) -> list[float]:
    """Median seconds of each program, run in turns so that a busy machine is fair to all."""
    taken: list[list[float]] = [[] for _ in programs]
    for _ in range(ROUNDS):
        for program, seconds in zip(programs, taken, strict=True):
            started = time.perf_counter()
            subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
            seconds.append(time.perf_counter() - started)
    return [statistics.median(seconds) for seconds in taken]


HELP = """
from tuneworks.cli.main import main
try:
    main(['--help'])
except SystemExit:
    pass
"""


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_by("import tuneworks") & HEAVY == set()


def test_help_loads_nothing_heavy() -> None:
    assert loaded_by(HELP) & HEAVY == set()


def test_help_of_every_verb_loads_nothing_heavy() -> None:
    code = """
from tuneworks.cli.main import house, main
for verb in house.list_commands(None):
    try:
        main([verb, '--help'])
    except SystemExit:
        pass
"""
    assert loaded_by(code) & HEAVY == set()


def test_importing_the_package_costs_less_than_20_milliseconds() -> None:
    bare, package = medians("pass", "import tuneworks")
    assert package - bare < 0.020 * NOISE, f"bare Python {bare:.3f} s, import tuneworks {package:.3f} s"


def test_help_costs_less_than_60_milliseconds_over_click() -> None:
    click, help_page = medians("import click", HELP)
    assert help_page - click < 0.060 * NOISE, f"import click {click:.3f} s, tuneworks --help {help_page:.3f} s"
