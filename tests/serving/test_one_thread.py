"""While rows are answered numpy multiplies in one thread; afterwards it has as many as before."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from threadpoolctl import OpenBLASController, ThreadpoolController

from tuneworks.core import registry
from tuneworks.runtimes._one_thread import _usual, one_thread


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    assert np  # whose BLAS is loaded with it
    with ThreadpoolController().limit(limits=2, user_api="blas"):
        OpenBLASController.clear_controlling_thread()
        _usual.cache_clear()
        yield
        assert threads() == {2}
    _usual.cache_clear()


def threads() -> set[int]:
    """Of numpy's BLAS; scipy may have loaded another."""
    found = ThreadpoolController().select(user_api="blas").info()
    own = [one["num_threads"] for one in found if Path(one["filepath"]).parent.name.startswith("numpy")]
    return set(own) or {one["num_threads"] for one in found}


@pytest.mark.parametrize("name", ["onnx", "arrays"])
def test_who_leaves_first_does_not_give_the_threads_back(name: str) -> None:
    both, left = Barrier(2), Barrier(2)

    def scores(model: object, last: Any) -> set[int]:
        both.wait(10)
        if last:
            left.wait(10)
        return threads()

    model: Any = SimpleNamespace(head=SimpleNamespace(scores=scores))
    runtime = registry.load("runtimes", name)()
    with ThreadPoolExecutor() as pool:
        first, last = (pool.submit(runtime.run, model, last) for last in (False, True))
        assert first.result(20) == {1}
        left.wait(10)
        assert last.result(20) == {1}


def test_an_error_gives_the_threads_back() -> None:
    def scores(model: object, examples: object) -> None:
        raise ValueError("broken")

    model: Any = SimpleNamespace(head=SimpleNamespace(scores=scores))
    with pytest.raises(ValueError, match="broken"):
        registry.load("runtimes", "onnx")().run(model, None)


def test_others_may_set_their_own_limit_once_a_living_worker_has_left() -> None:
    def work() -> None:
        with one_thread():
            pass

    with ThreadPoolExecutor(1) as worker:
        worker.submit(work).result()
        with ThreadpoolController().limit(limits=1, user_api="blas"):
            assert threads() == {1}
        assert threads() == {2}
