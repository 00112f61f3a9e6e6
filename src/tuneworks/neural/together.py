"""Processes that train one network together, by Accelerate: each learns from its share of every batch."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from tuneworks.core.contracts import Seat
from tuneworks.core.errors import InvalidConfig, ProcessLost
from tuneworks.core.text import Text
from tuneworks.neural.devices import CPU, device
from tuneworks.statistics.features import Floats

T = TypeVar("T")
LONGEST_WAIT = timedelta(days=1)
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Together:
    """This process among those that train a network together; ``threads``: what it had to itself."""

    rank: int = 0
    size: int = 1
    threads: int = 1

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """What of the items is this process's to do."""
        return items[self.rank :: self.size]

    def added(self, numbers: Tensor) -> Tensor:
        """The sum of what each process holds."""
        if self.size == 1:
            return numbers
        from accelerate.utils import reduce

        with _all_there():
            summed: Tensor = reduce(numbers, "sum")
        return summed

    def filled(self, rows: Floats) -> Floats:
        """Rows of which each process has filled its share, and left the others 0."""
        if self.size == 1:
            return rows
        return np.asarray(self.added(torch.from_numpy(rows).to(device())).cpu().numpy(), rows.dtype)

    def add_gradients(self, weights: Sequence[Tensor], loss: float) -> float:
        """Let each weight's gradient be the sum of all processes'; gives the sum of their losses.

        A weight that no process has a gradient of keeps none.
        """
        if self.size == 1:
            return loss
        told = [loss, *(float(weight.grad is not None) for weight in weights)]
        gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in weights]
        summed = self.added(torch.cat([torch.tensor(told, device=device()), *(one.flatten() for one in gradients)]))
        total, *held = summed[: len(told)].tolist()
        parts = summed[len(told) :].split([one.numel() for one in weights])
        for weight, there, part in zip(weights, held, parts, strict=True):
            weight.grad = part.view_as(weight) if there else None
        return float(total)

    def agree(self, weights: Sequence[Tensor]) -> None:
        """Let every process begin with the first one's weights."""
        if self.size > 1:
            from accelerate.utils import broadcast

            with torch.no_grad(), _all_there():
                for weight in weights:
                    weight.copy_(broadcast(weight.detach().clone()))

    def agreed(self, said: bool) -> bool:
        """What the first process says."""
        return (
            said if self.size == 1 else bool(self.added(torch.tensor(float(said and not self.rank), device=device())))
        )

    @contextmanager
    def first(self) -> Iterator[None]:
        """The first process goes before the others, with all the threads it had; these wait for it."""
        if self.size == 1:
            yield
            return
        from accelerate import PartialState

        with PartialState().main_process_first():
            own = torch.get_num_threads()
            torch.set_num_threads(own if self.rank else self.threads)
            try:
                yield
            finally:
                torch.set_num_threads(own)


ALONE = Together()


@contextmanager
def joined(seat: Seat | None) -> Iterator[Together]:
    """Meanwhile this process trains together with others, with its share of the threads; without a seat, alone."""
    if seat is None:
        yield ALONE
        return
    threads = torch.get_num_threads()
    own = max(1, threads // seat.sharing)
    with _one_at_a_time:
        seat.meet()
        with _environment(seat, own), _all_there():
            state = _begun()
        torch.set_num_threads(own)
        try:
            yield Together(seat.rank, seat.size, threads)
        finally:
            torch.distributed.destroy_process_group()
            state._reset_state()
            torch.set_num_threads(threads)


def must_be_alone(seat: Seat | None, setting: str, given: Any) -> None:
    """Refuse a setting that looks at whole batches where several processes would share them."""
    if seat is not None and given:
        raise InvalidConfig(
            Text(
                f"{setting} looks at whole batches, which {seat.size} processes would share.",
                f"{setting} 需要整个批次，而 {seat.size} 个进程会分担批次。",
            ),
            Text(f"Leave out either processes or {setting}.", f"请去掉 processes 或 {setting}。"),
        )


def _begun() -> Any:
    """Accelerate's state, once all processes have found each other: over gloo, or what the accelerator has."""
    from accelerate import PartialState

    on_processor = device().type == CPU
    return PartialState(cpu=on_processor, backend="gloo" if on_processor else None, timeout=LONGEST_WAIT)


@contextmanager
def _all_there() -> Iterator[None]:
    """What torch says where a process does not answer, as the error it is."""
    try:
        yield
    except RuntimeError as error:
        raise ProcessLost from error


@contextmanager
def _environment(seat: Seat, threads: int) -> Iterator[None]:
    """The variables that torch and Accelerate read of a process's place."""
    before = dict(os.environ)
    os.environ |= {
        "RANK": str(seat.rank),
        "LOCAL_RANK": str(seat.rank),
        "WORLD_SIZE": str(seat.size),
        "LOCAL_WORLD_SIZE": str(seat.size),
        "MASTER_ADDR": seat.host,
        "MASTER_PORT": str(seat.port),
        "OMP_NUM_THREADS": str(threads),
    }
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= before
