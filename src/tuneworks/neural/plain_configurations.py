"""What a model's ``config.json`` may say: numbers and switches under any name, words under the names listed here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tuneworks.core.errors import InvalidConfig
from tuneworks.core.text import Text

WORD = re.compile(r"[A-Za-z0-9_.|-]{0,80}")
WORDS = frozenset(
    [
        "activation",
        "activation_function",
        "architectures",
        "attention_layers",
        "attention_type",
        "attention_types",
        "attn_type",
        "classifier_activation",
        "classifier_pooling",
        "dense_act_fn",
        "directionality",
        "dtype",
        "embedding_layer",
        "feed_forward_proj",
        "ff_activation",
        "finetuning_task",
        "hidden_act",
        "hidden_activation",
        "layer_types",
        "model_type",
        "norm_head",
        "norm_type",
        "normalization_type",
        "pooler_act",
        "pooler_hidden_act",
        "pooler_type",
        "pooling_type",
        "pos_att_type",
        "position_embedding_type",
        "problem_type",
        "rope_type",
        "summary_activation",
        "summary_type",
        "tokenizer_class",
        "torch_dtype",
        "transformers_version",
    ]
)
"""Names whose value is one of the field's own words, or a list of them: no path, no address, no class to import."""

NAMES_ALONE = frozenset({"_name_or_path", "_model_name_or_path", "_commit_hash"})
"""Where the model once came from; told, never followed."""

TABLES = frozenset({"id2label", "label2id", "rope_parameters", "rope_scaling", "task_specific_params"})
"""Names whose value is a table of plain values."""

NEVER = frozenset({"auto_map", "custom_pipelines", "trust_remote_code", "quantization_config"})


def must_be_plain(config: Mapping[str, Any], place: Path) -> None:
    """Raise ``InvalidConfig`` naming the first setting that could lead elsewhere than to a stock network."""
    found = next(_refused(config), None)
    if found is not None:
        raise InvalidConfig(
            Text(
                f"{place / 'config.json'} has the setting {found!r}, which is not among those a model may have.",
                f"{place / 'config.json'} 含有设置 {found!r}，不在模型允许的设置之内。",
            ),
            Text(
                "Tuneworks never runs a model folder's code, nor follows its addresses. Remove the setting if the "
                "model does without it; else use a model of a stock architecture.",
                "Tuneworks 从不运行模型目录中的代码，也不访问其中的地址。若模型不需要该设置，请将其删除；"
                "否则请使用标准架构的模型。",
            ),
        )


def _refused(config: Mapping[str, Any]) -> Iterator[str]:
    for name, value in config.items():
        if name in NEVER or name.endswith("_internal"):
            yield name
        elif name in NAMES_ALONE or _is_number(value):
            continue
        elif isinstance(value, Mapping):
            if value and not (name in TABLES and _is_table(value)):
                yield name
        elif not (name in WORDS and _are_words(value)):
            yield name


def _is_number(value: Any) -> bool:
    """A number, a switch, nothing, or lists of them."""
    if isinstance(value, list):
        return all(map(_is_number, value))
    return value is None or isinstance(value, (int, float, bool))


def _are_words(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_are_words, value))
    return _is_number(value) or (isinstance(value, str) and bool(WORD.fullmatch(value)) and "--" not in value)


def _is_table(value: Any) -> bool:
    """Plain values by name, at most in tables of their own."""
    if isinstance(value, Mapping):
        return all(
            name not in NEVER and not str(name).startswith("_") and _is_table(one) for name, one in value.items()
        )
    return _is_number(value) or isinstance(value, str) or (isinstance(value, list) and all(map(_is_table, value)))
