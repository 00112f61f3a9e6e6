"""Reading protocol buffer messages without their definition: field numbers and raw values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

SIZES = {1: 8, 5: 4}  # bytes of the fixed-width wire types


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """(number, value) of each field of a message: whole numbers, or the bytes of everything else."""
    at = 0
    while at < len(data):
        key, at = whole_number(data, at)
        form = key & 7
        if form == 0:
            value, at = whole_number(data, at)
            yield key >> 3, value
            continue
        if form == 2:
            size, at = whole_number(data, at)
        elif form in SIZES:
            size = SIZES[form]
        else:
            raise ValueError(f"not a protocol buffer: wire type {form} at byte {at}")
        yield key >> 3, data[at : at + size]
        at += size


def whole_number(data: bytes, at: int) -> tuple[int, int]:
    """A base-128 number and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
