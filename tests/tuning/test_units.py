"""What a unit of a text is follows from where the spans begin and end, or from the user."""

from __future__ import annotations

import pytest

from tuneworks.core.config import check_options
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.types import Column, TaskSpec
from tuneworks.tasks.token_classification import TokenClassification, legal_path

COLUMNS = (Column("text", "text"), Column("spans", "spans"))


def row(text: str, start: int, end: int) -> dict[str, object]:
    return {"text": text, "spans": [{"start": start, "end": end, "label": "X"}]}


def completed(*rows: dict[str, object], **options: object) -> TaskSpec:
    return TokenClassification().complete(TaskSpec(options=options), COLUMNS, rows)


def test_spans_that_end_at_blanks_make_units_of_what_blanks_separate() -> None:
    assert completed(row("see AL-AIN , now", 4, 10), row("Rome", 0, 4)).options == {"units": "whitespace"}


def test_spans_that_end_inside_make_units_of_words_and_single_characters() -> None:
    assert completed(row("see Rome, now", 4, 8)).options == {"units": "words"}
    assert completed(row("我在北京工作", 2, 4)).options == {"units": "words"}


def test_the_users_units_are_kept() -> None:
    assert completed(row("see Rome now", 4, 8), units="words").options == {"units": "words"}


@pytest.mark.parametrize(
    ("options", "named"), [({"units": "letters"}, "words, whitespace"), ({"unit": "words"}, "units")]
)
def test_units_that_do_not_exist_are_refused(options: dict[str, object], named: str) -> None:
    with pytest.raises(InvalidConfig, match=r"spec\.options\.unit") as caught:
        check_options(TokenClassification.Options, options, prefix="spec.options.")
    assert named in str(caught.value)


def test_the_most_probable_legal_path_never_continues_what_did_not_begin() -> None:
    scores = [[0.1, 0.2, 0.7], [0.3, 0.1, 0.6], [0.9, 0.05, 0.05]]
    assert legal_path(scores) == [1, 2, 0]
    assert legal_path([[0.2, 0.1, 0.7]]) == [0]
    assert legal_path([]) == []
