"""How much memory this process may use: the machine's, or what its container allows where that is less."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress
from pathlib import Path

MEGABYTE = 1024 * 1024
MACHINE = Path("/proc/meminfo")
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
CGROUP_USED = Path("/sys/fs/cgroup/memory.current")


def free_megabytes() -> float | None:
    """What the system says is available, or what the container has left where that is less; ``None``: not known."""
    free = _stated("MemAvailable")
    try:
        left = (int(CGROUP_LIMIT.read_text()) - int(CGROUP_USED.read_text())) / MEGABYTE
    except (OSError, ValueError):
        return free
    return left if free is None else min(free, left)


def whole_megabytes() -> float | None:
    """What there is in all, used or free; ``None``: not known."""
    whole = _stated("MemTotal")
    try:
        limit = int(CGROUP_LIMIT.read_text()) / MEGABYTE
    except (OSError, ValueError):
        return whole
    return limit if whole is None else min(whole, limit)


def released() -> None:
    """Give memory that is no longer used back to the system, where the C library can."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _stated(name: str) -> float | None:
    try:
        lines = MACHINE.read_text().splitlines()
    except OSError:
        return None
    return next((float(line.split()[1]) / 1024 for line in lines if line.startswith(name)), None)
