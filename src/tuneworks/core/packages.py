"""Installed packages that carry pretrained weights: where they lie, and what was made of them once for this user."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

from tuneworks.core.errors import NotFound
from tuneworks.core.events import Listener, advance
from tuneworks.core.files import whole_folder
from tuneworks.core.text import Text

Convert = Callable[[Path], Iterator[tuple[int, int]]]


def package_folder(name: str, module: str, otherwise: Text | None = None) -> Path:
    """The folder of an installed package's module, found without importing it; ``otherwise``: what else would do."""
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        rest = otherwise or Text("", "")
        raise NotFound(
            Text(f"The package {name} is not installed.", f"未安装软件包 {name}。"),
            Text(f"pip install {name}{rest.en}.", f"请执行 pip install {name}{rest.zh}。"),
        )
    return Path(next(iter(spec.submodule_search_locations)))


def converted_once(name: str, convert: Convert, listener: Listener) -> Path:
    """The folder ``convert`` made of the installed version of a package, made on first use and kept for this user."""
    return made_once(
        f"{name}-{version(name)}", convert, Text(f"converting {name} (once)", f"转换 {name}（仅一次）"), listener
    )


def made_once(key: str, make: Convert, message: Text, listener: Listener) -> Path:
    """The folder ``make`` fills, kept for this user under a key that says all it depends on."""

    def fill(staged: Path) -> None:
        for done, total in make(staged):
            advance(listener, message, done, total)

    return whole_folder(cache_folder() / key, fill)


def cache_folder() -> Path:
    """Where converted bases are kept: ``TUNEWORKS_CACHE``, else ``~/.cache/tuneworks``."""
    folder = Path(os.environ.get("TUNEWORKS_CACHE") or Path.home() / ".cache" / "tuneworks")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
