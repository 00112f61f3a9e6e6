"""Model folders in the Hugging Face layout: where an address leads, and what of a folder is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tuneworks.core.errors import InvalidConfig, NotFound, Unavailable, UnreadableFile
from tuneworks.core.text import Text
from tuneworks.neural.plain_configurations import must_be_plain

ALLOW_NETWORK = "TUNEWORKS_ALLOW_NETWORK"
NEEDED = ("config.json", "model.safetensors", "tokenizer.json")
WANTED = ("config.json", "*.safetensors", "tokenizer*.json", "sentence_bert_config.json")


def model_folder(address: str, needed: Sequence[str] = NEEDED) -> Path:
    """The folder a ``path:`` or ``hf:`` address leads to, with every file it needs and no code of its own."""
    kind, _, rest = address.partition(":")
    folder = Path(rest).expanduser() if kind == "path" else hub_folder(rest)
    missing = [name for name in needed if not (folder / name).is_file()]
    if missing:
        raise NotFound(
            Text(
                f"{folder} is not a Hugging Face model folder: {', '.join(missing)} is missing.",
                f"{folder} 不是 Hugging Face 模型目录：缺少 {'、'.join(missing)}。",
            ),
            Text(
                f"Name a folder with {', '.join(needed)} (pickled .bin and .pt weights are refused).",
                f"请指定含有 {'、'.join(needed)} 的目录（不接受 .bin、.pt 等 pickle 权重）。",
            ),
        )
    refuse_own_code(folder)
    return folder


def hub_folder(name: str, wanted: Sequence[str] = WANTED) -> Path:
    """A hub model's local copy; the network is used only where ``TUNEWORKS_ALLOW_NETWORK=1`` asks for it."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    allowed = os.environ.get(ALLOW_NETWORK) == "1"
    try:
        return Path(snapshot_download(name, allow_patterns=list(wanted), local_files_only=not allowed))
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError, ValueError) as error:
        raise Unavailable(
            Text(
                f"hf:{name} is not on this machine{' and could not be fetched' if allowed else ''}.",
                f"本机没有 hf:{name}{'，且下载失败' if allowed else ''}。",
            ),
            Text(
                f"Set {ALLOW_NETWORK}=1 to fetch it once (a mirror: HF_ENDPOINT=https://MIRROR), "
                "or copy its folder here and use path:FOLDER.",
                f"设置 {ALLOW_NETWORK}=1 可下载一次（镜像站：HF_ENDPOINT=https://镜像地址），"
                "或把目录复制到本机并使用 path:目录。",
            ),
        ) from error


def architecture(address: str) -> str:
    """The network a ``path:`` or ``hf:`` folder says it holds, such as ``LlamaForCausalLM``; empty where silent."""
    kind, _, rest = address.partition(":")
    if kind not in ("path", "hf") or not rest:
        return ""
    try:
        folder = Path(rest).expanduser() if kind == "path" else hub_folder(rest, ("config.json",))
        named = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("architectures") or [""]
    except (OSError, ValueError, AttributeError, Unavailable):
        return ""
    return str(named[0])


def refuse_own_code(folder: Path) -> None:
    """Refuse folders that bring code of their own, or settings that could lead to any."""
    must_be_plain(read_object(folder / "config.json"), folder)
    if any(folder.glob("*.py")):
        raise InvalidConfig(
            Text(f"{folder} asks to run code of its own (*.py).", f"{folder} 要求运行自带代码（*.py）。"),
            Text(
                "Tuneworks never runs a model folder's code. Use a model of a stock architecture.",
                "Tuneworks 从不运行模型目录中的代码。请使用标准架构的模型。",
            ),
        )


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file; raises ``UnreadableFile`` where it holds something else."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise UnreadableFile(
            Text(f"{path} is not a JSON object: {error}.", f"{path} 不是 JSON 对象：{error}。"),
            Text("Copy the model's folder anew.", "请重新复制该模型目录。"),
        ) from error
