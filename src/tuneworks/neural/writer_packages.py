"""Addresses of networks that write: which packages carry their weights, and which folders hold such a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tuneworks.neural.model_folders import architecture

COLUMN_KINDS = ("text", "messages")


@dataclass(frozen=True)
class Package:
    """An installed package that carries weights: its module, the file they are converted from, and what converts it."""

    module: str
    packed: str
    converter: str  # a module of ``tuneworks.neural``
    instead: str  # the hub address of much the same weights


def serves(address: str, column_kind: str, packages: Mapping[str, Package], ending: str) -> bool:
    """Whether the address is a known package's, or a folder's whose network's name ends so."""
    kind, _, rest = address.partition(":")
    if column_kind not in COLUMN_KINDS:
        return False
    return rest in packages if kind == "pkg" else architecture(address).endswith(ending)
