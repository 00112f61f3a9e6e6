"""The whole encoder learns every kind of answer it can, and what is served is what was validated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr

from tests.tiny import tiny_encoder
from tuneworks.bases.text_encoder import TextEncoder
from tuneworks.core.asking import Examples
from tuneworks.core.contracts import Job, Model, Step
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.events import silent
from tuneworks.core.types import BaseUse, Output, Pair, Recipe, TaskSpec
from tuneworks.flows.fitting import Features, files_in, run_steps
from tuneworks.language.segments import units
from tuneworks.methods.full import Full

WORDS = ("parcel", "courier", "card", "refused", "paid", "twice", "anna", "paris")
FILLING = ("where", "is", "my", "the", "was", "to")
LONG = 30  # words, each a token: more than the tiny encoder's sixteen


@dataclass(frozen=True)
class Asked:
    """One kind of question: its output, random examples of it, and how right score arrays are."""

    output: Output
    examples: Callable[[int, np.random.Generator], Examples]
    measure: Callable[[Any, Examples], float]
    least: float
    columns: tuple[str, ...] = ("text",)


def sentence(random: np.random.Generator, chosen: str, words: int = 6) -> list[str]:
    """Filling words with one chosen word among them."""
    made = list(random.choice(FILLING, words))
    made[random.integers(words)] = chosen
    return made


def lengths(random: np.random.Generator) -> int:
    return LONG if random.random() < 0.2 else 6


def classes(count: int, random: np.random.Generator) -> Examples:
    targets = random.integers(2, size=count)
    texts = [" ".join(sentence(random, WORDS[target])) for target in targets]
    return Examples({"text": texts}, [{}] * count, targets)


def several(count: int, random: np.random.Generator) -> Examples:
    targets = random.integers(2, size=(count, 3))
    texts = [" ".join(["where", *(WORDS[i] for i in range(3) if row[i]), "my"]) for row in targets]
    return Examples({"text": texts}, [{}] * count, targets)


def numbers(count: int, random: np.random.Generator) -> Examples:
    targets = random.integers(4, size=count).astype(float)
    texts = [" ".join(["where", *["twice"] * int(target), "my", "card"]) for target in targets]
    return Examples({"text": texts}, [{}] * count, 5000 + 300 * targets)


def pairs(count: int, random: np.random.Generator) -> Examples:
    targets = random.integers(2, size=count).astype(float)
    first = random.integers(len(WORDS), size=count)
    second = [one if same else (one + random.integers(1, 8)) % 8 for one, same in zip(first, targets, strict=True)]
    left, right = ([" ".join(sentence(random, WORDS[i], 2)) for i in side] for side in (first, second))
    return Examples({"text_a": left, "text_b": right}, [{}] * count, targets)


def relations(count: int, random: np.random.Generator) -> Examples:
    """Which comes first of two marked words is what is asked; the marks stand in either order, some texts are long."""
    targets = random.integers(2, size=count)
    texts, marks = [], []
    for target in targets:
        words = list(random.choice(FILLING, lengths(random)))
        early, late = sorted(random.choice(len(words), 2, replace=False))
        words[early], words[late] = random.choice(WORDS[:4], 2)
        begins = np.cumsum([0, *(len(word) + 1 for word in words)])
        spans = [(int(begins[at]), int(begins[at]) + len(words[at])) for at in (early, late)]
        texts.append(" ".join(words))
        marks.append(spans[::-1] if target else spans)
    return Examples({"text": texts}, [{}] * count, targets, marks=marks)


def passages(count: int, random: np.random.Generator) -> Examples:
    """The answer is the word anna or the words anna paris; some passages hold neither, some are long."""
    values, spans, targets = [], [], []
    for _ in range(count):
        words = list(random.choice(FILLING, lengths(random)))
        at, wide = int(random.integers(len(words) - 1)), int(random.integers(3))
        words[at : at + wide] = ["anna", "paris"][:wide]
        values.append(Pair("where is", " ".join(words)))
        spans.append(units(values[-1].second))
        targets.append((at + 1, at + wide) if wide else (0, 0))
    return Examples({"context": values}, [{}] * count, np.array(targets), units=spans)


def right(scores: Any, examples: Examples) -> float:
    return float((np.asarray(scores).argmax(axis=1) == examples.targets).mean())


def each_right(scores: Any, examples: Examples) -> float:
    return float(((np.asarray(scores) > 0.5) == examples.targets).mean())


def explained(scores: Any, examples: Examples) -> float:
    return 1 - float(((scores - examples.targets) ** 2).mean() / np.var(examples.targets))


def correlated(scores: Any, examples: Examples) -> float:
    return float(pearsonr(scores, examples.targets)[0])


def found(scores: Any, examples: Examples) -> float:
    return float(np.mean([(s.argmax(axis=0) == t).all() for s, t in zip(scores, examples.targets, strict=True)]))


KINDS = {
    "classes": Asked(Output("classes", 2), classes, right, 0.95),
    "multi_label": Asked(Output("multi_label", 3), several, each_right, 0.95),
    "number": Asked(Output("number", 1), numbers, explained, 0.9),
    "similarity": Asked(Output("similarity", 1), pairs, correlated, 0.3, ("text_a", "text_b")),
    "marks": Asked(Output("classes", 2), relations, right, 0.6),
    "spans": Asked(Output("spans", 2), passages, found, 0.8, ("context",)),
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"path:{tiny_encoder(tmp_path_factory.mktemp('tiny'))}"


@dataclass(frozen=True)
class Tuned:
    """The model that is served, what it was asked, and the steps that led to it."""

    model: Model
    job: Job
    steps: tuple[Step, ...]

    @property
    def validated(self) -> float:
        return max(step.values["validation"] for step in self.steps if "validation" in step.values)

    def served(self, examples: Examples) -> float:
        return self.job.measure(self.model.head.scores(self.model, examples), examples)


def tuned(
    asked: Asked,
    address: str,
    folder: Path,
    *,
    train: Examples | None = None,
    epochs: int = 6,
    learning_rate: float = 3e-3,
    **options: Any,
) -> Tuned:
    """The recipe's options are the keywords that are left."""
    torch.set_num_threads(1)
    random = np.random.default_rng(0)
    train = train or asked.examples(240, random)
    use = BaseUse(asked.columns, "text-encoder", address, "")
    spec = TaskSpec(inputs={name: name for name in asked.columns}, kinds=dict.fromkeys(asked.columns, "text"))
    files = TextEncoder().fit(address, [], options={"max_length": 16}, cache=folder, listener=silent)
    paths = files_in(folder, files)
    bases = [(use, TextEncoder().load(paths))]
    features = Features(bases, spec, asked.output, silent)
    recipe = Recipe(epochs=epochs, learning_rate=learning_rate, batch_tokens=300, options=options)
    validation = asked.examples(60, random)
    job = Job(
        asked.output, spec, Full().complete(recipe, asked.output), train, validation, bases, features, asked.measure
    )
    parts, steps = run_steps(Full().fit(job), silent)
    made = {**paths, **files_in(folder / "tuned", parts)}
    served = Model(folder, spec, asked.output, ((use, TextEncoder().load(made)),), Full().load(made))
    return Tuned(served, job, steps)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_learnt_and_served_as_it_was_validated(kind: str, address: str, tmp_path: Path) -> None:
    asked = KINDS[kind]
    made = tuned(asked, address, tmp_path, patience=99)
    assert made.served(made.job.validation) == pytest.approx(made.validated, abs=1e-4)
    assert made.served(asked.examples(120, np.random.default_rng(9))) > asked.least


@pytest.mark.parametrize("kind", KINDS)
def test_without_the_linear_start_every_kind_is_learnt_too(kind: str, address: str, tmp_path: Path) -> None:
    asked = KINDS[kind]
    made = tuned(asked, address, tmp_path, epochs=1, start_from_linear=False)
    assert "start validated" not in {step.message.en for step in made.steps}
    assert made.served(made.job.validation) == pytest.approx(made.validated, abs=1e-4)


@pytest.mark.parametrize("kind", ["classes", "number", "spans"])
def test_rows_without_a_target_teach_nothing_and_ruin_nothing(kind: str, address: str, tmp_path: Path) -> None:
    unknown: dict[str, Any] = {"classes": -1, "number": np.nan, "spans": -1}
    train = KINDS[kind].examples(80, np.random.default_rng(0))
    train.targets[::2] = unknown[kind]
    made = tuned(KINDS[kind], address, tmp_path, train=train, epochs=1)
    assert np.isfinite(made.validated)
    assert all(np.isfinite(step.values.get("loss", 0)) for step in made.steps)


def test_a_number_is_answered_in_its_own_unit(address: str, tmp_path: Path) -> None:
    made = tuned(KINDS["number"], address, tmp_path, epochs=1)
    assert 4500 < np.mean(made.model.head.scores(made.model, made.job.validation)) < 6500


def test_all_of_a_comparison_rests_on_the_cosine(address: str, tmp_path: Path) -> None:
    made = tuned(KINDS["similarity"], address, tmp_path, epochs=1)
    same = ["where is my parcel", "the card"]
    swapped = Examples({"text_a": [*same, "paid twice"], "text_b": [*same, "anna"]}, [{}] * 3)
    there = made.model.head.scores(made.model, swapped)
    assert there[0] == pytest.approx(there[1], abs=1e-5)
    assert there[0] > there[2]


def test_marks_count_wherever_they_stand(address: str, tmp_path: Path) -> None:
    """The same stretches in another order are the same features in another order, in short texts and in long ones."""
    files = files_in(
        tmp_path, TextEncoder().fit(address, [], options={"max_length": 16}, cache=tmp_path, listener=silent)
    )
    base, texts = TextEncoder().load(files), ["anna paid twice", "where " * 30 + "card anna"]
    early, late = [(0, 4), (0, 5)], [(10, 15), (185, 189)]
    ahead = base.features(texts, list(zip(early, late, strict=True)))
    behind = base.features(texts, list(zip(late, early, strict=True)))
    assert np.allclose(ahead, behind[[1, 0, 3, 2]], atol=1e-6)
    assert (np.abs(ahead).sum(axis=1) > 0).all()


def test_an_answers_rows_are_probabilities(address: str, tmp_path: Path) -> None:
    made = tuned(KINDS["spans"], address, tmp_path, epochs=1)
    scores = made.model.head.scores(made.model, made.job.validation)
    assert [score.shape for score in scores] == [(len(spans) + 1, 2) for spans in made.job.validation.units]
    assert all(np.allclose(score.sum(axis=0), 1) for score in scores)


def test_labels_are_weighed_and_what_has_none_says_so(address: str, tmp_path: Path) -> None:
    plain, weighed = (
        tuned(
            KINDS["multi_label"],
            address,
            tmp_path / str(wanted),
            epochs=1,
            class_weights=wanted,
            start_from_linear=False,
        )
        for wanted in (None, "balanced")
    )
    assert plain.steps[0].values["loss"] != weighed.steps[0].values["loss"]
    with pytest.raises(InvalidConfig, match="class_weights"):
        tuned(KINDS["number"], address, tmp_path, class_weights="balanced")


def test_where_every_epoch_does_worse_the_start_is_kept(address: str, tmp_path: Path) -> None:
    asked = KINDS["number"]
    made = tuned(asked, address, tmp_path, learning_rate=3.0, epochs=1)
    start = next(step.values["validation"] for step in made.steps if step.message.en == "start validated")
    assert made.validated == start
    assert made.served(made.job.validation) == pytest.approx(start, abs=1e-4)
