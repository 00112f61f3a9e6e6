"""Texts as token pieces: each text cut at a maximum length, or in overlapping windows that cover all of its units."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tokenizers import Encoding, Tokenizer

from tuneworks.core.stages import stage
from tuneworks.core.types import Pair

OVERLAP = 32  # tokens two neighbouring windows of a long text share; half a window where that is less


@dataclass(frozen=True)
class Piece:
    """One window of one text: its token ids, and for each of its units (number in the text) the tokens touching it."""

    example: int
    ids: list[int]
    units: tuple[tuple[int, tuple[int, ...]], ...] = ()
    truncated: bool = False


def readable(value: Any) -> str | Pair:
    """A value as a tokenizer reads it: a pair as it is, nothing as an empty text."""
    return value if isinstance(value, Pair) else str(value or "")


def pieces_of(
    tokenizer: Tokenizer,
    values: Sequence[str | Pair],
    prefix: str,
    max_length: int,
    units: Sequence[Sequence[tuple[int, int]]] | None = None,
) -> list[Piece]:
    """Each text as one piece cut at ``max_length`` tokens; with ``units`` as overlapping windows covering them all.

    Of a pair both texts stand in one piece; windows go over the second, each with the first before it.
    """
    inputs = [(prefix + v.first, v.second) if isinstance(v, Pair) else prefix + v for v in values]
    if units is None:
        with stage("tokenise"):
            encodings = tokenizer.encode_batch_fast(inputs)
        return [_cut(number, encoding.ids, max_length) for number, encoding in enumerate(encodings)]
    with stage("tokenise"):
        placed = tokenizer.encode_batch(inputs)
    return [
        piece
        for number, (value, encoding, spans) in enumerate(zip(values, placed, units, strict=True))
        for piece in _windows(number, _Body.of(encoding, value, prefix), spans, max_length)
    ]


def grouped(pieces: Sequence[Piece], tokens: int) -> Iterator[list[Piece]]:
    """Consecutive pieces in groups whose padded size stays within ``tokens``."""
    group: list[Piece] = []
    longest = 0
    for piece in pieces:
        longest = max(longest, len(piece.ids))
        if group and longest * (len(group) + 1) > tokens:
            yield group
            group, longest = [], len(piece.ids)
        group.append(piece)
    if group:
        yield group


def _cut(number: int, ids: list[int], max_length: int) -> Piece:
    if len(ids) <= max_length:
        return Piece(number, ids)
    return Piece(number, [*ids[: max_length - 1], ids[-1]], truncated=True)


@dataclass(frozen=True)
class _Body:
    """The tokens that windows go over, ``ids[begin:end]``; their offsets count from ``shift``."""

    encoding: Encoding
    sequence: int
    begin: int
    end: int
    shift: int

    @classmethod
    def of(cls, encoding: Encoding, value: str | Pair, prefix: str) -> _Body:
        sequence = int(isinstance(value, Pair))
        own = [position for position, of in enumerate(encoding.sequence_ids) if of == sequence]
        begin = own[0] if own else len(encoding.ids) - 1
        return cls(encoding, sequence, begin, begin + len(own), 0 if sequence else len(prefix))

    def head(self, most: int) -> list[int]:
        """What stands before every window, the first text of a pair cut where it is longer than ``most`` allows."""
        owners, ids = self.encoding.sequence_ids[: self.begin], self.encoding.ids[: self.begin]
        room = max(0, most - owners.count(None))
        texts = [position for position, of in enumerate(owners) if of is not None]
        dropped = set(texts[room:])
        return [token for position, token in enumerate(ids) if position not in dropped]


def _windows(number: int, body: _Body, units: Sequence[tuple[int, int]], max_length: int) -> Iterator[Piece]:
    touching = _touching(body, units)
    ids = body.encoding.ids
    if len(ids) <= max_length:
        yield Piece(number, ids, tuple(enumerate(touching)))
        return
    tail = ids[body.end :]
    head = body.head(max_length // 2 - len(tail))
    inner, length = max_length - len(head) - len(tail), body.end - body.begin
    overlap = min(OVERLAP, inner // 2)
    starts = range(0, max(1, length - overlap), inner - overlap)
    inside: list[list[tuple[int, tuple[int, ...]]]] = [[] for _ in starts]
    for unit, tokens in enumerate(touching):
        home = _home(tokens[0] - body.begin if tokens else 0, starts, inner)
        places = (token - body.begin - starts[home] for token in tokens)
        inside[home].append((unit, tuple(len(head) + place for place in places if 0 <= place < inner)))
    cut = len(head) < body.begin
    for start, own in zip(starts, inside, strict=True):
        window = ids[body.begin + start : min(body.begin + start + inner, body.end)]
        yield Piece(number, [*head, *window, *tail], tuple(own), truncated=cut)


def _home(at: int, starts: range, inner: int) -> int:
    """The window in which a unit's first token has the most context on its poorer side."""
    last = min(len(starts) - 1, at // starts.step)
    near = range(max(0, last - inner // starts.step), last + 1)
    return max(near, key=lambda window: min(at - starts[window], starts[window] + inner - 1 - at))


def _touching(body: _Body, units: Sequence[tuple[int, int]]) -> list[tuple[int, ...]]:
    """For each unit, in whatever order, the positions of the body's tokens that share a character with it."""
    offsets, specials = body.encoding.offsets, body.encoding.special_tokens_mask
    positions = [
        (position, offsets[position][0] - body.shift, offsets[position][1] - body.shift)
        for position in range(body.begin, body.end)
        if not specials[position] and offsets[position][1] > offsets[position][0]
    ]
    ends = [end for _, _, end in positions]
    made: list[tuple[int, ...]] = []
    for begin, end in units:
        first = bisect_right(ends, begin)
        found = []
        for position, token_begin, token_end in map(positions.__getitem__, range(first, len(positions))):
            if token_begin >= end:
                break
            if token_end > begin:
                found.append(position)
        made.append(tuple(found))
    return made
