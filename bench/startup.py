"""Start-up, medians of interleaved runs: ``import tuneworks`` over bare Python, ``tuneworks --help`` over click."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

ROUNDS = 21
PROGRAMS = {
    "bare Python": [sys.executable, "-c", ""],
    "import tuneworks": [sys.executable, "-c", "import tuneworks"],
    "import click": [sys.executable, "-c", "import click"],
    "tuneworks --help": [sys.executable, "-m", "tuneworks", "--help"],
}


def main() -> int:
    seconds: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(ROUNDS):
        for name, command in PROGRAMS.items():
            began = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            seconds[name].append(time.perf_counter() - began)
    median = {name: 1000 * statistics.median(times) for name, times in seconds.items()}
    for name, milliseconds in median.items():
        print(f"{name:18} {milliseconds:6.1f} ms")
    imported = median["import tuneworks"] - median["bare Python"]
    helped = median["tuneworks --help"] - median["import click"]
    print(f"import tuneworks over bare Python: {imported:+.1f} ms (limit 20)")
    print(f"tuneworks --help over import click: {helped:+.1f} ms (limit 60)")
    return 0 if imported <= 20 and helped <= 60 else 1


if __name__ == "__main__":
    sys.exit(main())
