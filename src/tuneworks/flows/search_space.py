"""Which settings a search tries which values of: the user's spaces, else those the method declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args, get_type_hints

from tuneworks.core import registry
from tuneworks.core.config import check_options, flat, with_settings
from tuneworks.core.contracts import Method
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.spaces import FORMS, Between, Space, spaces_from
from tuneworks.core.text import Text
from tuneworks.core.types import Recipe, RunConfig
from tuneworks.flows.base_options import own_options
from tuneworks.flows.fitting import method_of
from tuneworks.flows.rungs import AUTO

RECIPE, OPTIONS = "recipe.", "recipe.options."
NOT_SEARCHED = ("recipe.method", "recipe.seed")


def spaces_of(config: RunConfig, asked: RunConfig) -> dict[str, Space]:
    """The spaces to search around a complete configuration; settings that the user named stay as they are.

    Raises ``InvalidConfig`` where a space does not suit its setting, or there is none.
    """
    written = spaces_from(config.search.space)
    spaces = written or _declared(config.recipe, asked)
    if not spaces:
        raise InvalidConfig(
            Text(
                f"There is nothing to search: {config.recipe.method} declares no setting that is still open.",
                f"没有可搜索的设置：{config.recipe.method} 没有声明尚未指定的可搜索设置。",
            ),
            FORMS,
        )
    for setting, space in spaces.items():
        _must_be_searchable(setting)
        for end in space.ends:
            _must_be_allowed(config, setting, end)
    return spaces


def must_name_method(asked: RunConfig) -> None:
    """Raise ``InvalidConfig`` where no method is named, or the ladder is to choose it."""
    if asked.recipe.method not in (None, AUTO):
        return
    able = [name for name in registry.names("methods") if registry.load("methods", name).space is not Method.space]
    raise InvalidConfig(
        Text("A search tries settings of one method; none is named.", "搜索针对一种方法的设置，但没有指定方法。"),
        Text(
            f"Name one with --method; those with settings worth searching: {', '.join(able)}.",
            f"请用 --method 指定；有可搜索设置的方法：{'、'.join(able)}。",
        ),
    )


def whole_numbers(spaces: Mapping[str, Space], recipe: Recipe) -> list[str]:
    """The settings with a space between bounds that are whole numbers."""
    hints = _hints(Recipe, RECIPE) | _hints(type(method_of(recipe)).Options, OPTIONS)
    return [name for name, space in spaces.items() if isinstance(space, Between) and _is_whole(hints.get(name))]


def with_values(config: RunConfig, values: Mapping[str, Any]) -> RunConfig:
    """The configuration with searched settings at some values."""
    return with_settings(config, values)


def values_of(config: RunConfig, spaces: Mapping[str, Space]) -> dict[str, Any]:
    """The values that a configuration has for the searched settings."""
    held = flat(config)
    return {name: held.get(name) for name in spaces}


def holds(space: Space, value: Any) -> bool:
    """Whether a value lies in a space."""
    if isinstance(space, Between):
        return isinstance(value, (int, float)) and space.low <= value <= space.high
    return value in space.values


def _declared(recipe: Recipe, asked: RunConfig) -> dict[str, Space]:
    untouched = flat(RunConfig())
    named = {key for key, value in flat(asked).items() if value != untouched.get(key)}
    return {name: space for name, space in method_of(recipe).space(recipe).items() if name not in named}


def _hints(kind: type, prefix: str) -> dict[str, Any]:
    return {f"{prefix}{name}": hint for name, hint in get_type_hints(kind).items()}


def _is_whole(hint: Any) -> bool:
    return int in (get_args(hint) or (hint,)) and float not in get_args(hint)


def _must_be_searchable(setting: str) -> None:
    if setting.startswith(RECIPE) and setting not in NOT_SEARCHED:
        return
    raise InvalidConfig(
        Text(
            f"search.space: {setting} is not a setting that can be searched.",
            f"search.space：{setting} 不是可以搜索的设置。",
        ),
        Text(
            "Search settings of the recipe, such as recipe.learning_rate or recipe.options.dropout; the method and the "
            "seed stay the same.",
            "可搜索配方中的设置，例如 recipe.learning_rate 或 recipe.options.dropout；方法与随机种子保持不变。",
        ),
    )


def _must_be_allowed(config: RunConfig, setting: str, value: Any) -> None:
    """Set to that value the configuration is one that could be tuned."""
    recipe = with_values(config, {setting: value}).recipe
    check_options(method_of(recipe).Options, own_options(recipe), owner=recipe.method)
