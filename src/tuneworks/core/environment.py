"""What a run's bytes depend on beside its configuration: threads, processor, and the packages that compute."""

from __future__ import annotations

import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "tuneworks",
    "numpy",
    "scipy",
    "scikit-learn",
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "lightgbm",
)


@cache
def environment() -> dict[str, str]:
    """Name -> value as of this process; a package that is not installed is left out."""
    found = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "threads": str(threads()),
    }
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def threads() -> int:
    """How many threads numeric libraries use: what ``OMP_NUM_THREADS`` says, else one a processor given to us."""
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return int(asked) if asked.isdigit() and int(asked) else len(os.sched_getaffinity(0))


def differences(then: dict[str, str], now: dict[str, str]) -> dict[str, tuple[str | None, str | None]]:
    """What differs between two environments: name -> (then, now)."""
    return {
        name: (then.get(name), now.get(name))
        for name in dict.fromkeys((*then, *now))
        if then.get(name) != now.get(name)
    }


def _processor() -> str:
    """The processor's model, where the system tells it."""
    try:
        with open("/proc/cpuinfo") as file:
            named = next((line for line in file if line.startswith("model name")), "")
    except OSError:
        return platform.processor()
    return named.partition(":")[2].strip() or platform.processor()
