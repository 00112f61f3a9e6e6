"""A student learns what its teacher answers, of rows with labels and of rows without."""

import pytest

import tuneworks
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.types import Recipe, RunConfig, TaskSpec

OLD = {"delivery": "where is parcel {}", "payment": "my card was refused {}"}
NEW = {"delivery": "der Kurier kommt zu spät {}", "payment": "doppelt abgebucht {}"}
SIDES = ["train", "train", "train", "validation"]


def rows(said, sides, count, *, labelled=True):
    """Numbered rows of each topic, in the splits in turn."""
    return [
        {"text": text.format(n), "topic": topic if labelled else None, "split": sides[n % len(sides)]}
        for n in range(count)
        for topic, text in said.items()
    ]


@pytest.fixture
def workspace(tmp_path):
    """One with a teacher that knows both ways of speaking."""
    with tuneworks.Workspace.open(tmp_path / ".tuneworks") as opened:
        learnt = rows(OLD, [*SIDES, "test"], 20) + rows(NEW, [*SIDES, "test"], 20)
        tuneworks.add(learnt, name="both", workspace=opened)
        tuneworks.tune("both", target="topic", base="ngrams", method="head", name="teacher", workspace=opened)
        yield opened


def student(workspace, learnt, from_version="teacher"):
    tuneworks.add(learnt, name="own", workspace=workspace)
    spec = TaskSpec(target="topic", task="text-classification")
    config = RunConfig("student", "own", spec, Recipe("ngrams", "distil"), from_version=from_version)
    return tuneworks.tune(config=config, workspace=workspace)


def test_rows_without_labels_teach_what_the_teacher_knows_of_them(workspace):
    tested = rows(NEW, ["test"], 20)
    alone = student(workspace, rows(OLD, SIDES, 20) + tested)
    told = student(workspace, rows(OLD, SIDES, 20) + rows(NEW, SIDES, 20, labelled=False) + tested)
    assert alone.scores["accuracy"].value < 1.0
    assert told.scores["accuracy"].value == 1.0


def test_a_student_needs_a_teacher(workspace):
    with pytest.raises(InvalidConfig, match="no teacher"):
        student(workspace, rows(OLD, [*SIDES, "test"], 20), from_version=None)


def test_a_teacher_of_another_question_is_refused(workspace):
    other = [{**row, "topic": f"{row['topic']}s"} for row in rows(OLD, [*SIDES, "test"], 20)]
    with pytest.raises(InvalidConfig, match="both must answer alike"):
        student(workspace, other)
