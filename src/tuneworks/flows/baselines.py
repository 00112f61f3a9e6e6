"""What a tuned model must beat: the commonest answer, character n-grams, and its own bases before tuning."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tuneworks.core import registry
from tuneworks.core.bounded import in_use, trim
from tuneworks.core.errors import NotFound
from tuneworks.core.events import Listener, silent, tell
from tuneworks.core.files import sha256_of_bytes, sha256_of_file, write_atomically
from tuneworks.core.records import to_plain
from tuneworks.core.text import Text
from tuneworks.core.types import Output, Recipe
from tuneworks.core.working import working_folder
from tuneworks.core.workspace import Workspace
from tuneworks.flows.base_options import BASE_OPTIONS
from tuneworks.flows.default_bases import is_pretrained, pretrained, weightless_bases
from tuneworks.flows.fitting import Fitted, base_files, fit, fits, uses_of
from tuneworks.flows.held_out import run
from tuneworks.flows.plan_run import Plan
from tuneworks.statistics import score_arrays
from tuneworks.statistics.shapes.shape import shape_of

UNTUNED = ("zero-shot", "prompting")
LINEAR = "head"
NGRAMS = Text("character n-grams", "字符 n 元")
COLUMNS = Text("linear model of the columns", "各列上的线性模型")
BEFORE = Text("base before tuning", "微调前的基础模型")


def baselines(workspace: Workspace, plan: Plan, listener: Listener = silent) -> Iterator[tuple[Text, Any]]:
    """Each baseline's name and its score arrays on the plan's test rows, fitted once a dataset, seed and weights."""
    output = plan.data.task.output(plan.data.spec)
    shape = shape_of(output.kind)
    simplest = shape.prior(output, plan.data.train, plan.data.test)
    if simplest is not None:
        yield shape.simplest, simplest
    cheap = _cheap(plan, output)
    if cheap and not _same(plan, cheap, output):
        name = NGRAMS if "text" in plan.data.spec.kinds.values() else COLUMNS
        yield name, _kept(workspace, plan, cheap, listener, name)
    before = _before(plan, output)
    if before:
        try:
            scores = _kept(workspace, plan, before, listener, BEFORE)
        except NotFound as error:
            tell(listener, "warning", _left_out(error))
        else:
            yield BEFORE, scores


def _left_out(error: NotFound) -> Text:
    return Text(
        f"The base before tuning is left out of the report: {error.problem.en}",
        f"报告中略去微调前的基础模型：{error.problem.zh}",
    )


def _cheap(plan: Plan, output: Output) -> Recipe | None:
    """A linear layer on what needs no pretrained weights, where the inputs have such."""
    if not fits(registry.load("methods", LINEAR), plan.data.spec, output):
        return None
    bases = weightless_bases(plan.data.task, plan.data.spec)
    return Recipe(base=bases, method=LINEAR, seed=plan.config.recipe.seed) if bases else None


def _before(plan: Plan, output: Output) -> Recipe | None:
    """The untuned bases, all together.

    By label sentences where the answer's shape allows, else a linear layer on frozen features.
    """
    recipe, weighty = plan.config.recipe, pretrained(plan.config.recipe.base)
    if not weighty:
        return None
    for method in (*UNTUNED, LINEAR):
        if fits(registry.load("methods", method), plan.data.spec, output) and recipe.method != method:
            options = {k: v for k, v in recipe.options.items() if k in BASE_OPTIONS}
            return Recipe(base=weighty, method=method, options=options, seed=recipe.seed)
    return None


def _same(plan: Plan, other: Recipe, output: Output) -> bool:
    recipe, spec = plan.config.recipe, plan.data.spec
    return recipe.method == other.method and uses_of(recipe, spec, output) == uses_of(other, spec, output)


def keep(workspace: Workspace, plan: Plan, recipe: Recipe, fitted: Fitted, listener: Listener = silent) -> None:
    """Where a recipe is a baseline's, have its scores on the test rows at hand for the report."""
    cheap = _cheap(plan, fitted.output)
    if cheap == Recipe(base=recipe.base, method=recipe.method, seed=recipe.seed):
        model = fitted.open(plan.data.spec)
        made = partial(run, model, plan.data.test, workspace.cache, listener)
        _read_or_make(_place(workspace, plan, cheap, listener), made)


def _kept(workspace: Workspace, plan: Plan, recipe: Recipe, listener: Listener, name: Text) -> Any:
    """Score arrays of a baseline, fitted now or read from the cache."""
    made = partial(_fitted_scores, workspace, plan, recipe, listener, name)
    return _read_or_make(_place(workspace, plan, recipe, listener), made)


def _place(workspace: Workspace, plan: Plan, recipe: Recipe, listener: Listener) -> Path:
    """Where a baseline's scores are kept: by its data, its recipe and what lies at its bases' addresses now."""
    data = [plan.config.dataset, plan.dataset.id, to_plain(plan.data.spec)]
    key = [*data, to_plain(recipe), _weights(workspace, plan, recipe, listener)]
    name = sha256_of_bytes(json.dumps(key, ensure_ascii=False, sort_keys=True).encode())
    return workspace.cache / "baselines" / f"{name}.safetensors"


def _weights(workspace: Workspace, plan: Plan, recipe: Recipe, listener: Listener) -> dict[str, str]:
    """The SHA-256 of every file of a recipe's pretrained bases."""
    uses = uses_of(recipe, plan.data.spec, plan.data.task.output(plan.data.spec))
    weighty = [use for use in uses if is_pretrained(use.address)]
    with working_folder(workspace.working) as folder:
        files = base_files(weighty, plan.data, recipe, folder=folder, cache=workspace.cache, listener=listener)
        return {name: sha256_of_file(path) for name, path in files.items()}


def _read_or_make(path: Path, make: Callable[[], Any]) -> Any:
    with in_use(path.parent, path.stem):
        if not path.exists():
            write_atomically(path, score_arrays.pack(make()))
        data = path.read_bytes()
    trim(path.parent)
    return score_arrays.unpack(data)


def _fitted_scores(workspace: Workspace, plan: Plan, recipe: Recipe, listener: Listener, name: Text) -> Any:
    tell(listener, "baseline", Text(f"Fitting the baseline: {name.en}", f"拟合基线：{name.zh}"))
    with working_folder(workspace.working) as folder:
        fitted = fit(plan.data, recipe, folder=folder, cache=workspace.cache, listener=listener)
        return run(fitted.open(plan.data.spec), plan.data.test, workspace.cache, listener)
