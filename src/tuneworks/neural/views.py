"""What a network sees of examples while it learns: the very states whose features serve the head later.

A view names the pieces that are batched, and turns a batch into rows of states (M, W), one row or more an example.
What else must be read with a piece (the other text of a pair, the windows of a long text) is joined to its batch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tuneworks.core.asking import Examples
from tuneworks.neural.batches import Batch, batch_of
from tuneworks.neural.encoder import Encoder
from tuneworks.neural.pieces import Piece
from tuneworks.statistics import positions
from tuneworks.statistics.features import Floats

Columns = Sequence[Sequence[Any]]


class View(ABC):
    """``pieces``: what is batched; ``width``: W; ``lengths``: rows of states of each example.

    ``drops``: whether single states may be dropped while learning.
    """

    drops = True

    def __init__(
        self, encoder: Encoder, pieces: list[Piece], lengths: Sequence[int], further: Mapping[int, list[Piece]]
    ) -> None:
        self.encoder, self.pieces, self.lengths, self._further = encoder, pieces, lengths, further
        self.width = encoder.width
        self.starts = np.cumsum([0, *lengths])

    @property
    def read(self) -> list[Piece]:
        """All that is read: what is batched, and what is joined to it."""
        return [*self.pieces, *chain.from_iterable(self._further.values())]

    @abstractmethod
    def states(self, batch: Batch) -> Tensor:
        """The batch's rows of states (M, W)."""

    def rows(self, batch: Batch) -> list[int]:
        """The number each of the batch's rows has among all."""
        return [row for one in batch.examples for row in range(self.starts[one], self.starts[one + 1])]

    def counts(self, batch: Batch) -> list[int]:
        """How many of the batch's rows belong together, in their order."""
        return [self.lengths[one] for one in batch.examples]

    def answered(self, batch: Batch) -> list[int]:
        """The number each target of the batch has among all: one a row, unless a view says otherwise."""
        return self.rows(batch)

    def begin(self, head: nn.Linear) -> None:
        """The head before anything is learnt."""
        nn.init.normal_(head.weight, std=0.02)
        nn.init.zeros_(head.bias)

    def sums(self, head: nn.Linear, states: Tensor, batch: Batch) -> Tensor:
        """What the head makes of a batch's rows of states (M, C)."""
        made: Tensor = head(states)
        return made

    def regression(self, states: Floats, targets: Any) -> tuple[Floats, Any]:
        """The rows and their targets that a linear fit of the head learns from."""
        return states, targets

    def fitted(self, weight: Floats) -> Floats:
        """The head's weight (W, C) of what that fit found."""
        return weight

    def arrays(self, weight: Floats) -> dict[str, Floats]:
        """The head's weight (W, C) by the feature blocks that serve it."""
        return {"weight_0": weight}

    def joined(self, batch: Batch) -> Batch:
        """The batch with what must be read beside it."""
        more = [piece for example in batch.examples for piece in self._further.get(example, ())]
        return batch_of([*batch.pieces, *more]) if more else batch


class Whole(View):
    """Each text as a whole."""

    def __init__(self, encoder: Encoder, columns: Columns, examples: Examples) -> None:
        pieces = encoder.pieces(columns[0])
        super().__init__(encoder, pieces, [1] * len(pieces), {})

    def states(self, batch: Batch) -> Tensor:
        return self.encoder.pooled(batch)


class Units(View):
    """Each unit of each text; the windows of a long text are batched apart."""

    def __init__(self, encoder: Encoder, columns: Columns, examples: Examples) -> None:
        units = examples.units or ()
        super().__init__(encoder, encoder.pieces(columns[0], units), [len(spans) for spans in units], {})

    def states(self, batch: Batch) -> Tensor:
        return self.encoder.unit_states(batch)

    def rows(self, batch: Batch) -> list[int]:
        return [int(self.starts[piece.example]) + unit for piece in batch.pieces for unit, _ in piece.units]

    def counts(self, batch: Batch) -> list[int]:
        return [len(piece.units) for piece in batch.pieces]


class Marked(View):
    """Each text as a whole, with each of its K marked stretches beside it (W = (1 + K) D)."""

    def __init__(self, encoder: Encoder, columns: Columns, examples: Examples) -> None:
        marks = examples.marks or ()
        pieces, further = _whole_and_units(encoder, columns[0], marks)
        super().__init__(encoder, pieces, [1] * len(pieces), further)
        self._count = marked(examples)
        self.width = (1 + self._count) * encoder.width

    def states(self, batch: Batch) -> Tensor:
        joined = self.joined(batch)
        pooled, stretches = self.encoder.both(joined)
        place = _places(joined)
        index = torch.tensor([[place[one, number] for number in range(self._count)] for one in batch.examples])
        return torch.cat([pooled[: len(batch.pieces)], stretches[index.to(stretches.device)].flatten(1)], dim=1)


class Compared(View):
    """The cosine of two texts that are each read alone (W = 1)."""

    drops = False

    def __init__(self, encoder: Encoder, columns: Columns, examples: Examples) -> None:
        pairs = list(zip(*map(encoder.pieces, columns), strict=True))
        ordered = [sorted(pair, key=lambda piece: -len(piece.ids)) for pair in pairs]
        further = {number: [short] for number, (_, short) in enumerate(ordered)}
        super().__init__(encoder, [long for long, _ in ordered], [1] * len(pairs), further)
        self.width = 1

    def states(self, batch: Batch) -> Tensor:
        pooled = self.encoder.pooled(self.joined(batch))
        first, second = pooled.split(len(batch.pieces))
        return nn.functional.cosine_similarity(first, second).unsqueeze(1)

    def begin(self, head: nn.Linear) -> None:
        nn.init.constant_(head.weight, 5.0)
        nn.init.zeros_(head.bias)

    def arrays(self, weight: Floats) -> dict[str, Floats]:
        """None of it on how the texts agree and differ, all on their cosine."""
        return {"weight_0": np.zeros((2 * self.encoder.width, weight.shape[1]), np.float32), "weight_1": weight}


class Positions(View):
    """A row for no answer, made of the whole, then one a unit (W = 2 D: units first, the whole after them)."""

    def __init__(self, encoder: Encoder, columns: Columns, examples: Examples) -> None:
        units = examples.units or ()
        pieces, further = _whole_and_units(encoder, columns[0], units)
        super().__init__(encoder, pieces, [1 + len(spans) for spans in units], further)
        self.width = 2 * encoder.width

    def states(self, batch: Batch) -> Tensor:
        joined = self.joined(batch)
        pooled, units = self.encoder.both(joined)
        pooled = pooled[: len(batch.pieces)]
        place = _places(joined)
        order = [
            len(pooled) + place[one, row - 1] if row else number
            for number, one in enumerate(batch.examples)
            for row in range(self.lengths[one])
        ]
        wide = torch.cat([_beside(torch.zeros_like(pooled), pooled), _beside(units, torch.zeros_like(units))])
        return wide[torch.tensor(order, device=wide.device)]

    def sums(self, head: nn.Linear, states: Tensor, batch: Batch) -> Tensor:
        """The bias is the units' alone: it sets them against no answer."""
        lengths = torch.tensor([self.lengths[one] for one in batch.examples], device=states.device)
        is_none = states.new_zeros(len(states), 1)
        is_none[lengths.cumsum(0) - lengths] = 1.0
        made: Tensor = head(states) - is_none * head.bias
        return made

    def regression(self, states: Floats, targets: Any) -> tuple[Floats, Any]:
        is_unit = np.ones(len(states), bool)
        is_unit[self.starts[:-1]] = False
        return states[is_unit, : self.encoder.width], positions.marked(targets, [one - 1 for one in self.lengths])

    def fitted(self, weight: Floats) -> Floats:
        return np.concatenate([weight, np.zeros_like(weight)])

    def answered(self, batch: Batch) -> list[int]:
        return batch.examples

    def arrays(self, weight: Floats) -> dict[str, Floats]:
        return {"weight_0": weight[: self.encoder.width], "weight_1": weight[self.encoder.width :]}


VIEWS: Mapping[str, type[View]] = {"token_classes": Units, "similarity": Compared, "spans": Positions}
"""By kind of output, where the whole text is not what is asked about."""


def view_of(kind: str, encoder: Encoder, columns: Columns, examples: Examples) -> View:
    """What a network sees of examples whose answer is of that kind; ``columns``: the values of each input it reads."""
    seen: Any = VIEWS.get(kind, Marked if marked(examples) else Whole)
    made: View = seen(encoder, columns, examples)
    return made


def marked(examples: Examples) -> int:
    """How many stretches of each example are marked."""
    return len(examples.marks[0]) if examples.marks else 0


def _whole_and_units(
    encoder: Encoder, values: Sequence[Any], units: Sequence[Sequence[tuple[int, int]]]
) -> tuple[list[Piece], dict[int, list[Piece]]]:
    """The piece each whole is pooled of, and the windows that hold its units where that piece does not."""
    windows: list[list[Piece]] = [[] for _ in values]
    for piece in encoder.pieces(values, units):
        windows[piece.example].append(piece)
    pieces, further = [], {}
    for number, (whole, own) in enumerate(zip(encoder.pieces(values), windows, strict=True)):
        one = len(own) == 1 and own[0].ids == whole.ids
        pieces.append(own[0] if one else whole)
        if not one:
            further[number] = [piece for piece in own if piece.units]
    return pieces, further


def _places(batch: Batch) -> dict[tuple[int, int], int]:
    """(Example, unit) -> the unit's row among the batch's units."""
    units = [(piece.example, unit) for piece in batch.pieces for unit, _ in piece.units]
    return {unit: row for row, unit in enumerate(units)}


def _beside(left: Tensor, right: Tensor) -> Tensor:
    return torch.cat([left, right], dim=1)
