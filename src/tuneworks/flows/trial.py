"""One trial of a search: a recipe fitted on train rows and measured on validation rows; nothing of it is kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from tuneworks.core.contracts import Model, Step
from tuneworks.core.errors import UnsuitableData
from tuneworks.core.events import Listener
from tuneworks.core.text import Text
from tuneworks.core.trials import Measured
from tuneworks.core.types import Recipe, RunConfig
from tuneworks.core.working import working_folder
from tuneworks.core.workspace import Workspace
from tuneworks.flows.fitting import Data, fit
from tuneworks.flows.plan_run import plan_run
from tuneworks.flows.references import version_of
from tuneworks.serving.folders import open_version

MEASURE = "validation"


@dataclass(frozen=True)
class Order:
    """What to try: the recipe is measured after each of ``shares`` of its training and stopped after ``seconds``."""

    recipe: Recipe
    shares: tuple[float, ...] = ()
    seconds: float = float("inf")


GoesOn = Callable[[Measured], bool]
Try = Callable[[Order, GoesOn, Listener], Measured | None]


class GivenUp(Exception):
    """A trial was not worth going on with."""


class OutOfTime(Exception):
    """A trial's time was up before its end, which it would have reached after about so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


class Trying:
    """Tries recipes in this process, on the train and validation rows of a configuration's dataset."""

    def __init__(self, workspace: Workspace, config: RunConfig) -> None:
        self._cache, self._place = workspace.cache, workspace.working
        self._data = without_test_rows(plan_run(workspace, config).data)
        self._champion: Model | None = None
        if config.from_version:
            self._champion = open_version(workspace, version_of(workspace, config.from_version))

    def __call__(self, order: Order, goes_on: GoesOn, listener: Listener) -> Measured | None:
        """The last measure; ``None`` where the recipe was given up on the way. Raises ``OutOfTime``."""
        attendant = Attendant(order.shares, goes_on, time.monotonic() + order.seconds)
        with working_folder(self._place) as folder:
            try:
                fit(
                    self._data,
                    order.recipe,
                    folder=folder,
                    cache=self._cache,
                    champion=self._champion,
                    listener=listener,
                    attend=attendant,
                )
            except GivenUp:
                return None
        return attendant.last

    def close(self) -> None:
        """Nothing is held."""


def without_test_rows(data: Data) -> Data:
    """The data as a search sees them."""
    return replace(data, test=data.test.take([]))


@dataclass
class Attendant:
    """Looks at every step of a trial's fit: measures after the shares of the training it is told, and ends the trial.

    Shares are those of the steps that can be measured at any time; ``deadline`` is a moment of ``clock``.
    """

    shares: Sequence[float]
    goes_on: GoesOn
    deadline: float = float("inf")
    clock: Callable[[], float] = time.monotonic
    began: float = field(init=False)
    best: float | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.began = self.clock()
        self.shares = sorted(self.shares)

    def __call__(self, step: Step) -> None:
        if MEASURE in step.values:
            self.best = max(step.values[MEASURE], -float("inf") if self.best is None else self.best)
        share = step.step / step.total
        reached = [due for due in self.shares if share >= due]
        if step.validate is not None and reached and share < 1:
            self.shares = self.shares[len(reached) :]
            self._ask(reached, step.validate())
        if self.clock() > self.deadline:
            raise OutOfTime((self.clock() - self.began) / share)

    @property
    def last(self) -> Measured:
        """What the fit came to in the end: the best that its method measured, for that is what it keeps."""
        if self.best is None:
            raise UnsuitableData(
                Text("The method measured nothing on validation rows.", "该方法没有在验证集上进行评估。"),
                Text("Search settings of another method.", "请搜索其他方法的设置。"),
            )
        return self._measured(1.0, self.best)

    def _ask(self, reached: Sequence[float], validation: float) -> None:
        for share in reached:
            if not self.goes_on(self._measured(share, validation)):
                raise GivenUp

    def _measured(self, share: float, validation: float) -> Measured:
        return Measured(share, validation, self.clock() - self.began)
