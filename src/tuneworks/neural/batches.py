"""Texts as token pieces, and pieces as batches of like length: padding is avoided, not masked away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Encoding, Tokenizer
from torch import Tensor

OVERLAP = 32  # tokens two neighbouring windows of a long text share; half a window where that is less


@dataclass(frozen=True)
class Piece:
    """One window of one text: its token ids, and for each of its units (number in the text) the tokens touching it."""

    example: int
    ids: list[int]
    units: tuple[tuple[int, tuple[int, ...]], ...] = ()
    truncated: bool = False


@dataclass(frozen=True)
class Batch:
    """Pieces as tensors: ids (B, T), mask (B, T) or ``None`` where nothing is padded, the map from units to tokens."""

    pieces: tuple[Piece, ...]
    ids: Tensor
    mask: Tensor | None
    unit_count: int
    token_of_unit: Tensor  # positions in the flattened (B * T) tokens
    unit_of_token: Tensor  # for each of these, the unit's number in the batch
    tokens_per_unit: Tensor

    @property
    def examples(self) -> list[int]:
        return [piece.example for piece in self.pieces]


def pieces_of(
    tokenizer: Tokenizer,
    texts: Sequence[str],
    prefix: str,
    max_length: int,
    units: Sequence[Sequence[tuple[int, int]]] | None = None,
) -> list[Piece]:
    """Each text as one piece cut at ``max_length`` tokens; with ``units`` as overlapping windows covering them all."""
    encodings = (
        tokenizer.encode_batch_fast([prefix + text for text in texts])
        if units is None
        else tokenizer.encode_batch([prefix + text for text in texts])
    )
    if units is None:
        return [_cut(number, encoding.ids, max_length) for number, encoding in enumerate(encodings)]
    return [
        piece
        for number, (encoding, spans) in enumerate(zip(encodings, units, strict=True))
        for piece in _windows(number, encoding, spans, len(prefix), max_length)
    ]


def batches_of(pieces: Sequence[Piece], tokens: int, *, pad: int) -> Iterator[Batch]:
    """Batches of neighbours in length, longest first, each within the token budget (or one piece)."""
    for group in grouped(sorted(pieces, key=lambda piece: -len(piece.ids)), tokens):
        yield batch_of(group, pad)


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


def batch_of(pieces: Sequence[Piece], pad: int) -> Batch:
    """Pieces as one batch, padded to the longest."""
    longest = max(len(piece.ids) for piece in pieces)
    ids = torch.full((len(pieces), longest), pad, dtype=torch.long)
    lengths = torch.tensor([len(piece.ids) for piece in pieces])
    for row, piece in enumerate(pieces):
        ids[row, : len(piece.ids)] = torch.tensor(piece.ids, dtype=torch.long)
    even = bool((lengths == longest).all())
    mask = None if even else (torch.arange(longest)[None, :] < lengths[:, None]).long()
    tokens, owners, counts = _unit_maps(pieces, longest)
    return Batch(tuple(pieces), ids, mask, len(counts), tokens, owners, counts)


def shuffled_batches(pieces: Sequence[Piece], tokens: int, *, pad: int, seed: int, pool: int = 50) -> list[list[Piece]]:
    """One epoch's groups in random order: shuffled, sorted by length in pools of ``pool`` groups, shuffled again."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(pieces))
    mean = max(1.0, float(np.mean([len(piece.ids) for piece in pieces])))
    size = max(1, int(pool * tokens / mean))
    groups: list[list[Piece]] = []
    for begin in range(0, len(order), size):
        chosen = [pieces[i] for i in order[begin : begin + size]]
        groups += grouped(sorted(chosen, key=lambda piece: -len(piece.ids)), tokens)
    return [groups[i] for i in random.permutation(len(groups))]


def _cut(number: int, ids: list[int], max_length: int) -> Piece:
    if len(ids) <= max_length:
        return Piece(number, ids)
    return Piece(number, [*ids[: max_length - 1], ids[-1]], truncated=True)


def _windows(
    number: int, encoding: Encoding, units: Sequence[tuple[int, int]], shift: int, max_length: int
) -> Iterator[Piece]:
    touching = _touching(encoding, units, shift)
    ids = encoding.ids
    if len(ids) <= max_length:
        yield Piece(number, ids, tuple(enumerate(touching)))
        return
    inner, body = max_length - 2, len(ids) - 2
    overlap = min(OVERLAP, inner // 2)
    starts = range(0, max(1, body - overlap), inner - overlap)
    inside: list[list[tuple[int, tuple[int, ...]]]] = [[] for _ in starts]
    for unit, tokens in enumerate(touching):
        home = _home(tokens, starts, inner)
        places = (token - starts[home] for token in tokens)
        inside[home].append((unit, tuple(place for place in places if 1 <= place <= inner)))
    for start, own in zip(starts, inside, strict=True):
        yield Piece(number, [ids[0], *ids[1 + start : 1 + start + inner], ids[-1]], tuple(own))


def _home(tokens: tuple[int, ...], starts: range, inner: int) -> int:
    """The window in which a unit's first token has the most context on its poorer side."""
    at = (tokens[0] if tokens else 1) - 1
    last = min(len(starts) - 1, at // starts.step)
    near = range(max(0, last - inner // starts.step), last + 1)
    return max(near, key=lambda window: min(at - starts[window], starts[window] + inner - 1 - at))


def _touching(encoding: Encoding, units: Sequence[tuple[int, int]], shift: int) -> list[tuple[int, ...]]:
    """For each unit the positions of the tokens that share a character with it."""
    positions = [
        (position, begin - shift, end - shift)
        for position, ((begin, end), special) in enumerate(
            zip(encoding.offsets, encoding.special_tokens_mask, strict=True)
        )
        if not special and end > begin
    ]
    made: list[tuple[int, ...]] = []
    first = 0
    for begin, end in units:
        while first < len(positions) and positions[first][2] <= begin:
            first += 1
        found = []
        for position, token_begin, token_end in map(positions.__getitem__, range(first, len(positions))):
            if token_begin >= end:
                break
            if token_end > begin:
                found.append(position)
        made.append(tuple(found))
    return made


def _unit_maps(pieces: Sequence[Piece], longest: int) -> tuple[Tensor, Tensor, Tensor]:
    tokens: list[int] = []
    owners: list[int] = []
    counts: list[int] = []
    for row, piece in enumerate(pieces):
        for _, positions in piece.units:
            tokens += [row * longest + position for position in positions]
            owners += [len(counts)] * len(positions)
            counts.append(len(positions))
    return torch.tensor(tokens, dtype=torch.long), torch.tensor(owners, dtype=torch.long), torch.tensor(counts)
