"""What threads have done arrives at the loop: whole, once, many by one call; who cancels one cancels the other."""

from __future__ import annotations

import asyncio
import gc
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from weakref import ref

import pytest
import uvloop

from tuneworks.server.arrivals import arrival


@pytest.mark.parametrize("loop_of", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_each_waiter_has_its_own_outcome(loop_of: Any) -> None:
    async def main() -> None:
        given: list[Future[int]] = [Future() for _ in range(200)]
        waiting = [arrival(one) for one in given]
        with ThreadPoolExecutor(4) as pool:
            for number, one in enumerate(given):
                pool.submit(one.set_exception, KeyError(number)) if number % 3 == 0 else pool.submit(
                    one.set_result, number
                )
            told = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 20)
        for number, outcome in enumerate(told):
            assert outcome == number or (number % 3 == 0 and outcome.args == (number,))

    with asyncio.Runner(loop_factory=loop_of) as runner:
        runner.run(main())


def test_all_that_is_there_comes_by_one_call_and_what_comes_later_by_another() -> None:
    async def main() -> None:
        loop, calls = asyncio.get_running_loop(), []
        call, loop.call_soon_threadsafe = loop.call_soon_threadsafe, lambda *what: calls.append(what) or call(*what)
        for round_ in range(3):
            given: list[Future[int]] = [Future() for _ in range(50)]
            waiting = [arrival(one) for one in given]
            for one in given:
                one.set_result(round_)
            assert await asyncio.gather(*waiting) == [round_] * 50
            assert len(calls) == round_ + 1

    asyncio.run(main())


def test_who_cancels_one_cancels_the_other() -> None:
    async def main() -> None:
        mine: Future[int] = Future()
        arrival(mine).cancel()
        await asyncio.sleep(0)
        assert mine.cancelled()
        theirs: Future[int] = Future()
        waiting = arrival(theirs)
        theirs.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        late: Future[int] = Future()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await arrival(late)
        assert late.cancelled()

    asyncio.run(main())


def test_an_error_that_no_future_takes_keeps_nobody_waiting() -> None:
    async def main() -> None:
        given: list[Future[int]] = [Future(), Future()]
        waiting = [arrival(one) for one in given]
        given[0].set_exception(StopIteration())
        given[1].set_result(1)
        told = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 20)
        assert isinstance(told[0], RuntimeError)
        assert told[1] == 1

    asyncio.run(main())


def test_loops_are_let_go() -> None:
    loop = asyncio.new_event_loop()

    async def main() -> None:
        given: Future[int] = Future()
        given.set_result(1)
        assert await arrival(given) == 1

    loop.run_until_complete(main())
    loop.close()
    gone = ref(loop)
    del loop
    gc.collect()
    assert gone() is None


def test_nobody_is_told_of_what_comes_after_the_loop() -> None:
    given: Future[int] = Future()

    async def main() -> None:
        arrival(given)

    asyncio.run(main())
    given.set_result(1)
    assert given.result() == 1
