"""Adapters beside a base: small weights in PEFT's layout, folded into the base's own when these are read.

``adapter_model.safetensors`` and ``adapter_config.json`` lie beside the untouched base, which is known by the hash that
the adapter carries. Folding needs no PEFT.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from tuneworks.core.errors import BrokenSeal
from tuneworks.core.files import sha256_of_file
from tuneworks.core.text import Text
from tuneworks.neural.encoder_files import ADAPTER_SETTINGS, ADAPTER_WEIGHTS, WEIGHTS_FILE
from tuneworks.neural.soft_prompts import put_into

PREFIX = "base_model.model."
BASE_HASH = "base_sha256"
PROMPTS, MAGNITUDE = "prompt_embeddings", "lora_magnitude_vector"
Tensors = Mapping[str, Tensor]
Stated = Mapping[str, Any]


def with_adapter(encoder: Any, files: Mapping[str, Path]) -> Any:
    """The encoder (``Encoder``) with what lies beside its weights; raises ``BrokenSeal`` for another base's adapter."""
    encoder.weights_file = files[WEIGHTS_FILE]
    if ADAPTER_SETTINGS in files and files[ADAPTER_SETTINGS].stat().st_size > 0:
        stated, adapter = _read(files)
        FOLDS[stated["peft_type"]](encoder, stated, adapter)
        encoder.adapted = True
    return encoder


def adapter_files(stated: Stated, adapter: Tensors, base_hash: str) -> dict[str, bytes]:
    """An adapter as files; names of weights as PEFT writes them, ``base_hash`` of the weights it belongs to."""
    metadata = {BASE_HASH: base_hash}  # one entry alone: several stand in no fixed order
    return {
        ADAPTER_WEIGHTS: save({name: one.detach().contiguous() for name, one in adapter.items()}, metadata=metadata),
        ADAPTER_SETTINGS: json.dumps(stated, indent=1, sort_keys=True).encode(),
    }


def _read(files: Mapping[str, Path]) -> tuple[Stated, dict[str, Tensor]]:
    stated = json.loads(files[ADAPTER_SETTINGS].read_text(encoding="utf-8"))
    with safe_open(files[ADAPTER_WEIGHTS], framework="pt") as opened:
        learnt_on = (opened.metadata() or {}).get(BASE_HASH)
        adapter = {name.removeprefix(PREFIX): opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    if learnt_on is not None and learnt_on != sha256_of_file(files[WEIGHTS_FILE]):
        raise BrokenSeal(
            Text(
                f"The adapter {files[ADAPTER_WEIGHTS]} was learnt on other weights than {files[WEIGHTS_FILE]}.",
                f"适配器 {files[ADAPTER_WEIGHTS]} 所基于的权重与 {files[WEIGHTS_FILE]} 不同。",
            ),
            Text("Put both files of one version side by side again.", "请将同一版本的两个文件重新放在一起。"),
        )
    return stated, adapter


@torch.no_grad()
def _fold_lora(encoder: Any, stated: Stated, adapter: Tensors) -> None:
    """``W + s B A`` (Hu et al. 2021, arXiv 2106.09685).

    DoRA brings each of its rows to a length that was learnt apart (Liu et al. 2024, arXiv 2402.09353).
    """
    scale = stated["lora_alpha"] / stated["r"]
    for name in _targets(adapter, ".lora_A.weight"):
        weight: Any = encoder.model.get_submodule(name).weight
        made = weight + scale * adapter[f"{name}.lora_B.weight"] @ adapter[f"{name}.lora_A.weight"]
        magnitude = adapter.get(f"{name}.{MAGNITUDE}.weight", adapter.get(f"{name}.{MAGNITUDE}"))
        if magnitude is not None:
            made = made * (magnitude / made.norm(dim=1)).unsqueeze(1)
        weight.copy_(made)


@torch.no_grad()
def _fold_ia3(encoder: Any, stated: Stated, adapter: Tensors) -> None:
    """Vectors that scale what comes out of a layer, or what goes into it (Liu et al. 2022, arXiv 2205.05638)."""
    for name in _targets(adapter, ".ia3_l"):
        layer: Any = encoder.model.get_submodule(name)
        vector = adapter[f"{name}.ia3_l"]
        layer.weight.mul_(vector)
        if vector.shape[1] == 1 and layer.bias is not None:
            layer.bias.mul_(vector.flatten())


def _put_prompts(encoder: Any, stated: Stated, adapter: Tensors) -> None:
    put_into(encoder.model, adapter[PROMPTS])


def _targets(adapter: Tensors, ending: str) -> list[str]:
    return [name.removesuffix(ending) for name in adapter if name.endswith(ending)]


FOLDS: Mapping[str, Callable[[Any, Stated, Tensors], None]] = {
    "LORA": _fold_lora,
    "IA3": _fold_ia3,
    "PROMPT_TUNING": _put_prompts,
}
"""By PEFT's name of the kind of adapter."""
