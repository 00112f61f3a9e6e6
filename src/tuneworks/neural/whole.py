"""An encoder's own weights: which of them learn, and the files they are kept in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from safetensors.torch import save
from torch import Tensor

from tuneworks.core.files import sha256_of_bytes, sha256_of_file
from tuneworks.neural.adapters import PROMPTS, adapter_files
from tuneworks.neural.encoder import Encoder
from tuneworks.neural.encoder_files import ADAPTER_FILES, SETTINGS_FILE, WEIGHTS_FILE

LARGE_VOCABULARY = 100_000
ADDED = re.compile(r"\.(lora_\w+|ia3_l|prompts)(\.|$)")
WRAPPED = re.compile(r"\.(base_layer|words)(?=\.)")


def let_embeddings_learn(encoder: Encoder, learn: bool | None) -> None:
    """Whether word embeddings learn; by default where the vocabulary is not large."""
    words: Any = encoder.model.get_input_embeddings()
    words.weight.requires_grad = words.num_embeddings < LARGE_VOCABULARY if learn is None else learn


def freeze(encoder: Encoder) -> None:
    """Let none of the encoder's weights learn."""
    for weight in encoder.parameters():
        weight.requires_grad = False


def base_weights(encoder: Encoder) -> dict[str, Tensor]:
    """The network's weights by name as ``AutoModel`` reads them, without those that adapters added."""
    return {
        WRAPPED.sub("", name): tensor.detach().contiguous()
        for name, tensor in encoder.model.state_dict().items()
        if not ADDED.search(name)
    }


def whole_files(encoder: Encoder) -> dict[str, bytes]:
    """The encoder's weights and settings as the base's files; an adapter that was folded into them goes."""
    weights = save(base_weights(encoder), metadata={"format": "pt"})
    gone = dict.fromkeys(ADAPTER_FILES, b"") if encoder.adapted else {}
    beside = prompt_files(encoder, sha256_of_bytes(weights)) if encoder.prompts is not None else gone
    return {WEIGHTS_FILE: weights, SETTINGS_FILE: encoder.settings.to_json(), **beside}


def beside_files(encoder: Encoder, stated: Mapping[str, Any], adapter: Mapping[str, Tensor]) -> dict[str, bytes]:
    """An adapter as files beside the base: as it was, or with an earlier adapter folded into it."""
    files = {SETTINGS_FILE: encoder.settings.to_json()}
    if encoder.adapted:
        files[WEIGHTS_FILE] = save(base_weights(encoder), metadata={"format": "pt"})
        base_hash = sha256_of_bytes(files[WEIGHTS_FILE])
    else:
        base_hash = sha256_of_file(encoder.weights_file)
    return {**files, **adapter_files(stated, adapter, base_hash)}


def beside_prompts(encoder: Encoder) -> dict[str, bytes]:
    """The prompts as files beside the base: as it was, or with an earlier adapter folded into it."""
    return {SETTINGS_FILE: encoder.settings.to_json(), **prompt_files(encoder)}


def prompt_files(encoder: Encoder, base_hash: str | None = None) -> dict[str, bytes]:
    """The prompts as an adapter, of the base as it was unless another hash is given."""
    assert encoder.prompts is not None
    prompts = encoder.prompts.prompts.detach()
    stated = {
        "peft_type": "PROMPT_TUNING",
        "task_type": "FEATURE_EXTRACTION",
        "num_virtual_tokens": len(prompts),
        "token_dim": prompts.shape[1],
        "num_transformer_submodules": 1,
        "inference_mode": True,
        "base_model_name_or_path": None,
    }
    return adapter_files(stated, {PROMPTS: prompts}, base_hash or sha256_of_file(encoder.weights_file))
