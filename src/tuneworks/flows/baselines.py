"""What a tuned model must beat: the commonest answer, character n-grams, and its own bases before tuning."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tuneworks.core import registry
from tuneworks.core.events import Listener, silent, tell
from tuneworks.core.files import sha256_of_bytes, write_atomically
from tuneworks.core.records import to_plain
from tuneworks.core.text import Text
from tuneworks.core.types import Recipe
from tuneworks.core.workspace import Workspace
from tuneworks.flows.fitting import BASE_OPTIONS, fit
from tuneworks.flows.held_out import run
from tuneworks.flows.plan_run import DEFAULT_METHOD, WEIGHTLESS_BASE, Plan
from tuneworks.statistics import score_arrays

UNTUNED = "zero-shot"
MAJORITY = Text("commonest answer", "最常见答案")
NGRAMS = Text("character n-grams", "字符 n 元")
BEFORE = Text("base before tuning", "微调前的基础模型")


def baselines(workspace: Workspace, plan: Plan, listener: Listener = silent) -> Iterator[tuple[Text, Any]]:
    """Each baseline's name and its score arrays on the plan's test rows; fitted once a dataset, then cached."""
    yield MAJORITY, _majority(plan)
    ngrams = Recipe(base=WEIGHTLESS_BASE, method=DEFAULT_METHOD)
    if not _same(plan.config.recipe, ngrams):
        yield NGRAMS, _kept(workspace, plan, ngrams, listener, NGRAMS)
    before = _before(plan)
    if before:
        yield BEFORE, _kept(workspace, plan, before, listener, BEFORE)


def _majority(plan: Plan) -> Any:
    output, test = plan.data.task.output(plan.data.spec), plan.data.test
    lengths = [len(units) for units in test.units or ()] if output.per_unit else None
    return score_arrays.prior(plan.data.train.targets, output.size, lengths, len(test))


def _before(plan: Plan) -> Recipe | None:
    """The untuned bases, all together.

    By label sentences where the answer's shape allows, else a linear layer on frozen features.
    """
    recipe, weighty = plan.config.recipe, _pretrained(plan.config.recipe)
    kind = plan.data.task.output(plan.data.spec).kind
    if not weighty:
        return None
    for method in (UNTUNED, DEFAULT_METHOD):
        if kind in registry.load("methods", method).output_kinds and recipe.method != method:
            options = {k: v for k, v in recipe.options.items() if k in BASE_OPTIONS}
            return Recipe(base=weighty, method=method, options=options)
    return None


def _pretrained(recipe: Recipe) -> str | dict[str, tuple[str, ...]] | None:
    """The recipe's bases that were something before tuning: all but n-grams, which are learnt from the rows."""
    if recipe.base is None or isinstance(recipe.base, str):
        return recipe.base if recipe.base != WEIGHTLESS_BASE else None
    named = {
        column: tuple(address for address in addresses if address != WEIGHTLESS_BASE)
        for column, addresses in recipe.base.items()
    }
    return {column: addresses for column, addresses in named.items() if addresses} or None


def _same(recipe: Recipe, other: Recipe) -> bool:
    return (recipe.base, recipe.method) == (other.base, other.method)


def _kept(workspace: Workspace, plan: Plan, recipe: Recipe, listener: Listener, name: Text) -> Any:
    """Score arrays of a baseline, fitted now or read from the cache."""
    learnt, tested = plan.config.dataset, plan.dataset.id
    key = json.dumps([learnt, tested, to_plain(plan.data.spec), to_plain(recipe)], ensure_ascii=False, sort_keys=True)
    path = workspace.cache / "baselines" / f"{sha256_of_bytes(key.encode())}.safetensors"
    return _read_or_make(path, lambda: _fitted_scores(workspace, plan, recipe, listener, name))


def _read_or_make(path: Path, make: Callable[[], Any]) -> Any:
    if not path.exists():
        write_atomically(path, score_arrays.pack(make()))
    return score_arrays.unpack(path.read_bytes())


def _fitted_scores(workspace: Workspace, plan: Plan, recipe: Recipe, listener: Listener, name: Text) -> Any:
    tell(listener, "baseline", Text(f"Fitting the baseline: {name.en}", f"拟合基线：{name.zh}"))
    with tempfile.TemporaryDirectory() as folder:
        options = replace(recipe, seed=plan.config.recipe.seed)
        fitted = fit(plan.data, options, folder=Path(folder), cache=workspace.cache, listener=listener)
        return run(fitted.open(Path(folder), plan.data.spec), plan.data.test, workspace.cache, listener)
