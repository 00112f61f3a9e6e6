"""What a value may be is said once, in both languages, and values that are not numbers at all never pass."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tuneworks.core.errors import InvalidConfig
from tuneworks.core.ranges import OneOf, Range, check_values


@dataclass(frozen=True)
class Options:
    share: float | None = 0.5
    strengths: tuple[float, ...] = (1.0,)
    kind: str = "soft"


ALLOWED = {"share": Range(least=0, below=1), "strengths": Range(above=0), "kind": OneOf(("soft", "hard"))}


def test_values_inside_pass_and_none_is_left_open() -> None:
    check_values(Options(), ALLOWED, "recipe.options.")
    check_values(Options(share=None), ALLOWED, "recipe.options.")
    check_values(Options(share=0.0, strengths=(0.1, 300.0), kind="hard"), ALLOWED, "recipe.options.")


@pytest.mark.parametrize(
    ("options", "english", "chinese"),
    [
        (
            Options(share=1.0),
            "recipe.options.share must be at least 0 and below 1; received 1.0.",
            "recipe.options.share 应不小于 0 且小于 1，实际为 1.0。",
        ),
        (
            Options(share=float("nan")),
            "recipe.options.share must be at least 0 and below 1; received nan.",
            "recipe.options.share 应不小于 0 且小于 1，实际为 nan。",
        ),
        (
            Options(strengths=(1.0, 0.0)),
            "recipe.options.strengths must be above 0; received [1.0, 0.0].",
            "recipe.options.strengths 应大于 0，实际为 [1.0, 0.0]。",
        ),
        (
            Options(strengths=()),
            "recipe.options.strengths must be above 0; received [].",
            "recipe.options.strengths 应大于 0，实际为 []。",
        ),
        (
            Options(kind="loud"),
            "recipe.options.kind must be one of soft, hard; received loud.",
            "recipe.options.kind 应为 soft、hard 之一，实际为 loud。",
        ),
    ],
)
def test_a_value_outside_is_named_with_its_range(options: Options, english: str, chinese: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        check_values(options, ALLOWED, "recipe.options.")
    assert (caught.value.problem.en, caught.value.problem.zh) == (english, chinese)
    assert caught.value.fix.zh
