"""Features of texts by an int8 ONNX graph: tokenizers, numpy and onnxruntime alone, one single-threaded worker a core.

Texts run in batches of equal length, so that nothing is padded and no answer depends on its neighbours.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnxruntime import GraphOptimizationLevel, InferenceSession, SessionOptions
from scipy import sparse

from tuneworks.core.events import Listener, advance, silent
from tuneworks.core.text import Text
from tuneworks.neural.encoder_files import (
    FOLDER_FILES,
    INT8_FILE,
    WEIGHTS_FILE,
    feature_width,
    layer_output,
    load_settings,
    load_tokenizer,
)
from tuneworks.neural.pieces import Piece, pieces_of, readable
from tuneworks.neural.stock_weights import WORDS, Weights
from tuneworks.neural.stored_encoder import StoredEncoder
from tuneworks.statistics.features import Floats

TOKENS_AT_ONCE = 512  # a batch's numbers stay in a core's own cache
ERRORS_ALONE = 3


class Int8Encoder(StoredEncoder):
    """A stock encoder beside its int8 graph; word embeddings are read from the stock weights row by row."""

    files = (*FOLDER_FILES, INT8_FILE)
    runtime = "onnx"

    def __init__(self, files: Mapping[str, Path], network: Callable[[Mapping[str, Path]], Any]) -> None:
        super().__init__(files, network, feature_width(files), "int8")

    def features(
        self,
        values: Sequence[Any],
        units: Sequence[Sequence[tuple[int, int]]] | None = None,
        listener: Listener = silent,
    ) -> Floats:
        return self._reader.features(values, units, listener)

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self._files, self._files[INT8_FILE])


class Reader:
    """Texts in, features out, by a graph of ``onnx_graph``."""

    def __init__(self, files: Mapping[str, Path], graph: Path) -> None:
        self._words = Weights(files[WEIGHTS_FILE]).table(WORDS)
        self._settings, self._tokenizer = load_settings(files), load_tokenizer(files)
        self._session = _session(graph)
        last = self._session.get_outputs()[-1].name
        self._layers = [layer_output(number) for number in self._settings.layers] or [last]

    def features(
        self, values: Sequence[Any], units: Sequence[Sequence[tuple[int, int]]] | None, listener: Listener
    ) -> Floats:
        """Features of texts (N, D), or of their units (sum of L, D)."""
        read = [readable(value) for value in values]
        pieces = pieces_of(self._tokenizer, read, self._settings.prefix, self._settings.max_length, units)
        starts = None if units is None else np.cumsum([0, *(len(spans) for spans in units)])
        width = self._words.width * len(self._layers)
        made = np.zeros((len(values) if starts is None else int(starts[-1]), width), np.float32)

        def encode(batch: Sequence[Piece]) -> int:
            states = self.states(batch)
            if starts is None:
                made[[piece.example for piece in batch]] = np.concatenate([*map(self._pooled, states)], axis=1)
            else:
                rows = [starts[piece.example] + unit for piece in batch for unit, _ in piece.units]
                made[rows] = np.concatenate([means_of_units(one, batch) for one in states], axis=1)
            return len(batch)

        done = 0
        for count in side_by_side(encode, list(batches_of(pieces, TOKENS_AT_ONCE))):
            done += count
            advance(listener, Text("encoding texts", "编码文本"), done, len(pieces))
        return made

    def states(self, batch: Sequence[Piece]) -> list[Floats]:
        """Token states (B, T, D) of pieces of equal length, after each of the layers that features are made of."""
        words = self._words[np.array([piece.ids for piece in batch])]
        states: list[Floats] = self._session.run(self._layers, {"words": words})
        return states

    def _pooled(self, states: Floats) -> Floats:
        mean: Floats = states.mean(axis=1)
        if self._settings.normalise:
            mean /= np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)
        return mean


def batches_of(pieces: Sequence[Piece], tokens: int) -> Iterator[list[Piece]]:
    """Pieces of equal length together, longest first, at most ``tokens`` tokens a batch (or one piece)."""
    for length, equal in groupby(sorted(pieces, key=lambda p: -len(p.ids)), key=lambda p: len(p.ids)):
        listed, most = list(equal), max(1, tokens // length)
        for begin in range(0, len(listed), most):
            yield listed[begin : begin + most]


def side_by_side(work: Callable[[Any], int], items: Sequence[Any]) -> Iterator[int]:
    """Results in order; with one worker a core where there is more than one item."""
    workers = min(cores(), len(items))
    if workers < 2:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(work, items)


def cores() -> int:
    """The cores to work on: those this process may use, fewer where ``OMP_NUM_THREADS`` says so."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(int(asked), allowed) if asked.isdigit() and int(asked) else allowed


def means_of_units(states: Floats, batch: Sequence[Piece]) -> Floats:
    """The mean of the states (B, T, D) of the tokens that touch each unit (U, D); zeros where none does."""
    length = states.shape[1]
    touching = [[row * length + token for token in tokens] for row, p in enumerate(batch) for _, tokens in p.units]
    counts = np.array([len(tokens) for tokens in touching], dtype=np.int64)
    tokens: NDArray[np.int64] = np.array([token for tokens in touching for token in tokens], dtype=np.int64)
    shares = np.repeat(1 / np.maximum(counts, 1), counts).astype(np.float32)
    chosen = sparse.csr_matrix((shares, tokens, np.cumsum([0, *counts])), (len(counts), len(batch) * length))
    return np.asarray(chosen @ states.reshape(-1, states.shape[2]))


def _session(graph: Path) -> InferenceSession:
    """The graph as it was drawn, in the calling thread; fusions that ``onnxruntime`` would make here are slower."""
    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = ERRORS_ALONE
    return InferenceSession(graph, options, providers=["CPUExecutionProvider"])
