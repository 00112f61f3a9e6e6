"""Fitting one model to train and validation rows: bases, features, method, parts. Nothing is stored here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tuneworks.core import registry
from tuneworks.core.contracts import Examples, Job, LoadedBase, Method, Model, Step, Task
from tuneworks.core.errors import InvalidConfig, UnsuitableData
from tuneworks.core.events import Listener, advance, silent
from tuneworks.core.text import Text
from tuneworks.core.types import BaseUse, Output, Recipe, TaskSpec
from tuneworks.serving.loaded import assemble, load_base
from tuneworks.statistics.feature_cache import CachedBase
from tuneworks.statistics.intervals import value

BASE_OPTIONS = ("max_length",)


@dataclass(frozen=True)
class Fitted:
    """A model as fitted: its bases, its files (part name -> path) and the steps that led to it."""

    uses: tuple[BaseUse, ...]
    output: Output
    files: Mapping[str, Path]
    history: tuple[Step, ...]

    def open(self, folder: Path, spec: TaskSpec) -> Model:
        return assemble(folder, spec, self.output, self.uses, self.files)


@dataclass(frozen=True)
class Data:
    """The task's view of a dataset: complete spec and the examples of each split."""

    task: Task
    spec: TaskSpec
    train: Examples
    validation: Examples
    test: Examples


def fit(
    data: Data, recipe: Recipe, *, folder: Path, cache: Path, champion: Model | None = None, listener: Listener = silent
) -> Fitted:
    """Fit ``recipe`` to the data; new files go into ``folder``; ``champion`` is the model to start from, if any."""
    method, output = method_of(recipe), data.task.output(data.spec)
    _must_fit(method, recipe, output)
    recipe = method.complete(recipe, output)
    uses = uses_of(recipe, data.spec)
    _must_have_labels(data, output)
    files = base_files(uses, data, recipe, folder=folder, cache=cache, champion=champion, listener=listener)
    bases = [(use, CachedBase(load_base(use, files), cache)) for use in uses]
    job = Job(
        output,
        data.spec,
        replace(recipe, options=own_options(recipe)),
        data.train,
        data.validation,
        bases,
        features=Features(bases, data.spec, output, listener),
        measure=measure_of(data.task, data.spec),
        champion=_same_labels(champion, data.spec),
    )
    parts, history = run_steps(method.fit(job), listener)
    return Fitted(uses, output, {**files, **files_in(folder, parts)}, history)


def method_of(recipe: Recipe) -> Method:
    """The method a recipe names."""
    made: Method = registry.load("methods", recipe.method or "")()
    return made


def own_options(recipe: Recipe) -> dict[str, Any]:
    """The options that are the method's, not the base's."""
    return {name: value for name, value in recipe.options.items() if name not in BASE_OPTIONS}


def uses_of(recipe: Recipe, spec: TaskSpec) -> tuple[BaseUse, ...]:
    """Which base works on which column; the first base's files lie at the top of the model folder."""
    named = (
        recipe.base if isinstance(recipe.base, Mapping) else dict.fromkeys(spec.inputs.values(), (recipe.base or "",))
    )
    listed = [(column, address) for column, addresses in named.items() for address in addresses]
    _must_read_inputs(named, spec)
    weighty_first = sorted(range(len(listed)), key=lambda i: (":" not in listed[i][1], i))
    folder_of = {i: "" if rank == 0 else f"base_{rank}" for rank, i in enumerate(weighty_first)}
    return tuple(BaseUse(c, family_of(a), a, folder_of[i]) for i, (c, a) in enumerate(listed))


def family_of(address: str, column_kind: str = "text") -> str:
    """The name of the base family that serves an address."""
    names = registry.names("bases")
    for name in [address, *names] if address in names else names:
        if registry.load("bases", name)().accepts(address, column_kind):
            return name
    weightless = [name for name in names if registry.load("bases", name)().accepts(name, column_kind)]
    raise InvalidConfig(
        Text(f"No base model answers to the address {address!r}.", f"没有基础模型对应地址 {address!r}。"),
        Text(
            "Use pkg:PACKAGE (an installed package with weights), path:FOLDER (a Hugging Face folder), hf:OWNER/NAME, "
            f"or a base without weights: {', '.join(weightless)}.",
            "请使用 pkg:软件包（自带权重的已安装包）、path:文件夹（Hugging Face 目录）、hf:所有者/名称，"
            f"或不需要权重的基础模型：{'、'.join(weightless)}。",
        ),
    )


def base_files(
    uses: Sequence[BaseUse],
    data: Data,
    recipe: Recipe,
    *,
    folder: Path,
    cache: Path,
    champion: Model | None = None,
    listener: Listener = silent,
) -> dict[str, Path]:
    """Every base's files: the champion's own where it uses the same base, else from the address or learnt anew."""
    files: dict[str, Path] = {}
    kept = _bases_of(champion)
    for use in uses:
        own: Mapping[str, Path | bytes]
        if (use.column, use.address) in kept:
            own = kept[use.column, use.address]
        else:
            base = registry.load("bases", use.name)()
            role = next(role for role, column in data.spec.inputs.items() if column == use.column)
            options = {k: v for k, v in recipe.options.items() if k in BASE_OPTIONS}
            own = base.fit(use.address, data.train.inputs[role], options=options, cache=cache, listener=listener)
        files |= files_in(folder, own, f"{use.folder}/" if use.folder else "")
    return files


def measure_of(task: Task, spec: TaskSpec) -> Callable[[Any, Examples], float]:
    """The deciding metric of score arrays on examples, higher is better."""

    def measure(scores: Any, examples: Examples) -> float:
        return value(task.tally(spec, scores, examples)[spec.metric or ""])

    return measure


def run_steps(steps: Any, listener: Listener) -> tuple[Mapping[str, bytes], tuple[Step, ...]]:
    """Drive a method's generator: tell the listener of every step, return the parts and the steps."""
    history: list[Step] = []
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            return end.value, tuple(history)
        history.append(step)
        advance(listener, step.message, step.step, step.total, values=step.values)


class Features:
    """Feature blocks of examples, one a base, kept for this run."""

    def __init__(
        self,
        bases: Sequence[tuple[BaseUse, LoadedBase]],
        spec: TaskSpec,
        output: Output,
        listener: Listener,
    ) -> None:
        self._bases, self._output, self._listener = bases, output, listener
        self._role_of = {column: role for role, column in spec.inputs.items()}
        self._made: dict[int, tuple[Examples, list[Any]]] = {}

    def __call__(self, examples: Examples) -> list[Any]:
        if id(examples) not in self._made:
            self._made[id(examples)] = (examples, [self._block(use, base, examples) for use, base in self._bases])
        return self._made[id(examples)][1]

    def _block(self, use: BaseUse, base: LoadedBase, examples: Examples) -> Any:
        values = examples.inputs[self._role_of[use.column]]
        return base.features(values, examples.units if self._output.per_unit else None, self._listener)


def _must_fit(method: Method, recipe: Recipe, output: Output) -> None:
    if output.kind not in method.output_kinds:
        fitting = [n for n in registry.names("methods") if output.kind in registry.load("methods", n).output_kinds]
        raise InvalidConfig(
            Text(f"The method {recipe.method!r} does not fit this task.", f"方法 {recipe.method!r} 不适用于此任务。"),
            Text(f"Methods that fit: {', '.join(fitting)}.", f"适用的方法：{'、'.join(fitting)}。"),
        )


def _must_read_inputs(named: Mapping[str, Sequence[str]], spec: TaskSpec) -> None:
    """Every column that a base is named for is an input, and has at least one."""
    inputs = list(spec.inputs.values())
    wrong = [column for column, addresses in named.items() if column not in inputs or not addresses]
    if wrong:
        raise InvalidConfig(
            Text(
                f"recipe.base names no base, or no input column: {', '.join(wrong)}. The inputs: {', '.join(inputs)}.",
                f"recipe.base 未给出基础模型，或列不是输入列：{'、'.join(wrong)}。输入列：{'、'.join(inputs)}。",
            ),
            Text("Name bases by input column: {COLUMN: [BASE, ...]}", "请按输入列指定：{列名: [基础模型, ...]}"),
        )


def _must_have_labels(data: Data, output: Output) -> None:
    """At least one row to learn from carries a label of the list."""
    for examples in (data.train, data.validation):
        flat = np.concatenate(examples.targets) if output.per_unit else np.asarray(examples.targets)
        if (flat >= 0).any():
            return
    raise UnsuitableData(
        Text(
            f"No row to learn from has one of the labels: {', '.join(data.spec.labels)}.",
            f"训练数据中没有任何一行带有这些标签：{'、'.join(data.spec.labels)}。",
        ),
        Text("Correct spec.labels, or leave it out.", "请修改 spec.labels，或省略此项。"),
    )


def _same_labels(champion: Model | None, spec: TaskSpec) -> Mapping[str, Any]:
    return champion.head if champion and champion.spec.labels == spec.labels else {}


def _bases_of(champion: Model | None) -> dict[tuple[str, str], dict[str, Path | bytes]]:
    """Pretrained bases of a champion by column and address; learnt vocabularies are learnt anew."""
    if champion is None:
        return {}
    return {
        (use.column, use.address): {
            path.name: path for path in sorted((champion.folder / use.folder).iterdir()) if path.name in base.files
        }
        for use, base in champion.bases
        if base.files
    }


def files_in(folder: Path, parts: Mapping[str, Path | bytes], prefix: str = "") -> dict[str, Path]:
    """Parts as paths: bytes are written into ``folder``."""
    made: dict[str, Path] = {}
    for name, part in parts.items():
        if isinstance(part, bytes):
            path = folder / prefix / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(part)
            part = path
        made[prefix + name] = part
    return made
