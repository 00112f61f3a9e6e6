"""Choosing the column that plays a role when the user named none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tuneworks.core.errors import InvalidConfig
from tuneworks.core.text import Text
from tuneworks.core.types import Column, TaskSpec
from tuneworks.statistics.splits import parse

AS_THEY_ARE = ("messages",)


def only(columns: Sequence[Column], kinds: Sequence[str], *, role: str, exclude: Sequence[str] = ()) -> str:
    """The one column of the given kinds, or the one named as the role; else raises ``InvalidConfig``."""
    fitting = [column.name for column in columns if column.kind in kinds and column.name not in exclude]
    if len(fitting) == 1 or role in fitting:
        return role if role in fitting else fitting[0]
    listing = ", ".join(f"{column.name} ({column.kind})" for column in columns)
    wanted = "/".join(kinds)
    option = "--target" if role == "target" else f"--set spec.inputs.{role}=COLUMN"
    if not fitting:
        problem = Text(
            f"No {wanted} column can serve as {role}. The columns are: {listing}.",
            f"没有可作为 {role} 的 {wanted} 列。现有列：{listing}。",
        )
    else:
        problem = Text(
            f"Several columns could serve as {role}: {', '.join(fitting)}.",
            f"有多个列可作为 {role}：{'、'.join(fitting)}。",
        )
    raise InvalidConfig(problem, Text(f"Name the column with {option}.", f"请用 {option} 指定列名。"))


def check_inputs(
    columns: Sequence[Column],
    inputs: Mapping[str, str],
    roles: Mapping[str, Sequence[str]],
    further: Sequence[str] = (),
) -> None:
    """Raise ``InvalidConfig`` unless every role has a column of its kinds, every other input one of a further kind."""
    if roles.keys() - inputs.keys() or (inputs.keys() - roles.keys() and not further):
        given, wanted = (", ".join(names) or "-" for names in (inputs, roles))
        raise InvalidConfig(
            Text(
                f"The task reads {wanted}; spec.inputs names {given}.",
                f"该任务读取 {wanted}，而 spec.inputs 指定了 {given}。",
            ),
            Text(
                f"Name one column for each: --set spec.inputs.{next(iter(roles))}=COLUMN",
                f"请为每一项指定一列：--set spec.inputs.{next(iter(roles))}=列名",
            ),
        )
    for role, column in inputs.items():
        named(columns, column, roles.get(role, further), role=role)


def text_columns(spec: TaskSpec) -> tuple[str, ...]:
    """The input columns that are read as texts."""
    return tuple(column for column in spec.inputs.values() if spec.kinds.get(column, "text") == "text")


def identity(spec: TaskSpec) -> tuple[str, ...]:
    """The columns by which two rows are the same: the inputs; where they are measured also when or where."""
    kind, column = parse(spec.split or "content")
    beside = [column] if column and kind in ("time", "group") and not text_columns(spec) else []
    return (*spec.inputs.values(), *beside)


def kinds_of(
    columns: Sequence[Column], inputs: Mapping[str, str], roles: Mapping[str, Sequence[str]], read: Sequence[str] | None
) -> dict[str, str]:
    """What each input column that bases read is read as: the first kind of its role, its own kind where it has none."""
    own = {column.name: column.kind for column in columns}
    return {
        column: read_as(roles[role], own[column]) if role in roles else own[column]
        for role, column in inputs.items()
        if read is None or role in read
    }


def read_as(kinds: Sequence[str], own: str) -> str:
    """What a column is read as in a role: the first of the role's kinds, messages as they are.

    >>> read_as(("text", "category"), "category"), read_as(("text", "messages"), "messages")
    ('text', 'messages')
    """
    return own if own in AS_THEY_ARE and own in kinds else kinds[0]


def named(columns: Sequence[Column], name: str, kinds: Sequence[str], *, role: str) -> str:
    """The user's own choice of column, checked; raises ``InvalidConfig`` with the columns there are."""
    kind = {column.name: column.kind for column in columns}.get(name)
    if kind in kinds:
        return name
    listing = ", ".join(f"{column.name} ({column.kind})" for column in columns)
    wanted = "/".join(kinds)
    if kind is None:
        problem = Text(
            f"There is no column {name!r}. The columns are: {listing}.", f"没有名为 {name!r} 的列。现有列：{listing}。"
        )
    else:
        problem = Text(
            f"The column {name!r} is a {kind} column; as {role} it must be {wanted}.",
            f"列 {name!r} 的类型是 {kind}，作为 {role} 必须是 {wanted}。",
        )
    fix = Text(
        f"Name another column, or set its kind when adding: --kind {name}={kinds[0]}.",
        f"请改用其他列，或在导入时指定类型：--kind {name}={kinds[0]}。",
    )
    raise InvalidConfig(problem, fix)
