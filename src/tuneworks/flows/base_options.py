"""Which of a recipe's options are its bases', and what the bases are asked."""

from __future__ import annotations

from typing import Any

from tuneworks.core import registry
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.text import Text
from tuneworks.core.types import Recipe

BASE_OPTIONS = ("feature_layers", "first_layers", "max_length", "precision")


def own_options(recipe: Recipe) -> dict[str, Any]:
    """The options that are the method's, not the base's."""
    return {name: value for name, value in recipe.options.items() if name not in BASE_OPTIONS}


def base_options(recipe: Recipe) -> dict[str, Any]:
    """What a recipe's bases are asked: the user's options, and whether int8 features are as good for its method."""
    own = {name: value for name, value in recipe.options.items() if name in BASE_OPTIONS}
    if recipe.method is None:
        return own
    method = registry.load("methods", recipe.method)
    if recipe.options.get("precision") == "int8" and (method.needs_network or method.needs_writer):
        raise InvalidConfig(
            Text(
                f"The method {recipe.method!r} tunes the base itself, which int8 does not allow.",
                f"方法 {recipe.method!r} 会训练基础模型本身，不能使用 int8。",
            ),
            Text(
                "Leave recipe.options.precision out, or use the method head.",
                "请省略 recipe.options.precision，或使用方法 head。",
            ),
        )
    return {"int8": method.int8, **own}
