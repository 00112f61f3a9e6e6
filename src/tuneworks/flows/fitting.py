"""Fitting one model to train and validation rows: bases, features, method, parts. Nothing is stored here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tuneworks.core import registry
from tuneworks.core.asking import Examples, Task
from tuneworks.core.contracts import Job, LoadedBase, Method, Model, Seat, Step
from tuneworks.core.errors import InvalidConfig, UnsuitableData
from tuneworks.core.events import Listener, silent
from tuneworks.core.text import Text
from tuneworks.core.types import BaseUse, Output, Recipe, Score, TaskSpec
from tuneworks.flows.base_options import base_options, own_options
from tuneworks.flows.steps import Attend, Measure, pass_by, run_steps
from tuneworks.flows.trails import Trail, no_trail
from tuneworks.serving.loaded import Asked, assemble, load_base
from tuneworks.statistics.feature_cache import CachedBase
from tuneworks.statistics.shapes.shape import shape_of
from tuneworks.statistics.views import blocks_of, fitted_values


@dataclass(frozen=True)
class Fitted:
    """A model as fitted: its complete recipe, its bases, its files (part name -> path), the steps that led to it.

    ``validation``: the deciding metric on held-out rows that chose among its settings, with its interval; ``None``
    where the method measured none.
    """

    recipe: Recipe
    uses: tuple[BaseUse, ...]
    output: Output
    folder: Path
    files: Mapping[str, Path]
    history: tuple[Step, ...]
    validation: Score | None = None
    less_is_better: bool = False

    def open(self, spec: TaskSpec) -> Model:
        return assemble(Asked(spec, self.output, self.recipe.method or ""), self.uses, self.files, self.folder)


@dataclass(frozen=True)
class Data:
    """The task's view of a dataset: complete spec and the examples of each split.

    ``unlabelled``: those of train and validation rows that say no target.
    """

    task: Task
    spec: TaskSpec
    train: Examples
    validation: Examples
    test: Examples
    unlabelled: Examples | None = None


def fit(
    data: Data,
    recipe: Recipe,
    *,
    folder: Path,
    cache: Path,
    champion: Model | None = None,
    listener: Listener = silent,
    attend: Attend = pass_by,
    trails: Callable[[Recipe], Trail] = no_trail,
    seat: Seat | None = None,
) -> Fitted:
    """Fit ``recipe`` to the data; new files go into ``folder``; pretrained bases are the ``champion``'s, if any.

    ``attend`` is given every step first and may end the fit by raising; ``trails`` gives what earlier attempts left.
    """
    method, recipe, output = _suited(data, recipe)
    uses = uses_of(recipe, data.spec, output)
    files = base_files(uses, data, recipe, folder=folder, cache=cache, champion=champion, listener=listener)
    uses, bases = _at_work(uses, files, cache)
    measure = Measure(data.task, data.spec, (trail := trails(recipe)).measured)
    job = Job(
        output,
        data.spec,
        replace(recipe, options=own_options(recipe)),
        data.train,
        data.validation,
        bases,
        features=Features(bases, data.spec, output, listener),
        measure=measure,
        cache=cache,
        teacher=champion,
        unlabelled=data.unlabelled,
        resumed=trail.resumed,
        seat=seat,
    )
    parts, history = run_steps(method.fit(job), listener, attend, trail, measure)
    made = replaced(files, files_in(folder, parts))
    return Fitted(recipe, uses, output, folder, made, history, measure.best, measure.less_is_better)


def _at_work(
    uses: Sequence[BaseUse], files: Mapping[str, Path], cache: Path
) -> tuple[tuple[BaseUse, ...], list[tuple[BaseUse, LoadedBase]]]:
    """The bases with the runtimes they name, and with their features kept in the cache."""
    loaded = [(use, load_base(use, files)) for use in uses]
    bases: list[tuple[BaseUse, LoadedBase]] = [
        (replace(use, runtime=base.runtime), CachedBase(base, cache)) for use, base in loaded
    ]
    return tuple(use for use, _ in bases), bases


def method_of(recipe: Recipe) -> Method:
    """The method a recipe names."""
    made: Method = registry.load("methods", recipe.method or "")()
    return made


def uses_of(recipe: Recipe, spec: TaskSpec, output: Output) -> tuple[BaseUse, ...]:
    """Which base works on which columns; the first base's files lie at the top of the model folder."""
    named = recipe.base if isinstance(recipe.base, Mapping) else dict.fromkeys(spec.kinds, (recipe.base or "",))
    _must_read_inputs(named, spec)
    listed = _together([(c, a, family_of(a, spec.kinds.get(c, "text"))) for c in named for a in named[c]], output)
    weighty_first = sorted(range(len(listed)), key=lambda i: (":" not in listed[i][1], i))
    folder_of = {i: "" if rank == 0 else f"base_{rank}" for rank, i in enumerate(weighty_first)}
    return tuple(BaseUse(columns, name, address, folder_of[i]) for i, (columns, address, name) in enumerate(listed))


def _together(listed: Sequence[tuple[str, str, str]], output: Output) -> list[tuple[tuple[str, ...], str, str]]:
    """Columns (column, address, family) that one base reads together, or each alone to compare them, as one use."""
    made: dict[tuple[str, str, str], list[str]] = {}
    for column, address, name in listed:
        shared = output.paired or registry.load("bases", name).joint
        made.setdefault((address, name, "" if shared else column), []).append(column)
    return [(tuple(columns), address, name) for (address, name, _), columns in made.items()]


def family_of(address: str, column_kind: str) -> str:
    """The name of the base family that serves an address on a column of that kind."""
    names = registry.names("bases")
    for name in [address, *names] if address in names else names:
        if registry.load("bases", name)().accepts(address, column_kind):
            return name
    weightless = [name for name in names if registry.load("bases", name)().accepts(name, column_kind)]
    raise InvalidConfig(
        Text(
            f"No base model answers to the address {address!r} on a {column_kind} column.",
            f"没有基础模型能以地址 {address!r} 读取 {column_kind} 类型的列。",
        ),
        Text(
            "Use pkg:PACKAGE (an installed package with weights), path:FOLDER (a Hugging Face folder), hf:OWNER/NAME, "
            f"or a base without weights: {', '.join(weightless) or '-'}.",
            "请使用 pkg:软件包（自带权重的已安装包）、path:文件夹（Hugging Face 目录）、hf:所有者/名称，"
            f"或不需要权重的基础模型：{'、'.join(weightless) or '-'}。",
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
    options = base_options(recipe)
    for use in uses:
        own: Mapping[str, Path | bytes]
        base = registry.load("bases", use.name)()
        kept = _kept(champion, use)
        if kept is not None:
            own = base.kept(kept, options=options, listener=listener)
        else:
            values = fitted_values(use, base, data.spec, data.train)
            own = base.fit(use.address, values, options=options, cache=cache, listener=listener)
        files |= files_in(folder, own, f"{use.folder}/" if use.folder else "")
    return files


class Features:
    """Feature blocks of examples, one a base, kept for this run."""

    def __init__(
        self,
        bases: Sequence[tuple[BaseUse, LoadedBase]],
        spec: TaskSpec,
        output: Output,
        listener: Listener,
    ) -> None:
        self._bases, self._spec, self._output, self._listener = bases, spec, output, listener
        self._made: dict[int, tuple[Examples, list[Any]]] = {}

    def __call__(self, examples: Examples) -> list[Any]:
        if id(examples) not in self._made:
            made = blocks_of(self._bases, self._spec, self._output, examples, self._listener)
            self._made[id(examples)] = (examples, made)
        return self._made[id(examples)][1]


def fits(method: type[Method], spec: TaskSpec, output: Output) -> bool:
    """Whether a method can learn such answers from such columns."""
    readable = method.reads is None or set(spec.kinds.values()) <= set(method.reads)
    return output.kind in method.output_kinds and readable


def _suited(data: Data, recipe: Recipe) -> tuple[Method, Recipe, Output]:
    """The method, the complete recipe and the shape of the answer, if they go together and there is what to learn."""
    method, output = method_of(recipe), data.task.output(data.spec)
    _must_fit(method, recipe, data.spec, output)
    _must_teach(data, output)
    return method, method.complete(recipe, output), output


def _must_fit(method: Method, recipe: Recipe, spec: TaskSpec, output: Output) -> None:
    if not fits(type(method), spec, output):
        fitting = [n for n in registry.names("methods") if fits(registry.load("methods", n), spec, output)]
        raise InvalidConfig(
            Text(f"The method {recipe.method!r} does not fit this task.", f"方法 {recipe.method!r} 不适用于此任务。"),
            Text(f"Methods that fit: {', '.join(fitting)}.", f"适用的方法：{'、'.join(fitting)}。"),
        )


def _must_read_inputs(named: Mapping[str, Sequence[str]], spec: TaskSpec) -> None:
    """Every column that a base is named for is an input, and has at least one."""
    inputs = [column for column in spec.inputs.values() if column in spec.kinds]
    wrong = [column for column, addresses in named.items() if column not in inputs or not addresses]
    if wrong:
        raise InvalidConfig(
            Text(
                f"recipe.base names no base, or no input column: {', '.join(wrong)}. The inputs: {', '.join(inputs)}.",
                f"recipe.base 未给出基础模型，或列不是输入列：{'、'.join(wrong)}。输入列：{'、'.join(inputs)}。",
            ),
            Text("Name bases by input column: {COLUMN: [BASE, ...]}", "请按输入列指定：{列名: [基础模型, ...]}"),
        )


def _must_teach(data: Data, output: Output) -> None:
    """At least one row to learn from has a target that teaches something."""
    shape = shape_of(output.kind)
    if any(shape.known(examples.targets).any() for examples in (data.train, data.validation)):
        return
    raise UnsuitableData(
        Text(
            f"No row to learn from has a target of use; the labels are: {', '.join(data.spec.labels) or '-'}.",
            f"训练数据中没有任何一行带有可用的目标值；标签：{'、'.join(data.spec.labels) or '-'}。",
        ),
        Text("Correct spec.labels, or leave it out; check --target.", "请修改或省略 spec.labels，并检查 --target。"),
    )


def _kept(champion: Model | None, use: BaseUse) -> dict[str, Path | bytes] | None:
    """A champion's pretrained files of a base: those on the same columns, else those of the one use of its address.

    Vocabularies that were learnt from rows are learnt anew.
    """
    at_address = [one for one, base in champion.bases if base.files and one.address == use.address] if champion else []
    same = [one for one in at_address if one.columns == use.columns] or at_address
    if champion is None or len(same) != 1:
        return None
    names = next(base.files for one, base in champion.bases if one == same[0])
    return {path.name: path for path in sorted((champion.folder / same[0].folder).iterdir()) if path.name in names}


def replaced(files: Mapping[str, Path], parts: Mapping[str, Path]) -> dict[str, Path]:
    """The files with a method's parts in place of the bases' own; an empty part takes one away."""
    return {name: path for name, path in {**files, **parts}.items() if name not in parts or path.stat().st_size}


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
