"""How much of the texts the default base model does not read."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tuneworks.core import registry
from tuneworks.core.asking import Row
from tuneworks.core.errors import TuneworksError
from tuneworks.core.evaluation import Finding
from tuneworks.core.events import Listener, silent
from tuneworks.core.text import Text
from tuneworks.core.types import BaseUse, TaskSpec
from tuneworks.flows.default_bases import default_base
from tuneworks.flows.fitting import family_of, files_in
from tuneworks.serving.loaded import load_base

NOTED = 0.01
LOOKED_AT = 5000


def cut_by_model(rows: Sequence[Row], spec: TaskSpec, *, cache: Path, listener: Listener = silent) -> Iterator[Finding]:
    """For each text column of which the default base cuts texts at its maximum length, how many it cuts."""
    for column in [name for name in spec.inputs.values() if spec.kinds.get(name) == "text"]:
        texts = [str(row.get(column) or "") for row in rows[:LOOKED_AT]]
        address = registry.load("tasks", spec.task or "").default_base or default_base("text", texts)
        if ":" not in address:
            continue  # a base without weights reads texts of any length
        try:
            cut = _cut(address, column, texts, cache, listener)
        except TuneworksError:
            continue  # a base that cannot be had here is tune's to refuse, with its own advice
        if not any(cut):
            continue
        share = sum(cut) / len(cut)
        yield Finding(
            "truncation",
            "warning" if share > NOTED else "note",
            Text(
                f"{sum(cut)} of {len(cut)} texts in {column!r} ({share:.1%}) are longer than {address} reads; "
                "their ends are cut.",
                f"列 {column!r} 的 {len(cut)} 条文本中有 {sum(cut)} 条（{share:.1%}）超出 {address} 的读取长度，"
                "末尾会被截断。",
            ),
            Text(
                "Put what matters first, raise recipe.options.max_length, or use --base ngrams, which reads all.",
                "请把要点放在前面、调大 recipe.options.max_length，或使用可读取全文的 --base ngrams。",
            ),
            rows=tuple(number for number, ended in enumerate(cut) if ended),
            share=share,
        )


def _cut(address: str, column: str, texts: Sequence[str], cache: Path, listener: Listener) -> Sequence[bool]:
    """For each text, whether the base at the address does not read its end."""
    use = BaseUse((column,), family_of(address, "text"), address, "")
    made = registry.load("bases", use.name)().fit(address, texts, options={}, cache=cache, listener=listener)
    with tempfile.TemporaryDirectory() as folder:
        return load_base(use, files_in(Path(folder), made)).truncated(texts)
