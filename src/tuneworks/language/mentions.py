"""Two things a text speaks of: where they stand, by marks in the text or by their wording."""

from __future__ import annotations

import re
from dataclasses import dataclass

Stretch = tuple[int, int]
NOWHERE = (0, 0)
MARKS = ("<e1>", "</e1>", "<e2>", "</e2>")

_mark = re.compile("|".join(MARKS))


@dataclass(frozen=True)
class Mentions:
    """A text without marks, and where its head and its tail stand: (start, end) in code points, end exclusive."""

    text: str
    head: Stretch
    tail: Stretch

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        """Head, tail, what stands between them where the head is first, and where the tail is; ``NOWHERE`` else."""
        first, second = sorted((self.head, self.tail))
        between = (first[1], second[0]) if first[1] < second[0] else NOWHERE
        forward = self.head <= self.tail
        return self.head, self.tail, between if forward else NOWHERE, NOWHERE if forward else between


def by_marks(text: str) -> Mentions | None:
    """The mentions of a text with ``<e1>head</e1>`` and ``<e2>tail</e2>``, each once; ``None`` where they are not so.

    >>> by_marks("A <e2>ridge</e2> by the <e1>sea</e1>.")
    Mentions(text='A ridge by the sea.', head=(15, 18), tail=(2, 7))
    """
    found = list(_mark.finditer(text))
    if sorted(match[0] for match in found) != sorted(MARKS):
        return None
    place = {match[0]: match.start() - sum(len(before[0]) for before in found[:i]) for i, match in enumerate(found)}
    head, tail = (place["<e1>"], place["</e1>"]), (place["<e2>"], place["</e2>"])
    return Mentions(_mark.sub("", text), head, tail) if head[0] < head[1] and tail[0] < tail[1] else None


def by_wording(text: str, head: str, tail: str) -> Mentions | None:
    """Where head and tail first stand in a text; ``None`` where one does not.

    The longer is looked for first, the other beside it where it can be.

    >>> by_wording("Bank of Rome bought Rome Energy", "Rome", "Bank of Rome")
    Mentions(text='Bank of Rome bought Rome Energy', head=(20, 24), tail=(0, 12))
    """
    longer, shorter = (head, tail) if len(head) >= len(tail) else (tail, head)
    start = text.find(longer) if longer else -1
    if start < 0 or not shorter:
        return None
    taken = (start, start + len(longer))
    other = _beside(text, shorter, taken)
    if other is None:
        return None
    return Mentions(text, taken, other) if longer is head else Mentions(text, other, taken)


def _beside(text: str, wording: str, taken: Stretch) -> Stretch | None:
    """The first place of a wording outside a stretch, else inside it."""
    places = [match.start() for match in re.finditer(f"(?={re.escape(wording)})", text)]
    outside = [at for at in places if at + len(wording) <= taken[0] or at >= taken[1]]
    at = next(iter(outside or places), None)
    return None if at is None else (at, at + len(wording))
