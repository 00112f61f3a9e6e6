"""What there is to work with: minutes, memory and disk, and what of it a piece of work would exceed."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tuneworks.core.memory import MEGABYTE, free_megabytes
from tuneworks.core.text import Text


@dataclass(frozen=True)
class Box:
    """The minutes allowed, and the megabytes of memory and disk that are free; ``None``: not known, not limited."""

    minutes: float | None
    memory_megabytes: float | None
    disk_megabytes: float | None

    def over(self, minutes: float, memory: float, disk: float) -> Text | None:
        """What would be exceeded, with both figures; ``None`` where all fits."""
        if self.minutes is not None and minutes > self.minutes:
            return Text(
                f"takes {minutes:.1f} min of the {self.minutes:g} allowed",
                f"需要 {minutes:.1f} 分钟，允许 {self.minutes:g} 分钟",
            )
        if self.memory_megabytes is not None and memory > self.memory_megabytes:
            return Text(
                f"needs {memory:.0f} MB of the {self.memory_megabytes:.0f} MB of memory that are free",
                f"需要 {memory:.0f} MB 内存，可用 {self.memory_megabytes:.0f} MB",
            )
        if self.disk_megabytes is not None and disk > self.disk_megabytes:
            return Text(
                f"needs {disk:.0f} MB of the {self.disk_megabytes:.0f} MB of disk that are free",
                f"需要 {disk:.0f} MB 磁盘，可用 {self.disk_megabytes:.0f} MB",
            )
        return None


def box_of(folder: Path, minutes: float | None) -> Box:
    """This machine as it is now, seen from a folder."""
    return Box(minutes, free_megabytes(), shutil.disk_usage(folder).free / MEGABYTE)
