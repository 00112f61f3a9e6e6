"""Requests wait in lines that end: whoever is free takes what fits, and nobody hears of another's mistake."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import pytest

from tuneworks.core.errors import InvalidInput, Overloaded, Unavailable
from tuneworks.core.text import plain
from tuneworks.serving import batching
from tuneworks.serving.batching import Batches, Piece, Request, weight_of

Batch = list[tuple[str, int, int]]
WEIGHT = 16
FIT = batching.BATCH_TOKENS // WEIGHT


class Hand:
    """Answers each row with its double once ``gate`` is open; ``batches`` is what it was given."""

    def __init__(self) -> None:
        self.gate, self.busy = threading.Event(), threading.Event()
        self.batches: list[Batch] = []

    def answer(self, pieces: Sequence[Piece]) -> list[Any]:
        self.batches.append([(piece.request.deployment, piece.start, piece.stop) for piece in pieces])
        self.busy.set()
        assert self.gate.wait(10)
        return [
            InvalidInput(plain("odd"), plain("")) if "odd" in piece.rows else [2 * row for row in piece.rows]
            for piece in pieces
        ]

    def finish(self, request: Request) -> None:
        request.finish(request.answers)


@contextmanager
def working(workers: int = 1) -> Iterator[tuple[Hand, Batches]]:
    hand = Hand()
    batches = Batches(hand.answer, hand.finish, workers)
    try:
        yield hand, batches
    finally:
        hand.gate.set()
        batches.close()


def asked(batches: Batches, rows: Sequence[Any], deployment: str = "a", weight: int = WEIGHT) -> Future[Any]:
    request = Request(deployment, rows, [None] * len(rows), [weight] * len(rows))
    batches.submit(request)
    return request.done


def until(seen: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not seen() and time.monotonic() < deadline:
        time.sleep(0.001)


def blocked(hand: Hand, batches: Batches) -> Future[Any]:
    """A first request that keeps the only worker busy, so that what follows waits."""
    first = asked(batches, [0], "first")
    assert hand.busy.wait(10)
    return first


def test_all_that_wait_are_answered_together_as_far_as_they_fit() -> None:
    with working() as (hand, batches):
        blocked(hand, batches)
        waiting = [asked(batches, [number]) for number in range(40)]
        hand.gate.set()
        assert [one.result(10) for one in waiting] == [[2 * number] for number in range(40)]
        assert [len(batch) for batch in hand.batches] == [1, FIT, FIT, 40 - 2 * FIT]


def test_what_waits_is_shared_by_the_workers_that_are_free() -> None:
    with working(workers=2) as (hand, batches):
        until(lambda: batches._idle == 2)
        asked(batches, list(range(16)))
        until(lambda: len(hand.batches) == 2)
        assert [batch[0][1:] for batch in hand.batches] == [(0, 8), (8, 16)]


def test_who_comes_alone_waits_for_nobody() -> None:
    with working() as (hand, batches):
        hand.gate.set()
        assert asked(batches, [3]).result(10) == [6]
        assert hand.batches == [[("a", 0, 1)]]


def test_a_large_request_does_not_hold_up_the_small_ones() -> None:
    with working() as (hand, batches):
        blocked(hand, batches)
        large = asked(batches, list(range(100)))
        small = asked(batches, [7])
        hand.gate.set()
        assert large.result(10) == [2 * row for row in range(100)]
        assert small.result(10) == [14]
        assert hand.batches[1:3] == [[("a", 0, FIT)], [("a", 0, 1)]]


def test_deployments_take_turns() -> None:
    with working() as (hand, batches):
        blocked(hand, batches)
        done = [asked(batches, list(range(2 * FIT)), "a"), asked(batches, [1], "b"), asked(batches, [2], "c")]
        hand.gate.set()
        for one in done:
            one.result(10)
        assert [batch[0][0] for batch in hand.batches] == ["first", "a", "b", "c", "a"]


def test_past_the_bound_requests_are_refused_with_the_time_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "MOST_REQUESTS", 3)
    with working() as (hand, batches):
        blocked(hand, batches)
        waiting = [asked(batches, [number]) for number in range(3)]
        with pytest.raises(Overloaded) as refused:
            asked(batches, [3])
        assert 1 <= refused.value.retry_seconds <= batching.MOST_RETRY_SECONDS
        assert waiting[1].cancel()
        fourth = asked(batches, [4])
        hand.gate.set()
        assert fourth.result(10) == [8]
        assert [batch for batch in hand.batches if len(batch) == 3] == [[("a", 0, 1)] * 3]


def test_a_request_of_any_size_is_taken_where_nothing_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "MOST_TOKENS", 50)
    with working() as (hand, batches):
        hand.gate.set()
        assert len(asked(batches, list(range(200))).result(10)) == 200


def test_who_left_is_not_answered() -> None:
    with working() as (hand, batches):
        blocked(hand, batches)
        gone, stays = asked(batches, [1]), asked(batches, [2])
        assert gone.cancel()
        hand.gate.set()
        assert stays.result(10) == [4]
        assert hand.batches[1] == [("a", 0, 1)]


def test_of_a_large_request_whose_caller_left_no_more_rows_are_answered() -> None:
    with working() as (hand, batches):
        large = asked(batches, list(range(1000)))
        assert hand.busy.wait(10)
        assert large.cancel()
        hand.gate.set()
        asked(batches, [1]).result(10)
        assert len(hand.batches) == 2


def test_an_error_reaches_the_caller_whose_rows_are_wrong() -> None:
    with working() as (hand, batches):
        blocked(hand, batches)
        right, wrong = asked(batches, [1]), asked(batches, ["odd"])
        hand.gate.set()
        assert right.result(10) == [2]
        with pytest.raises(InvalidInput, match="odd"):
            wrong.result(10)


def test_what_is_left_of_a_request_that_failed_keeps_no_place_in_a_full_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "MOST_REQUESTS", 2)
    with working(workers=2) as (hand, batches):
        until(lambda: batches._idle == 2)
        wrong = asked(batches, ["odd", *range(200)])
        until(lambda: len(hand.batches) == 2)  # both workers have a piece of it, the rest waits
        asked(batches, [1])
        with pytest.raises(Overloaded):
            asked(batches, [2])
        wrong.set_exception(InvalidInput(plain("odd"), plain("")))
        asked(batches, [3])


def test_closing_answers_what_waits_and_refuses_what_comes() -> None:
    with working(workers=2) as (hand, batches):
        waiting = [asked(batches, [number]) for number in range(100)]
        hand.gate.set()
        batches.close()
        assert [one.result(0) for one in waiting] == [[2 * number] for number in range(100)]
        with pytest.raises(Unavailable, match="stopping"):
            asked(batches, [1])


@pytest.mark.parametrize(
    ("row", "least", "most"),
    [({"text": "where is my parcel now"}, 5, 10), ({"text": "我的包裹到哪里了"}, 6, 12), ({"a": 1.5, "b": None}, 3, 5)],
)
def test_a_rows_weight_is_about_its_tokens(row: dict[str, Any], least: int, most: int) -> None:
    assert least <= weight_of(row) <= most
