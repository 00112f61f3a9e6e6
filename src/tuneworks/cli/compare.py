"""``tuneworks compare``: two versions on the same rows."""

from __future__ import annotations

from tuneworks.cli import shared
from tuneworks.cli.commands import verb
from tuneworks.cli.lines import comparison_table
from tuneworks.cli.session import Session
from tuneworks.core.text import Text


@verb(Text("Compare two versions on the same rows.", "在相同的行上比较两个版本。"))
@shared.version("champion", Text("The version to beat.", "要超越的版本。"))
@shared.version("challenger", Text("The version that should be better.", "期望更好的版本。"))
@shared.rows_from
def command(session: Session, champion: str, challenger: str, dataset: str | None) -> None:
    from tuneworks.flows.compare import compare

    with session.work() as (workspace, listener):
        comparisons = compare(champion, challenger, dataset=dataset, workspace=workspace, listener=listener)
    session.result(comparisons, comparison_table(comparisons))
