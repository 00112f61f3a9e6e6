"""The ladder's recipes: which methods fit a task, on which bases, from cheap to dear."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

from tuneworks.core import registry
from tuneworks.core.asking import Task
from tuneworks.core.errors import MissingExtra
from tuneworks.core.types import Output, Recipe, TaskSpec
from tuneworks.flows.default_bases import Bases, pretrained, side_by_side, weightless_bases
from tuneworks.flows.fitting import fits

AUTO = "auto"
MANY = {"en": 20, "zh": 200}
"""Past about so many labels a linear layer on n-grams takes longer than one on the best base, which reads texts once.

Estimated from both's seconds on data of 2 to 150 labels, on two cores.
"""


def rungs_of(
    recipe: Recipe, task: Task, spec: TaskSpec, *, chosen: bool, dear: bool, language: str
) -> tuple[Recipe, ...]:
    """One recipe a rung: what learns from the rows alone, then pretrained bases, then both side by side.

    Where there are many labels, what learns from the rows alone comes after the same method on pretrained bases.
    ``chosen``: the recipe's base was named by the user and stays. ``dear``: also methods dearer than the task's own.
    ``language``: of the texts. Of methods only those that may come to be used are imported.
    """
    output = task.output(spec)
    highest = None if dear else registry.constant("methods", task.default_method, "rung")
    bases = [recipe.base or ""] if chosen else list(_bases(recipe.base or "", task, spec, output))
    found = [
        replace(recipe, method=name, base=base)
        for weighty in (False, True)
        for name in _methods(highest)
        for base in bases
        if (pretrained(base) is not None) == weighty and _works_on(name, base) and _fits(name, spec, output)
    ]
    return tuple(_later(found) if output.size > MANY[language] else found)


def _later(rungs: list[Recipe]) -> list[Recipe]:
    """The rungs with what needs no pretrained weights after the last one of the same method that does."""
    light = [rung for rung in rungs if not pretrained(rung.base)]
    others = [rung for rung in rungs if pretrained(rung.base)]
    methods = {rung.method for rung in light}
    at = max((number for number, rung in enumerate(others, start=1) if rung.method in methods), default=0)
    return [*others[:at], *light, *others[at:]]


def _bases(own: Bases, task: Task, spec: TaskSpec, output: Output) -> Iterator[Bases]:
    """What needs no pretrained weights, the best base, and both."""
    weightless = weightless_bases(task, spec)
    if weightless is not None and pretrained(own):
        yield weightless
    yield own
    if weightless is not None and pretrained(own) and not output.per_unit:
        yield side_by_side(own, weightless, spec)


def _methods(highest: int | None) -> list[str]:
    """The methods that stand on the ladder, cheap ones first."""
    places = {name: registry.constant("methods", name, "rung") for name in registry.names("methods")}
    standing = [name for name, at in places.items() if at is not None and (highest is None or at <= highest)]
    return sorted(standing, key=lambda name: places[name])


def _works_on(name: str, base: Bases) -> bool:
    """Networks and what learns nothing want pretrained weights, and nothing beside them."""
    one_each = isinstance(base, str) or all(len(addresses) == 1 for addresses in base.values())
    wants = [registry.constant("methods", name, asked) for asked in ("needs_network", "needs_writer")]
    wants.append(registry.constant("methods", name, "rung") == 0)
    return not any(wants) or (one_each and pretrained(base) == base)


def _fits(name: str, spec: TaskSpec, output: Output) -> bool:
    with suppress(MissingExtra):
        return fits(registry.load("methods", name), spec, output)
    return False
