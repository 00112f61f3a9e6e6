"""What every explainer must keep to: the public contract suite, plain functions with asserts.

``check_explainer(explainer_class, questions)`` runs all of it on questions such as ``sample_questions`` makes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from math import isfinite

from tuneworks.core import registry
from tuneworks.core.asking import Examples
from tuneworks.core.explaining import Attribution, Explainer, Known, Question
from tuneworks.serving.loaded import runtime_of
from tuneworks.statistics.attribution import explainable
from tuneworks.statistics.views import pooled_of
from tuneworks.testing.samples import sample_data, sample_model, suits

ASKED = 3
ROUNDING = 1e-4


def check_explainer(explainer_class: type[Explainer], questions: Sequence[Question]) -> None:
    """Every promise of the contract."""
    for check in CHECKS:
        check(explainer_class, questions)


def check_it_fits_some_model(explainer_class: type[Explainer], questions: Sequence[Question]) -> None:
    """A cost is a positive number, and somewhere there is one."""
    costs = [cost for question in questions if (cost := explainer_class().cost(question)) is not None]
    assert costs, f"{explainer_class.__name__} explains none of the models"
    assert all(isfinite(cost) and cost > 0 for cost in costs)


def check_reasons_are_said_in_both_languages(explainer_class: type[Explainer], questions: Sequence[Question]) -> None:
    """Why it is used can be read in English and in Chinese."""
    reason = explainer_class.reason
    assert reason.en
    assert reason.zh
    assert reason.en != reason.zh


def check_what_is_shown_is_there(explainer_class: type[Explainer], questions: Sequence[Question]) -> None:
    """Parts lie where they say in the row, rows are training rows, the strongest and the nearest come first."""
    for question, attributions in _explained(explainer_class, questions):
        assert len(attributions) == len(question.examples)
        for attribution, row in zip(attributions, question.examples.rows, strict=True):
            assert attribution.parts or attribution.neighbours
            for part in attribution.parts:
                assert isfinite(part.weight)
                assert part.column in row
                if part.start is not None:
                    assert part.shown == row[part.column][part.start : part.end] != ""
                assert part.box is None or all(0 <= side <= 1 for side in part.box)
            weights = [abs(part.weight) for part in attribution.parts]
            near = [one.similarity for one in attribution.neighbours]
            assert weights == sorted(weights, reverse=True)
            assert near == sorted(near, reverse=True)
            assert all(one.row is None or one.row in question.known().numbers for one in attribution.neighbours)


def check_what_is_exact_adds_up(explainer_class: type[Explainer], questions: Sequence[Question]) -> None:
    """What is there without the parts, and their weights, are the total."""
    for question, attributions in _explained(explainer_class, questions):
        for attribution in attributions:
            summed = attribution.without + sum(part.weight for part in attribution.parts)
            assert not attribution.exact or abs(summed - attribution.total) <= ROUNDING * max(1, abs(summed)), question


def check_neighbours_change_nothing(explainer_class: type[Explainer], questions: Sequence[Question]) -> None:
    """A row is explained alike alone and among others, and twice alike."""
    for question, attributions in _explained(explainer_class, questions):
        for place, among in enumerate(attributions):
            (alone,) = explainer_class().explain(_only(question, place))
            assert _figures(alone).keys() == _figures(among).keys()
            assert all(abs(_figures(alone)[key] - value) < ROUNDING for key, value in _figures(among).items())


@contextmanager
def sample_question(task: str, address: str, method: str) -> Iterator[Question]:
    """Some rows of a task's sample, answered by a model of the base at the address."""
    data = sample_data(task)
    model = sample_model(data, address, method)
    runtime = registry.load("runtimes", runtime_of([use for use, _ in model.bases]))()

    def run(examples: Examples) -> object:
        return runtime.run(model, examples)

    examples = data.test.take(range(ASKED))
    blocks = pooled_of(model.bases, model.spec, model.output, data.train)
    known = Known(data.train, list(range(1, len(data.train) + 1)), blocks)
    yield Question(model, data.task, examples, run(examples), run, lambda: known, len(data.train))


@contextmanager
def sample_questions(addresses: Sequence[str], method: str = "head") -> Iterator[list[Question]]:
    """For each address a model of the first task that reads it by that method and whose answers have parts."""
    with ExitStack() as stack:
        yield [stack.enter_context(sample_question(_first_task(a, method), a, method)) for a in addresses]


def _first_task(address: str, method: str) -> str:
    """The first whose sample suits, and whose every answer is one number or has one that leads."""
    for name in registry.names("tasks"):
        data = sample_data(name)
        if not data.task.output(data.spec).per_unit and suits(registry.load("methods", method), data, address):
            return name
    raise AssertionError(f"no task reads {address}")


def _explained(
    explainer_class: type[Explainer], questions: Sequence[Question]
) -> Iterator[tuple[Question, list[Attribution]]]:
    for question in questions:
        if explainer_class().cost(question) is not None:
            assert explainer_class.by_rows or explainable(question)
            yield question, explainer_class().explain(question)


def _only(question: Question, place: int) -> Question:
    return replace(question, examples=question.examples.take([place]), scores=question.scores[place : place + 1])


def _figures(attribution: Attribution) -> dict[object, float]:
    found: dict[object, float] = {(p.column, p.start, p.box): p.weight for p in attribution.parts}
    return found | {("row", one.row): one.similarity for one in attribution.neighbours}


CHECKS = tuple(
    check for name, check in list(globals().items()) if name.startswith("check_") and name != "check_explainer"
)
