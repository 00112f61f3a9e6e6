"""How records read as lines of text in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tuneworks.core.tables import format_table
from tuneworks.core.text import Text

if TYPE_CHECKING:
    from tuneworks.core.evaluation import Comparison, Finding
    from tuneworks.core.types import Deployment, ModelVersion, Run, Score
    from tuneworks.core.workspace import Workspace
    from tuneworks.flows.search import SearchResult

METRIC = Text("metric", "指标")
VALUE = Text("value", "数值")
INTERVAL = Text("95 % interval", "95% 区间")
STATUSES = {
    "queued": Text("queued", "排队中"),
    "running": Text("running", "运行中"),
    "paused": Text("paused", "已暂停"),
    "finished": Text("finished", "已完成"),
    "failed": Text("failed", "失败"),
    "interrupted": Text("interrupted", "已中断"),
    "cancelled": Text("cancelled", "已取消"),
}
WISHES = {
    "pause": Text("pauses after its present step", "将在当前步骤之后暂停"),
    "cancel": Text("stops after its present step", "将在当前步骤之后停止"),
}
SEVERITIES = {"error": Text("error", "错误"), "warning": Text("warning", "警告"), "note": Text("note", "提示")}


def score_table(scores: Mapping[str, Score]) -> str:
    """Each score with its interval."""
    rows = [(name, f"{s.value:.3f}", f"{s.low:.3f} - {s.high:.3f}") for name, s in scores.items()]
    return format_table((METRIC, VALUE, INTERVAL), rows)


def version_lines(version: ModelVersion) -> Iterator[str]:
    """A version with its scores."""
    yield str(Text(f"Model version {version.label} ({version.id})", f"模型版本 {version.label}（{version.id}）"))
    if version.scores:
        yield score_table(version.scores)


def comparison_table(comparisons: Iterable[Comparison]) -> str:
    """Paired differences on the same rows: challenger minus champion."""
    titles = (
        Text("compared with", "对比对象"),
        METRIC,
        Text("rows", "行数"),
        Text("champion", "冠军"),
        Text("challenger", "挑战者"),
        Text("difference", "差值"),
        INTERVAL,
        Text("better?", "更好？"),
    )
    return format_table(titles, [_comparison(c) for c in comparisons])


def finding_lines(findings: Sequence[Finding]) -> Iterator[str]:
    """What the finders saw, each with what to do."""
    if not findings:
        yield str(Text("Nothing wrong found.", "未发现问题。"))
    for finding in findings:
        yield f"[{SEVERITIES[finding.severity]}] {finding.finder}: {finding.problem}"
        yield f"    {finding.fix}"


def deployment_lines(workspace: Workspace, deployment: Deployment) -> Iterator[str]:
    """What a deployment serves now, and what it tries."""
    served, tried = deployment.champion, deployment.challenger
    label = version_label(workspace, served.version_id)
    yield str(
        Text(
            f"{deployment.id} serves {label} on {served.runtime}.",
            f"{deployment.id} 正在以 {served.runtime} 运行 {label}。",
        )
    )
    if served.fidelity:
        alike, rows = f"{served.fidelity['agreement']:.1%}", f"{served.fidelity['rows']:.0f}"
        apart = f"{served.fidelity['difference']:.4f}"
        yield str(
            Text(
                f"It answers {alike} of {rows} held-out rows as {label} was tuned to; scores are {apart} apart.",
                f"在 {rows} 行保留数据上，{alike} 的答案与 {label} 微调时相同；分数平均相差 {apart}。",
            )
        )
    if tried is not None:
        label, share = version_label(workspace, tried.version_id), f"{deployment.policy.share:.0%}"
        ways = {
            "shadow": Text("in shadow; its answers are logged, not given", "以影子方式，其答案只记录、不返回"),
            "canary": Text(f"as a canary; it answers {share}", f"以金丝雀方式，回答 {share} 的请求"),
        }
        way = ways[deployment.mode]
        yield str(Text(f"It tries {label} {way.en}.", f"正在试用 {label}：{way.zh}。"))


def taken_back(workspace: Workspace, deployment: Deployment) -> Iterator[str]:
    """Which release of the deployment was taken back last."""
    from tuneworks.core.types import Move

    for move in workspace.store.find(Move, deployment=deployment.id, newest_first=True, limit=1):
        tried = move.kind == "discarded"
        label = version_label(workspace, move.version_id if tried else move.instead_of or "")
        yield str(
            Text(f"{label} is tried no longer.", f"不再试用 {label}。")
            if tried
            else Text(f"{label} was taken back.", f"已撤回 {label}。")
        )


def run_line(workspace: Workspace, run: Run) -> str:
    """What has become of a run, or what is wished of it."""
    if run.wanted in WISHES:
        return str(Text(f"{run.id}: {WISHES[run.wanted].en}", f"{run.id}：{WISHES[run.wanted].zh}"))
    made = f" -> {version_label(workspace, run.version_id)}" if run.version_id else ""
    status, error = STATUSES[run.status], run.error or Text("", "")
    return str(Text(f"{run.id}: {status.en}{made} {error.en}", f"{run.id}：{status.zh}{made} {error.zh}")).rstrip()


def progress_lines(workspace: Workspace, run: Run) -> Iterator[str]:
    """At which step a run is that is at work, what it measures, and how long it may still take."""
    from tuneworks.cli.progress import figures
    from tuneworks.core.following import progress_of

    found = progress_of(workspace, run) if run.status == "running" else None
    if found is not None:
        step, values = f"{found.step}/{found.total or '?'}", figures(found.values)
        yield str(Text(f"now: {found.message.en} {step}  {values}", f"当前：{found.message.zh} {step}  {values}"))


def version_label(workspace: Workspace, version_id: str) -> str:
    """``name@number`` of a version; its id where it is gone."""
    from tuneworks.core.types import ModelVersion

    version = workspace.store.get(ModelVersion, version_id)
    return version.label if version else version_id


def record_lines(record: Any) -> Iterator[str]:
    """One record, field by field; what is nested as indented JSON."""
    import json

    from tuneworks.core.records import to_plain

    for name, value in to_plain(record).items():
        nested = isinstance(value, (dict, list)) and bool(value)
        text = json.dumps(value, ensure_ascii=False, indent=2, default=str) if nested else value
        yield f"{name}: {'' if text is None else text}"


def _comparison(comparison: Comparison) -> tuple[Any, ...]:
    difference = comparison.difference
    return (
        comparison.name,
        comparison.metric,
        comparison.rows,
        f"{comparison.champion.value:.3f}",
        f"{comparison.challenger.value:.3f}",
        f"{difference.value:+.3f}",
        f"{difference.low:+.3f} - {difference.high:+.3f}",
        Text("yes", "是") if comparison.won else Text("not shown", "未证实"),
    )


def search_lines(found: SearchResult) -> Iterator[str]:
    """The best recipe of a search, how well it did, and where the report lies."""
    rows = [(name, _short(value), found.importance.get(name)) for name, value in found.best.values.items()]
    yield format_table((Text("setting", "设置"), Text("best", "最佳值"), Text("importance", "重要性")), rows)
    mean = found.repeated
    reach = f" [{mean.low:.4f}, {mean.high:.4f}]" if len(found.seeds) > 1 else ""
    seeds = len(found.seeds)
    yield str(
        Text(
            f"validation: {found.best.score:.4f}; mean over {seeds} seeds {mean.value:.4f}{reach}",
            f"验证：{found.best.score:.4f}；{seeds} 个随机种子的均值 {mean.value:.4f}{reach}",
        )
    )
    if found.version:
        yield from version_lines(found.version)
    else:
        yield str(
            Text(
                f"tuneworks tune --config {found.files.config}", f"tuneworks tune --config {found.files.config} 可训练"
            )
        )


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
