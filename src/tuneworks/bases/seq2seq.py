"""Encoder-decoder networks that read a text and write another (T5 and its relatives)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tuneworks.core.contracts import Base, LoadedBase
from tuneworks.core.events import Listener
from tuneworks.neural.writer_packages import Package, serves

PACKAGES = {
    "traceforge-title-model": Package(
        "traceforge_title_model", "encoder.onnx", "flan_t5_package", "hf:google/flan-t5-small"
    )
}
ENDING = "ForConditionalGeneration"


class Seq2Seq(Base):
    """An encoder-decoder; features are the mean states of its encoder."""

    runtime = "torch"

    def accepts(self, address: str, column_kind: str) -> bool:
        return serves(address, column_kind, PACKAGES, ENDING)

    def fit(
        self, address: str, values: Sequence[Any], *, options: Mapping[str, Any], cache: Path, listener: Listener
    ) -> Mapping[str, Path | bytes]:
        from tuneworks.neural.written_bases import files_at

        return files_at(address, PACKAGES, options, listener)

    def load(self, files: Mapping[str, Path]) -> LoadedBase:
        from tuneworks.neural.writer import EncoderDecoder
        from tuneworks.neural.written_bases import LoadedWriter

        return LoadedWriter(files, EncoderDecoder)
