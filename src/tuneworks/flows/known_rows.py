"""The rows a version learnt from, with the features its head reads of them."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence

import numpy

from tuneworks.core.asking import Row
from tuneworks.core.explaining import Known
from tuneworks.core.records import to_json
from tuneworks.core.workspace import Workspace
from tuneworks.flows.held_out import plan_of
from tuneworks.flows.references import dataset_of
from tuneworks.flows.rows import stored_rows
from tuneworks.serving.engine import LoadedModel
from tuneworks.statistics.feature_cache import cached
from tuneworks.statistics.views import pooled_of

MOST_ROWS = 20_000


def known_of(workspace: Workspace, loaded: LoadedModel) -> Known:
    """The training rows of the model's version, at most ``MOST_ROWS`` spread over them; kept for the last one asked."""
    id, held = workspace.loaded.get("known", (None, None))
    if id != loaded.version.id:
        held = _read(workspace, loaded)
        workspace.loaded["known"] = loaded.version.id, held
    assert isinstance(held, Known)
    return held


def _read(workspace: Workspace, loaded: LoadedModel) -> Known:
    train = plan_of(workspace, loaded.version).data.train
    count = min(len(train), MOST_ROWS)
    chosen = train.take([int(place) for place in numpy.linspace(0, len(train) - 1, count)])
    every = stored_rows(workspace, dataset_of(workspace, loaded.version.dataset_id))
    model = cached(loaded.model, workspace.cache)
    with loaded.turn:
        blocks = pooled_of(model.bases, model.spec, model.output, chosen)
    return Known(chosen, _numbers(chosen.rows, every), blocks)


def _numbers(rows: Sequence[Row], every: Sequence[Row]) -> list[int | None]:
    """Each row's number among all, from 1; equal rows in their order; none where a row was made of several."""
    places: dict[str, deque[int]] = defaultdict(deque)
    for number, row in enumerate(every, start=1):
        places[to_json(row)].append(number)
    return [found.popleft() if (found := places[to_json(row)]) else None for row in rows]
