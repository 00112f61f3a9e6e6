"""Features of texts by an ONNX graph: tokenizers, numpy and onnxruntime alone, one single-threaded worker a core.

Texts run in streams of several (``streams``), so that nothing is padded and no answer depends on its neighbours.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from onnxruntime import GraphOptimizationLevel, InferenceSession, SessionOptions

from tuneworks.core.events import Listener, advance, silent
from tuneworks.core.text import Text
from tuneworks.core.wanted import go_on_if_wanted
from tuneworks.neural.encoder_files import (
    FOLDER_FILES,
    GRAPHS,
    WEIGHTS_FILE,
    feature_width,
    layer_output,
    load_settings,
    load_tokenizer,
)
from tuneworks.neural.pieces import pieces_of, readable
from tuneworks.neural.stock_weights import WORDS, Weights
from tuneworks.neural.stored_encoder import StoredEncoder
from tuneworks.neural.streams import Stream, streams_of
from tuneworks.statistics.features import Floats

TOKENS_AT_ONCE = 256  # a stream's numbers stay in a core's own cache
ALONE_UP_TO = 2048  # tokens: less is done sooner by one worker than others are woken
ERRORS_ALONE = 3


class GraphEncoder(StoredEncoder):
    """A stock encoder beside its graph (``form``: of which precision); word embeddings are read row by row."""

    files = (*FOLDER_FILES, *GRAPHS.values())
    runtime = "onnx"

    def __init__(self, files: Mapping[str, Path], network: Callable[[Mapping[str, Path]], Any], form: str) -> None:
        super().__init__(files, network, feature_width(files), form)
        self._graph = files[GRAPHS[form]]

    def features(
        self,
        values: Sequence[Any],
        units: Sequence[Sequence[tuple[int, int]]] | None = None,
        listener: Listener = silent,
    ) -> Floats:
        return self._reader.features(values, units, listener)

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self._files, self._graph)


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

        def encode(stream: Stream) -> int:
            states = self.states(stream)
            if starts is None:
                made[stream.examples] = np.concatenate([self._pooled(stream, one) for one in states], axis=1)
            else:
                rows = [starts[piece.example] + unit for piece in stream.pieces for unit, _ in piece.units]
                made[rows] = np.concatenate([stream.unit_means(one) for one in states], axis=1)
            return len(stream.pieces)

        done = 0
        for count in side_by_side(encode, list(streams_of(pieces, TOKENS_AT_ONCE))):
            go_on_if_wanted()
            done += count
            advance(listener, Text("encoding texts", "编码文本"), done, len(pieces))
        return made

    def states(self, stream: Stream) -> list[Floats]:
        """Token states (T, D) of a stream, after each of the layers that features are made of."""
        words = self._words[stream.ids]
        states: list[Floats] = self._session.run(self._layers, {"words": words, **stream.places()})
        return states

    def _pooled(self, stream: Stream, states: Floats) -> Floats:
        means = stream.means(states)
        if self._settings.normalise:
            means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
        return means


def side_by_side(work: Callable[[Stream], int], streams: Sequence[Stream]) -> Iterator[int]:
    """Results in order; with one worker a core where there is enough to do."""
    much = sum(len(stream.ids) for stream in streams) > ALONE_UP_TO
    workers = min(cores(), len(streams)) if much else 1
    if workers < 2:
        yield from map(work, streams)
        return
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(work, streams)


def cores() -> int:
    """The cores to work on: those this process may use, fewer where ``OMP_NUM_THREADS`` says so."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(int(asked), allowed) if asked.isdigit() and int(asked) else allowed


def _session(graph: Path) -> InferenceSession:
    """The graph as it was drawn, in the calling thread; fusions that ``onnxruntime`` would make here are slower."""
    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = ERRORS_ALONE
    return InferenceSession(graph, options, providers=["CPUExecutionProvider"])
