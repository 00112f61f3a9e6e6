"""Which process does something: told apart from every other, and whether it still runs."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def owner() -> str:
    """This process, told apart from any other that had its number before: host, process number, start."""
    return f"{platform.node()}:{os.getpid()}:{_started(os.getpid())}"


def is_alive(owner: str) -> bool:
    """Whether the process still runs; one of another host is taken to."""
    host, process, started = owner.rsplit(":", 2)
    if host != platform.node():
        return True
    return exists(int(process)) and _started(int(process)) == started


def exists(process: int) -> bool:
    """Whether there is a process of that number on this host."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _started(process: int) -> str:
    """When the process started, in clock ticks of this boot; empty where the system does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
        state = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return ""
    fields = state.rpartition(")")[2].split()
    return "" if fields[0] == "Z" else f"{boot}.{fields[19]}"
