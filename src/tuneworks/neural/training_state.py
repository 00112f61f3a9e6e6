"""All that a training needs to go on from a step, as files: what is counted as JSON, what is computed as safetensors.

``training.json``: the place in the data, early stopping, and what the training was made with.
``training.safetensors``: weights that train, the optimiser's moments, the moving average, the random state.
``best.safetensors``: the best weights so far; its bytes change only when a validation finds better ones.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor
from torch.optim import Optimizer

from tuneworks.core.contracts import Job
from tuneworks.core.errors import InvalidConfig
from tuneworks.core.files import sha256_of_bytes
from tuneworks.core.records import to_json
from tuneworks.core.text import Text, plain
from tuneworks.neural.pieces import Piece

PLACE, TENSORS, BEST = "training.json", "training.safetensors", "best.safetensors"
RANDOM = "random"
Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class Place:
    """How far a training is: finished steps of ``epoch`` (counted from 0), of all, and what early stopping counts.

    ``highest``: the highest measure that counted as a gain; ``best``, ``best_epoch``: those of the best weights.
    """

    epoch: int = 0
    step: int = 0
    done: int = 0
    stale: int = 0
    highest: float | None = None
    best: float | None = None
    best_epoch: int = 0


@dataclass(frozen=True)
class MadeWith:
    """What must be the same for a training to go on to the same bytes; ``work``: a hash of its recipe and its data."""

    work: str = ""
    batch_tokens: int = 0
    processes: int = 1
    threads: int = field(default_factory=torch.get_num_threads)
    torch_version: str = field(default_factory=lambda: str(torch.__version__))


@dataclass(frozen=True)
class State:
    """A training at rest."""

    place: Place
    weights: Tensors
    average: Tensors
    moments: Mapping[int, Mapping[str, Tensor]]
    random: Tensor
    best: Tensors | None


def work_of(job: Job, pieces: Sequence[Piece], targets: bytes = b"") -> str:
    """A hash of what a training is made of: recipe, base, pieces, targets."""
    seen = [to_json(job.recipe), job.bases[0][1].fingerprint, repr([piece.ids for piece in pieces])]
    return sha256_of_bytes("\n".join(map(str, seen)).encode() + targets)[:16]


def written(
    place: Place,
    made_with: MadeWith,
    groups: Mapping[str, Tensors],
    optimiser: Optimizer,
    best: Callable[[], bytes] | None,
) -> dict[str, bytes]:
    """A training's files; ``groups``: "weights" and "average" by name."""
    tensors = {f"{group}/{name}": one.detach() for group, named in groups.items() for name, one in named.items()}
    for number, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"moments/{number}/{name}": one for name, one in moments.items() if isinstance(one, Tensor)}
    tensors[RANDOM] = torch.get_rng_state()
    told = {"place": asdict(place), "made_with": asdict(made_with)}
    files = {PLACE: json.dumps(told).encode(), TENSORS: save({name: one.contiguous() for name, one in tensors.items()})}
    return {**files, BEST: best()} if best else files


def read(files: Mapping[str, bytes], made_with: MadeWith) -> State:
    """The training that files hold; raises ``InvalidConfig`` where it would go on to other bytes."""
    told = json.loads(files[PLACE])
    _must_match(MadeWith(**told["made_with"]), made_with)
    tensors = load(files[TENSORS])
    moments: dict[int, dict[str, Tensor]] = {}
    for name in tensors:
        if name.startswith("moments/"):
            _, number, what = name.split("/", 2)
            moments.setdefault(int(number), {})[what] = tensors[name]
    return State(
        Place(**told["place"]),
        _below(tensors, "weights/"),
        _below(tensors, "average/"),
        moments,
        tensors[RANDOM],
        load(files[BEST]) if BEST in files else None,
    )


def restore(optimiser: Optimizer, moments: Mapping[int, Mapping[str, Tensor]]) -> None:
    """Set the optimiser's moments; what it was made with stays."""
    groups: Any = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": {number: dict(own) for number, own in moments.items()}, "param_groups": groups})


def _below(tensors: Tensors, prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): one for name, one in tensors.items() if name.startswith(prefix)}


SAID = {
    "threads": Text("the number of threads", "线程数"),
    "batch_tokens": plain("recipe.batch_tokens"),
    "processes": Text("the number of processes", "进程数"),
    "torch_version": Text("the version of torch", "torch 的版本"),
    "work": Text("the recipe, the data or the base", "方案、数据或基础模型"),
}


def _must_match(then: MadeWith, now: MadeWith) -> None:
    for name, said in SAID.items():
        before, after = getattr(then, name), getattr(now, name)
        if before != after:
            raise InvalidConfig(
                Text(
                    f"This training cannot go on to the same result: {said.en} was {before}, now it is {after}.",
                    f"无法精确地继续此训练：{said.zh}原为 {before}，现为 {after}。",
                ),
                Text("Set it back, or tune anew.", "请改回原值，或重新微调。"),
            )
