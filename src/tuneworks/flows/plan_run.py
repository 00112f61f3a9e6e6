"""From what the user asked to what will be done: a complete configuration and the examples it means."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tuneworks.core import registry
from tuneworks.core.asking import Examples, Row, Task
from tuneworks.core.config import check_options
from tuneworks.core.errors import InvalidConfig, UnsuitableData
from tuneworks.core.events import Listener, silent, tell
from tuneworks.core.text import Text
from tuneworks.core.types import Column, Dataset, DatasetName, Recipe, RunConfig, TaskSpec
from tuneworks.core.workspace import Workspace
from tuneworks.flows.base_options import own_options
from tuneworks.flows.default_bases import default_bases, language_of
from tuneworks.flows.fitting import Data, method_of
from tuneworks.flows.references import dataset_of
from tuneworks.flows.rows import read_rows
from tuneworks.flows.rungs import AUTO, rungs_of
from tuneworks.statistics import splits
from tuneworks.statistics.roles import kinds_of, read_as

WHOLE_KINDS = ("text", "messages", "image", "spans")


@dataclass(frozen=True)
class Plan:
    """A complete configuration, the dataset that is tested on and the examples of each split.

    ``rungs``: the recipes to try, from cheap to dear; where a method is named, that one alone. ``scored`` says which
    rows are tested on where the dataset is another than the configuration's. ``began``: when planning did, from which
    a budget counts (on the clock ``time.monotonic``).
    """

    config: RunConfig
    dataset: Dataset
    data: Data
    rungs: tuple[Recipe, ...]
    scored: Text | None = None
    began: float = field(default_factory=time.monotonic)

    def settled(self, recipe: Recipe) -> Plan:
        """The plan with one of its recipes alone."""
        return replace(self, config=replace(self.config, recipe=recipe), rungs=(recipe,))


def complete_config(workspace: Workspace, config: RunConfig) -> RunConfig:
    """Every setting that the data or a default can give, filled in; ``dataset`` becomes the id of one version."""
    return plan_run(workspace, config).config


def plan_run(workspace: Workspace, config: RunConfig, listener: Listener = silent, *, dear: bool | None = None) -> Plan:
    """The complete configuration and its data; raises ``InvalidConfig`` or ``UnsuitableData`` before any work.

    ``dear``: whether a ladder goes past the task's own method; by default where a goal or a budget is stated.
    """
    began = time.monotonic()
    if not config.dataset:
        raise InvalidConfig(
            Text("No dataset is named.", "没有指定数据集。"),
            Text("Name one: tuneworks tune DATASET", "请指定数据集：tuneworks tune 数据集"),
        )
    dataset = dataset_of(workspace, config.dataset)
    rows = read_rows(workspace, dataset)
    task = task_of(config.spec, dataset.columns)
    spec, parts = split_rows(task, config.spec, dataset.columns, rows)
    train, validation, test = (task.examples(spec, labelled(parts[name], spec)) for name in splits.NAMES)
    data = Data(task, spec, train, validation, test, _unlabelled(task, spec, parts))
    _must_have_rows(data, dataset)
    recipe = complete_recipe(config.recipe, data)
    if recipe.method == AUTO or not method_of(recipe).needs_teacher:
        _tell_dropped(parts, spec, listener)
    name = config.name or _name_of(workspace, config.dataset, dataset)
    complete = replace(config, name=name, dataset=dataset.id, spec=spec, recipe=recipe)
    return Plan(complete, dataset, data, _rungs(config, recipe, data, dear=dear), began=began)


def task_of(spec: TaskSpec, columns: Sequence[Column]) -> Task:
    """The named task, else the one whose target and roles the columns have; of several the one with most roles."""
    if spec.task:
        return registry.load("tasks", spec.task)()
    usable = [column for column in columns if column.name.casefold() not in splits.SPLIT_COLUMNS]
    tasks = [registry.load("tasks", name) for name in registry.names("tasks")]
    fitting = [task for task in tasks if task.inferred and _takes(task, spec.target, usable)]
    most = [task for task in fitting if len(task.roles) == max(len(other.roles) for other in fitting)]
    if len(most) == 1:
        return most[0]()
    listing = ", ".join(f"{column.name} ({column.kind})" for column in columns)
    raise InvalidConfig(
        Text(f"The task cannot be told from the columns: {listing}.", f"无法从列推断任务：{listing}。"),
        Text(
            f"Name the target column with --target, or the task with --task: {', '.join(registry.names('tasks'))}.",
            f"请用 --target 指定目标列，或用 --task 指定任务：{'、'.join(registry.names('tasks'))}。",
        ),
    )


def split_rows(
    task: Task, spec: TaskSpec, columns: Sequence[Column], rows: Sequence[Row]
) -> tuple[TaskSpec, dict[str, list[Row]]]:
    """The complete spec and the rows of each split; labels and scales are those of train and validation rows."""
    check_options(task.Options, spec.options, owner=spec.task or _name_of_task(task), prefix="spec.options.")
    first = replace(task.complete(spec, columns, rows), task=spec.task or _name_of_task(task))
    first = replace(first, split=spec.split or splits.own_column(columns, rows) or first.split or "content")
    first = replace(first, kinds=kinds_of(columns, first.inputs, task.roles, task.read))
    sides = splits.assign(rows, first)
    learning = [row for row, side in zip(rows, sides, strict=True) if side != "test"]
    known = task.complete(replace(first, labels=spec.labels, options=spec.options), columns, learning)
    parts: dict[str, list[Row]] = {name: [] for name in splits.NAMES}
    for row, side in task.arrange(known, rows, sides):
        parts[side].append(row)
    return known, parts


def complete_recipe(recipe: Recipe, data: Data) -> Recipe:
    """Base and method filled in; where neither the method nor any of its options is named, the ladder chooses it."""
    base: Any = recipe.base or default_bases(data.task, data.spec, data.train)
    method = recipe.method or (data.task.default_method if own_options(recipe) else AUTO)
    named = replace(recipe, base=base, method=method)
    if method == AUTO:
        _must_have_no_options(named)
        return named
    chosen = method_of(named)
    check_options(chosen.Options, own_options(named), owner=method)
    return chosen.complete(named, data.task.output(data.spec))


def _must_have_no_options(recipe: Recipe) -> None:
    options = ", ".join(f"recipe.options.{name}" for name in own_options(recipe))
    if options:
        raise InvalidConfig(
            Text(
                f"The ladder tries several methods; {options} is one method's.",
                f"阶梯会尝试多种方法，而 {options} 属于某一种方法。",
            ),
            Text("Name the method, such as --method head.", "请指定方法，例如 --method head。"),
        )


def _rungs(config: RunConfig, recipe: Recipe, data: Data, *, dear: bool | None) -> tuple[Recipe, ...]:
    if recipe.method != AUTO:
        return (recipe,)
    if dear is None:
        dear = config.goal is not None or config.budget is not None
    chosen, language = config.recipe.base is not None, language_of(data.spec, data.train)
    found = rungs_of(recipe, data.task, data.spec, chosen=chosen, dear=dear, language=language)
    return found or (replace(recipe, method=data.task.default_method),)  # which says why it does not fit


def defaults_of(config: RunConfig) -> RunConfig:
    """What a complete configuration would hold if its user had named nothing but the method."""
    method = config.recipe.method
    if method is None or config.spec.task is None:
        return RunConfig()
    if method == AUTO:
        return RunConfig(recipe=Recipe(method=AUTO))
    output = registry.load("tasks", config.spec.task)().output(config.spec)
    task = registry.load("tasks", config.spec.task)
    own = registry.load("methods", method)().complete(Recipe(method=task.default_method), output)
    return RunConfig(recipe=own)


def _takes(task: type[Task], target: str | None, columns: Sequence[Column]) -> bool:
    """Whether the columns have the task's target, and its roles beside it.

    One role is played by any column of the kind it is read as, several by columns of their names; a task without
    roles reads tables: rows that hold neither text nor image.
    """
    kind = {column.name: column.kind for column in columns}
    beside = {name: held for name, held in kind.items() if name != target}
    if not (kind[target] in task.target_kinds if target in kind else set(task.target_kinds) & set(kind.values())):
        return False
    if not task.roles:
        return not set(WHOLE_KINDS) & set(beside.values())
    if len(task.roles) > 1:
        return all(beside.get(role) in kinds for role, kinds in task.roles.items())
    role = next(iter(task.roles.values()))
    played = [held for held in beside.values() if read_as(role, held) == held]
    both = target not in kind and set(played) >= set(task.target_kinds) & set(kind.values())
    return len(played) > int(both)


def _name_of_task(task: Task) -> str:
    return type(task).__module__.rsplit(".", 1)[-1].replace("_", "-")


def labelled(rows: Sequence[Row], spec: TaskSpec) -> list[Row]:
    """The rows that say the target; all where none is asked for."""
    return [row for row in rows if spec.target is None or row.get(spec.target) is not None]


def _unlabelled(task: Task, spec: TaskSpec, parts: dict[str, list[Row]]) -> Examples | None:
    """The examples of train and validation rows that do not say the target, if any."""
    if spec.target is None:
        return None
    rows = [row for side in ("train", "validation") for row in parts[side] if row.get(spec.target) is None]
    bare = [{name: row[name] for name in row if name != spec.target} for row in rows]
    return task.examples(spec, bare) if bare else None


def _tell_dropped(parts: dict[str, list[Row]], spec: TaskSpec, listener: Listener) -> None:
    dropped = sum(len(rows) - len(labelled(rows, spec)) for rows in parts.values())
    if dropped:
        tell(
            listener,
            "warning",
            Text(
                f"{dropped} rows without a {spec.target} are left out", f"已略过 {dropped} 行没有 {spec.target} 的数据"
            ),
        )


def _must_have_rows(data: Data, dataset: Dataset) -> None:
    counts = {"train": len(data.train), "validation": len(data.validation), "test": len(data.test)}
    empty = [name for name, count in counts.items() if count == 0]
    if empty:
        raise UnsuitableData(
            Text(
                f"Of {dataset.rows} rows none fell into: {', '.join(empty)}.",
                f"{dataset.rows} 行数据中没有任何一行被分到：{'、'.join(empty)}。",
            ),
            Text(
                "Add more rows with other inputs (some dozens at least; rows with equal inputs stay on one side), or "
                "name a split column: --set spec.split='column(NAME)'.",
                "输入相同的行总在同一侧：请添加输入不同的数据（至少几十行），"
                "或指定划分列：--set spec.split='column(列名)'。",
            ),
        )


def _name_of(workspace: Workspace, reference: str, dataset: Dataset) -> str:
    if workspace.store.get(DatasetName, reference):
        return reference
    named = workspace.store.find(DatasetName, dataset_id=dataset.id)
    return named[0].id if named else "model"
