"""``tuneworks retune``: learn on from what was served and judged."""

from __future__ import annotations

from tuneworks.cli import shared
from tuneworks.cli.commands import verb
from tuneworks.cli.lines import comparison_table, version_lines
from tuneworks.cli.session import Session
from tuneworks.core.text import Text


@verb(
    Text("Learn on from feedback; promote only what is better.", "根据反馈继续学习，仅在更好时上线。"),
    Text(
        "The new version learns from the old rows and the judged predictions, and is compared with the champion on the "
        "same rows.",
        "新版本从原有数据与已反馈的预测中学习，并在相同的行上与冠军比较。",
    ),
)
@shared.deployment()
def command(session: Session, deployment: str) -> None:
    from tuneworks.flows.retune import retune

    with session.work() as (workspace, listener):
        retuned = retune(deployment, workspace=workspace, listener=listener)
    label = retuned.version.label
    outcome = Text(f"Not promoted, not shown to be better: {label}", f"未上线，未证实更好：{label}")
    if retuned.promoted:
        outcome = Text(f"Promoted: {label}", f"已上线：{label}")
    elif retuned.tried:
        outcome = Text(
            f"Better on held-out rows, tried in shadow: {label}", f"在保留数据上更好，正以影子方式试用：{label}"
        )
    session.result(retuned, *version_lines(retuned.version), comparison_table([retuned.comparison]), outcome)
