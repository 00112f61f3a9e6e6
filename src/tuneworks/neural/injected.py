"""Adapters that PEFT puts into an encoder's layers while it learns."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from tuneworks.core.errors import InvalidConfig
from tuneworks.core.registry import missing_extra
from tuneworks.core.text import Text
from tuneworks.neural.adapters import MAGNITUDE, PREFIX
from tuneworks.neural.encoder import Encoder
from tuneworks.neural.tuning import Adapted
from tuneworks.neural.whole import beside_files, freeze, whole_files


def layers_named(encoder: Encoder, targets: Sequence[str]) -> list[str]:
    """The linear layers whose names end in one of the targets, all of them where none is given."""
    every = [name for name, module in encoder.model.named_modules() if isinstance(module, nn.Linear)]
    chosen = [name for name in every if not targets or any(_ends(name, target) for target in targets)]
    missing = [target for target in targets if not any(_ends(name, target) for name in every)]
    if missing:
        known = ", ".join(dict.fromkeys(name.rpartition(".")[2] for name in every))
        raise InvalidConfig(
            Text(f"No linear layer is named {', '.join(missing)}.", f"没有名为 {'、'.join(missing)} 的线性层。"),
            Text(f"Layers of this encoder: {known}.", f"该编码器的层：{known}。"),
        )
    return chosen


def with_injected(encoder: Encoder, stated: Mapping[str, Any], *, merge: bool) -> Adapted:
    """The encoder with PEFT's layers in place of some of its own; ``stated``: PEFT's configuration.

    ``merge``: whether what is learnt is kept in the weights of the base, instead of beside them.
    """
    try:
        from peft import get_peft_config, inject_adapter_in_model  # takes seconds to import, and only learning needs it
    except ModuleNotFoundError as error:
        raise missing_extra("peft") from error
    if encoder.prompts is not None and not merge:
        raise InvalidConfig(
            Text(
                "The version gone on from has soft prompts; no second adapter can lie beside them.",
                "所基于的版本带有软提示，旁边不能再放第二个适配器。",
            ),
            Text("Set recipe.options.merge to true.", "请将 recipe.options.merge 设为 true。"),
        )
    freeze(encoder)
    config = get_peft_config({**stated, "task_type": "FEATURE_EXTRACTION"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inject_adapter_in_model(config, encoder.model)
    parts: Callable[[], Mapping[str, bytes]] = _merging(encoder) if merge else _beside(encoder, config)
    return Adapted(parts)


def _merging(encoder: Encoder) -> Callable[[], Mapping[str, bytes]]:
    def parts() -> Mapping[str, bytes]:
        from peft.tuners.tuners_utils import BaseTunerLayer  # takes seconds to import, and only learning needs it

        for module in encoder.model.modules():
            if isinstance(module, BaseTunerLayer):
                module.merge()
        return whole_files(encoder)

    return parts


def _beside(encoder: Encoder, config: Any) -> Callable[[], Mapping[str, bytes]]:
    def parts() -> Mapping[str, bytes]:
        from peft import get_peft_model_state_dict  # takes seconds to import, and only learning needs it

        learnt: Mapping[str, Tensor] = get_peft_model_state_dict(encoder.model)
        adapter = {f"{PREFIX}{_read_by_all(name)}": tensor for name, tensor in learnt.items()}
        return beside_files(encoder, _plain(config), adapter)

    return parts


def _read_by_all(name: str) -> str:
    """DoRA's magnitudes under the name that Transformers and PEFT both read."""
    return f"{name}.weight" if name.endswith(MAGNITUDE) else name


def _plain(config: Any) -> dict[str, Any]:
    """PEFT's configuration as JSON has it; sets in order, so that equal ones are equal bytes."""
    stated = {**config.to_dict(), "inference_mode": True}
    return {name: sorted(value) if isinstance(value, set) else value for name, value in stated.items()}


def _ends(name: str, target: str) -> bool:
    return f".{name}".endswith(f".{target}")
