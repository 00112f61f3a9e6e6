"""Starting is cheap: nothing heavy is loaded before it is needed."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys

HEAVY = {
    *("torch", "numpy", "polars", "pydantic", "sqlalchemy", "fastapi", "transformers", "ray"),
    *("scipy", "sklearn", "rich", "jinja2", "httpx", "uvloop", "msgspec"),
}
ROUNDS = 9
BARE_SECONDS = 0.015
CLICK_SECONDS = 0.045
"""What bare Python and ``import click`` take on the machine the limits were set on; slower ones get more."""


def loaded_by(code: str) -> set[str]:
    """The top-level modules a program has loaded when it ends."""
    show = "import sys, json; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{show}"], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def medians(*programs: str) -> list[float]:
    """Median processor seconds of each program, run in turns so that a busy machine is fair to all."""
    taken: list[list[float]] = [[] for _ in programs]
    for _ in range(ROUNDS):
        for program, seconds in zip(programs, taken, strict=True):
            before = processor_seconds()
            subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
            seconds.append(processor_seconds() - before)
    return [statistics.median(seconds) for seconds in taken]


def processor_seconds() -> float:
    """What all ended child processes have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


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
    limit = 0.020 * max(1, bare / BARE_SECONDS)
    assert package - bare < limit, f"bare Python {bare:.3f} s, import tuneworks {package:.3f} s"


def test_help_costs_less_than_60_milliseconds_over_click() -> None:
    click, help_page = medians("import click", HELP)
    limit = 0.060 * max(1, click / CLICK_SECONDS)
    assert help_page - click < limit, f"import click {click:.3f} s, tuneworks --help {help_page:.3f} s"
