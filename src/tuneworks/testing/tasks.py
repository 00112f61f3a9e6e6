"""What every task must keep to: the public contract suite, plain functions with asserts.

``check_task(task_class)`` runs all of it on the task's own sample rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import FrozenInstanceError, fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest

from tuneworks.core import config
from tuneworks.core.answers import Answer, ClassAnswer, LabelsAnswer, PassageAnswer, SimilarityAnswer, SpansAnswer
from tuneworks.core.asking import Examples, Task
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.evaluation import Tally
from tuneworks.core.types import Column, Output, Pair, TaskSpec
from tuneworks.statistics.intervals import value
from tuneworks.statistics.shapes.shape import shape_of

ROWS = 60
NUMBERED = ("classes", "token_classes")
BEST = {"perplexity": 1.0}  # of metrics whose best is neither 0 where less nor 1 where more is better
UNANSWERED = ("anomaly",)  # its labels are the target's words, and none of them is answered


def check_task(task_class: type[Task]) -> None:
    """Every promise of the contract."""
    for check in CHECKS:
        check(task_class)


def sample_spec(task: Task, rows: int = ROWS, seed: int = 0) -> tuple[TaskSpec, Sequence[Column], list[Any]]:
    """The task's sample with the spec that its data completes."""
    columns, made = task.sample(rows, seed)
    return task.complete(TaskSpec(), columns, made), columns, made


def example_rows(task: Task) -> tuple[TaskSpec, list[Any]]:
    """The complete spec, and the sample's rows as one row an example."""
    spec, _, rows = sample_spec(task)
    return spec, [row for row, _ in task.arrange(spec, rows, ["train"] * len(rows))]


def perfect_scores(output: Output, examples: Examples) -> Any:
    """Score arrays that are certain of every true target."""
    return shape_of(output.kind).perfect(output, examples)


def random_scores(output: Output, examples: Examples, seed: int = 0) -> Any:
    """Score arrays of a model that guesses."""
    return shape_of(output.kind).guess(output, examples, np.random.default_rng(seed))


def check_a_sample_is_seeded(task_class: type[Task]) -> None:
    """The same seed gives the same rows, another seed others, each row with every column."""
    task = task_class()
    columns, rows = task.sample(ROWS, 1)
    assert len(rows) == ROWS
    assert all(set(row) == {column.name for column in columns} for row in rows)
    assert rows == task.sample(ROWS, 1)[1] != task.sample(ROWS, 2)[1]


def check_a_spec_is_completed_once(task_class: type[Task]) -> None:
    """What the data can say is filled in, of the kinds the task takes; completing again changes nothing."""
    task = task_class()
    spec, columns, rows = sample_spec(task)
    kinds = {column.name: column.kind for column in columns}
    assert task.roles.keys() <= spec.inputs.keys()
    assert spec.inputs
    assert all(kinds[column] in task.roles.get(role, task.further) for role, column in spec.inputs.items())
    assert kinds[spec.target] in task.target_kinds if spec.target else not task.needs_target
    assert spec.labels or task.output(spec).kind not in NUMBERED
    assert spec.metric
    assert task.complete(spec, columns, rows) == spec


def check_what_the_user_chose_is_kept(task_class: type[Task]) -> None:
    """Labels in the user's order, inputs and target stay as they were given."""
    task = task_class()
    spec, columns, rows = sample_spec(task)
    chosen = replace(spec, labels=tuple(reversed(spec.labels)))
    assert task.complete(replace(chosen, metric=None), columns, rows) == chosen


def check_a_wrong_spec_is_refused(task_class: type[Task]) -> None:
    """An unknown metric, role or column, or a column of the wrong kind, is an ``InvalidConfig`` in both languages."""
    task = task_class()
    spec, columns, rows = sample_spec(task)
    role = next(iter(spec.inputs))
    wrong = (
        replace(spec, metric="applause"),
        replace(spec, target="absent"),
        replace(spec, inputs={role: "absent"}),
        *([replace(spec, inputs={"nonsense": spec.inputs[role]})] if task.roles else []),
    )
    for given in wrong:
        _is_refused(task, given, columns, rows)
    for column in columns:
        if column.kind not in task.target_kinds:
            _is_refused(task, replace(spec, target=column.name), columns, rows)
    others = [column for column in columns if column.name != spec.target]
    if task.needs_target and not any(column.kind in task.target_kinds for column in others):
        _is_refused(task, TaskSpec(), others, rows)


def check_options_have_defaults(task_class: type[Task]) -> None:
    """``Options`` is a frozen dataclass that needs nothing to be given and knows what ``complete`` fills in."""
    options: Any = task_class.Options
    assert is_dataclass(task_class.Options)
    made: Any = options()
    for field in fields(made):
        with pytest.raises(FrozenInstanceError):
            setattr(made, field.name, None)
    spec, _, _ = sample_spec(task_class())
    config.check_options(options, spec.options, prefix="spec.options.")
    with pytest.raises(InvalidConfig):
        config.check_options(options, {"applause": True}, prefix="spec.options.")


def check_scores_fit_the_output(task_class: type[Task]) -> None:
    """The output's size is the number of columns that decoding, tallying and scoring take."""
    task = task_class()
    spec, rows = example_rows(task)
    output, examples = task.output(spec), task.examples(spec, rows)
    targets = np.concatenate(examples.targets) if output.per_unit else examples.targets
    if spec.labels and output.kind not in UNANSWERED:
        assert targets.min() >= 0
        assert targets.max() < output.size or output.paired
    if output.per_unit and output.kind in NUMBERED:
        assert [len(target) for target in examples.targets] == [len(units) for units in examples.units or ()]


def check_examples_need_no_target(task_class: type[Task]) -> None:
    """Rows without the target column give the same inputs and no targets; no rows give no examples."""
    task = task_class()
    spec, rows = example_rows(task)
    bare = [{column: row[column] for column in spec.inputs.values()} for row in rows]
    labelled, unlabelled = task.examples(spec, rows), task.examples(spec, bare)
    assert labelled.targets is not None
    assert unlabelled.targets is None or spec.target is None
    assert unlabelled.inputs == labelled.inputs
    assert unlabelled.units == labelled.units
    assert len(task.decode(spec, random_scores(task.output(spec), unlabelled), unlabelled)) == len(rows)
    assert len(task.examples(spec, [])) == 0


def check_a_label_outside_the_list_is_no_class(task_class: type[Task]) -> None:
    """Class numbers the spec does not list are -1, and a model that cannot answer them does not score perfectly."""
    task = task_class()
    spec, rows = example_rows(task)
    if not spec.labels or task.output(spec).kind in UNANSWERED:
        return
    narrow = replace(spec, labels=spec.labels[1:])
    examples, output = task.examples(narrow, rows), task.output(narrow)
    flat = np.concatenate(examples.targets) if output.per_unit else examples.targets
    assert flat.min() == -1 or output.kind not in NUMBERED
    assert flat.max() < output.size or output.paired
    scores = perfect_scores(output, examples)
    assert value(task.tally(narrow, scores, examples)[narrow.metric or ""]) < 1


def check_an_answer_says_what_the_spec_knows(task_class: type[Task]) -> None:
    """One answer an example, its labels from the spec, its spans inside the text, its confidence a share."""
    task = task_class()
    spec, rows = example_rows(task)
    examples = task.examples(spec, rows)
    answers = task.decode(spec, random_scores(task.output(spec), examples), examples)
    assert len(answers) == len(rows)
    texts = next(iter(examples.inputs.values()))
    for answer, text in zip(answers, texts, strict=True):
        _is_sound(answer, text.second if isinstance(text, Pair) else text, spec)


def check_perfect_scores_are_one(task_class: type[Task]) -> None:
    """Certainty of the truth gives 1 by every metric; tally and score say the same of any scores."""
    task = task_class()
    spec, rows = example_rows(task)
    examples, output = task.examples(spec, rows), task.output(spec)
    tallies = task.tally(spec, perfect_scores(output, examples), examples)
    assert spec.metric in tallies
    best = {name: BEST.get(name, 0.0 if tally.less_is_better else 1.0) for name, tally in tallies.items()}
    assert _values(tallies) == pytest.approx(best, abs=1e-6)
    evaluation = task.score(spec, perfect_scores(output, examples), examples)
    assert (evaluation.metric, evaluation.rows, evaluation.mistakes) == (spec.metric, len(rows), ())


def check_tally_and_score_agree(task_class: type[Task]) -> None:
    """Both say the same of scores that are sometimes wrong, and the interval holds the value."""
    task = task_class()
    spec, rows = example_rows(task)
    examples = task.examples(spec, rows)
    scores = random_scores(task.output(spec), examples)
    evaluation = task.score(spec, scores, examples)
    for name, tally in task.tally(spec, scores, examples).items():
        measured = evaluation.scores[name]
        assert measured.value == pytest.approx(value(tally), abs=1e-9)
        assert measured.low <= measured.value <= measured.high
    assert evaluation.mistakes


def check_the_order_of_rows_does_not_matter(task_class: type[Task]) -> None:
    """Rows in another order give the same answers in that order, and the same metrics."""
    task = task_class()
    spec, rows = example_rows(task)
    order = np.random.default_rng(3).permutation(len(rows)).tolist()
    examples, moved = task.examples(spec, rows), task.examples(spec, [rows[i] for i in order])
    scores = random_scores(task.output(spec), examples)
    moved_scores = [scores[i] for i in order] if isinstance(scores, list) else scores[order]
    answers = task.decode(spec, scores, examples)
    assert task.decode(spec, moved_scores, moved) == [answers[i] for i in order]
    assert _values(task.tally(spec, moved_scores, moved)) == pytest.approx(_values(task.tally(spec, scores, examples)))


def _values(tallies: Any) -> dict[str, float]:
    made: dict[str, Tally] = dict(tallies)
    return {name: value(tally) for name, tally in made.items()}


def _is_refused(task: Task, spec: TaskSpec, columns: Sequence[Column], rows: Sequence[Any]) -> None:
    with pytest.raises(InvalidConfig) as caught:
        task.complete(spec, columns, rows)
    error = caught.value
    assert all((error.problem.en, error.problem.zh, error.fix.en, error.fix.zh))


def _is_sound(answer: Answer, text: str, spec: TaskSpec) -> None:
    if isinstance(answer, ClassAnswer):
        assert tuple(answer.scores) == spec.labels
        assert answer.score == max(answer.scores.values()) == answer.scores[answer.label]
    if isinstance(answer, LabelsAnswer):
        assert tuple(answer.scores) == spec.labels
        assert [name for name in spec.labels if name in answer.labels] == list(answer.labels)
        assert all(0 <= score <= 1 for score in answer.scores.values())
    if isinstance(answer, SimilarityAnswer) and spec.labels:
        assert 0 <= answer.score <= 1
        assert answer.same is (answer.score > 0.5)
    if isinstance(answer, SpansAnswer):
        assert [span.start for span in answer.spans] == sorted(span.start for span in answer.spans)
        for span in answer.spans:
            assert span.label in spec.labels
            assert 0 <= span.start < span.end <= len(text)
            assert span.text == text[span.start : span.end]
            assert 0 <= (span.score or 0) <= 1
    if isinstance(answer, PassageAnswer):
        assert (answer.text is None) == (answer.start is None) == (answer.end is None)
        assert answer.text is None or answer.text == text[answer.start : answer.end] != ""
        assert 0 <= answer.score <= 1


CHECKS = tuple(check for name, check in list(globals().items()) if name.startswith("check_") and name != "check_task")
