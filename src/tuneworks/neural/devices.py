"""Where networks run: decided here alone, for all that is trained and all that answers."""

from __future__ import annotations

import os
from functools import cache

import torch
from torch import Tensor

from tuneworks.core.errors import InvalidConfig
from tuneworks.core.text import Text
from tuneworks.statistics.features import Floats

VARIABLE = "TUNEWORKS_DEVICE"
CPU = "cpu"


@cache
def device() -> torch.device:
    """What ``TUNEWORKS_DEVICE`` names (``cpu``, ``cuda``, ``mps``); else an accelerator, where there is one."""
    there = torch.accelerator.current_accelerator(check_available=True) or torch.device(CPU)
    named = os.environ.get(VARIABLE)
    if named is None:
        return there
    try:
        chosen = torch.device(named)
    except RuntimeError as error:
        raise _unknown(named, there) from error
    if chosen.type not in (CPU, there.type):
        raise _unknown(named, there)
    return chosen


def workers() -> int:
    """How many batches are worth working on side by side: one a thread, where the processor does the work."""
    return torch.get_num_threads() if device().type == CPU else 1


def numbers_of(tensor: Tensor) -> Floats:
    """A tensor as an array, wherever it is."""
    made: Floats = tensor.detach().cpu().numpy()
    return made


def _unknown(named: str, there: torch.device) -> InvalidConfig:
    known = ", ".join(dict.fromkeys((CPU, there.type)))
    return InvalidConfig(
        Text(
            f"{VARIABLE} is {named!r}, which torch does not find here.",
            f"{VARIABLE} 为 {named!r}，torch 在此找不到该设备。",
        ),
        Text(f"Set it to one of: {known}; or leave it out.", f"请改为其中之一：{known}；或不设置。"),
    )
