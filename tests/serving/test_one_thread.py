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
from threadpoolctl import ThreadpoolController

from tuneworks.core import registry


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    assert np  # whose BLAS is loaded with it
    with ThreadpoolController().limit(limits=2, user_api="blas"):
        yield
        assert threads() == {2}


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
