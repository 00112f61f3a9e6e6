"""``tuneworks list``: what the workspace holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from tuneworks.cli.commands import argument, verb
from tuneworks.cli.ledgers import LEDGERS, show_ledger
from tuneworks.cli.lines import STATUSES, version_label
from tuneworks.cli.session import Session
from tuneworks.core.tables import format_table
from tuneworks.core.text import Text

if TYPE_CHECKING:
    from tuneworks.core.access import ApiKey
    from tuneworks.core.types import DatasetName, Deployment, ModelVersion, Run
    from tuneworks.core.workspace import Workspace

KINDS = {
    "datasets": Text("Datasets", "数据集"),
    "runs": Text("Runs", "运行"),
    "versions": Text("Model versions", "模型版本"),
    "deployments": Text("Deployments", "部署"),
    "keys": Text("Keys", "密钥"),
}
ID = Text("id", "标识")
NAME = Text("name", "名称")
DATASET = Text("dataset", "数据集")
MADE = Text("made (UTC)", "创建时间（UTC）")
CHANGED = Text("changed (UTC)", "变更时间（UTC）")
VERSION = Text("version", "版本")
STATUS = Text("status", "状态")
TASK = Text("task", "任务")
BASE = Text("base", "基础")
METHOD = Text("method", "方法")
SCORE = Text("score (95 % interval)", "分数（95% 区间）")
RUNTIME = Text("runtime", "运行时")
MODE = Text("mode", "模式")
ROLE = Text("role", "角色")
TOKEN = Text("token", "令牌")
FOR = Text("deployments", "部署")
ENDS = Text("ends (UTC)", "失效时间（UTC）")
NONE = Text("none", "无")
MODES = {"champion": Text("champion", "冠军"), "shadow": Text("shadow", "影子"), "canary": Text("canary", "金丝雀")}


@verb(Text("List what the workspace holds.", "列出工作区中的内容。"))
@argument(
    "kind",
    required=False,
    metavar="[KIND]",
    type=click.Choice([*KINDS, *LEDGERS]),
    about=Text(
        "datasets, runs, versions, deployments or keys (default: all); or usage, or audit, which checks the log too.",
        "datasets、runs、versions、deployments 或 keys（默认全部）；或 usage；或 audit，同时校验日志。",
    ),
)
def command(session: Session, kind: str | None) -> None:
    from tuneworks.flows.inspect import list_records

    if kind in LEDGERS:
        show_ledger(session, kind)
        return
    with session.open() as workspace:
        found = {each: list_records(each, workspace=workspace) for each in ([kind] if kind else KINDS)}
        parts = [f"{KINDS[each]}\n{table(workspace, each, records)}" for each, records in found.items()]
    session.result(found[kind] if kind else found, "\n\n".join(parts))


def table(workspace: Workspace, kind: str, records: Sequence[Any]) -> str:
    """Records of one kind, a line each."""
    titles, row_of = TABLES[kind]
    return format_table(titles, [row_of(workspace, record) for record in records]) if records else str(NONE)


def _dataset(workspace: Workspace, name: DatasetName) -> tuple[Any, ...]:
    return name.id, name.dataset_id[:12], _minute(name.moved)


def _run(workspace: Workspace, run: Run) -> tuple[Any, ...]:
    return (
        run.id,
        STATUSES[run.status],
        run.config.dataset and run.config.dataset[:12],
        _minute(run.created),
        run.version_id and version_label(workspace, run.version_id),
    )


def _version(workspace: Workspace, version: ModelVersion) -> tuple[Any, ...]:
    score = version.scores.get(version.spec.metric or "")
    figure = f"{version.spec.metric} {score.value:.3f} ({score.low:.3f} - {score.high:.3f})" if score else ""
    bases = ", ".join(use.address for use in version.bases)
    return version.label, version.spec.task, bases, version.recipe.method, figure, _minute(version.created)


def _deployment(workspace: Workspace, deployment: Deployment) -> tuple[Any, ...]:
    served = deployment.champion
    return (
        deployment.id,
        version_label(workspace, served.version_id),
        served.runtime,
        MODES[deployment.mode],
        _minute(deployment.moved),
    )


def _key(workspace: Workspace, key: ApiKey) -> tuple[Any, ...]:
    from tuneworks.core.access import role_named

    end = Text("revoked", "已撤销") if key.revoked else _minute(key.expires or "")
    return (
        key.id,
        key.name,
        role_named(key.role),
        f"{key.prefix}...",
        ", ".join(key.deployments),
        _minute(key.made),
        end,
    )


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")


TABLES: dict[str, tuple[tuple[Text, ...], Any]] = {
    "datasets": ((NAME, DATASET, CHANGED), _dataset),
    "runs": ((ID, STATUS, DATASET, MADE, VERSION), _run),
    "versions": ((VERSION, TASK, BASE, METHOD, SCORE, MADE), _version),
    "deployments": ((NAME, VERSION, RUNTIME, MODE, CHANGED), _deployment),
    "keys": ((ID, NAME, ROLE, TOKEN, FOR, MADE, ENDS), _key),
}
