"""A search at work: it asks what to try, does it as a trial, tells what came of it, until trials or time run out."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from functools import partial
from queue import SimpleQueue

from tuneworks.core.errors import Conflict, OverBudget, RunStopped, TuneworksError
from tuneworks.core.events import advance, tell
from tuneworks.core.holding import Hold, held, stopped
from tuneworks.core.spaces import Space
from tuneworks.core.text import Text
from tuneworks.core.trials import Measured, Trial
from tuneworks.core.types import Run, RunConfig
from tuneworks.core.workspace import Workspace
from tuneworks.flows import search_trials
from tuneworks.flows.search_space import holds, values_of, whole_numbers, with_values
from tuneworks.flows.search_trials import stored_trials
from tuneworks.flows.trial import Order, OutOfTime, Try
from tuneworks.statistics.search import SHARES, Sampling

OUTCOMES = {
    "measured": Text("measured", "完成"),
    "given_up": Text("given up", "提前放弃"),
    "failed": Text("failed", "失败"),
    "unfinished": Text("unfinished", "未完成"),
}
KEPT = 0.03  # the share of the time that is left for scoring and reports
AFTERWARDS = 1.1  # what comes after the trials takes as long as they foretell, and a little more


@dataclass
class Searching:
    """A search's run with all it needs: ``hands`` do the trials, each one at a time."""

    workspace: Workspace
    run: Run
    spaces: Mapping[str, Space]
    hands: Sequence[Try]
    hold: Hold
    clock: Callable[[], float] = time.monotonic
    began: float = field(init=False)

    def __post_init__(self) -> None:
        self.began = self.clock()
        self._sampling = Sampling(self.spaces, whole_numbers(self.spaces, self.config.recipe), self.config.recipe.seed)
        self._turn = threading.RLock()
        self._foretold = 0.0
        self._time_is_up = False
        self._ended: dict[str, Trial] = {}
        self._free: SimpleQueue[Try] = SimpleQueue()
        for hand in self.hands:
            self._free.put(hand)

    @property
    def config(self) -> RunConfig:
        return self.run.config

    def stored(self) -> list[Trial]:
        """The trials as they are stored, numbered without those that repeat the best one."""
        every = stored_trials(self.workspace, self.run, self.spaces, self._ended)
        own = [trial for trial in every if trial.seed == self.config.recipe.seed]
        return [replace(trial, number=number) for number, trial in enumerate(own)]

    def all_trials(self) -> list[Trial]:
        """Do all trials that are still to do; every finished one is kept whatever happens."""
        self._share_out(self._work())
        done = self.stored()
        if not any(trial.outcome == "measured" for trial in done):
            raise self._over_budget()
        return done

    def repeated(self, best: Trial) -> list[float]:
        """What the best recipe measures with one seed after another, as many as come to their end in time."""
        every = stored_trials(self.workspace, self.run, self.spaces, self._ended)
        scores = [best.score]
        for seed in range(best.seed + 1, best.seed + self.config.search.seeds):
            done = [t.score for t in every if (t.seed, t.values, t.outcome) == (seed, best.values, "measured")]
            if not done and self._seconds_left() < best.seconds * AFTERWARDS * (1 + self.config.search.store):
                break
            scores.append(done[0] if done else self._repeat(best, seed))
        return [score for score in scores if score is not None]

    # -- trials ---------------------------------------------------------------------------------------

    def _work(self) -> Iterator[Callable[[], None]]:
        """What is still to do: the trials that were cut off, then new ones while there is time."""
        known = self.stored()
        numbers = [self._known_again(trial) for trial in known]
        for trial, number in zip(known, numbers, strict=True):
            if trial.outcome == "unfinished":
                yield partial(self._once_more, trial, number)
        for _ in range(self.config.search.trials - len(known)):
            if self._time_is_up:
                return
            yield self._next

    def _share_out(self, work: Iterator[Callable[[], None]]) -> None:
        """Let the hands do the work, at most one piece each at a time; the first error ends it."""
        if len(self.hands) == 1:
            for one in work:
                one()
            return
        with ThreadPoolExecutor(len(self.hands)) as pool:
            at_work: set[Future[None]] = set()
            for one in work:
                if len(at_work) == len(self.hands):
                    ended, at_work = wait(at_work, return_when=FIRST_COMPLETED)
                    for future in ended:
                        future.result()
                at_work.add(pool.submit(one))
            for future in at_work:
                future.result()

    def _next(self) -> None:
        """Try what the sampling proposes; the first trial is the recipe as it stands. Nothing where time is up."""
        with self._turn:
            known = self.stored()
            if self._seconds_for_trials(known) <= _longest(known) * SHARES[0]:
                self._time_is_up = True
                return
            proposal = self._sampling.ask(None if known else self._as_it_stands())
            run = search_trials.begin(self.workspace, self.run, with_values(self.config, proposal.values))
        self._try(run, proposal.number)

    def _once_more(self, trial: Trial, number: int) -> None:
        self._try(search_trials.begin_again(self.workspace, trial), number)

    def _try(self, run: Run, number: int) -> None:
        """One trial, from its claim to its end in the store and in the sampling; who takes a trial has the search."""
        try:
            last = self._measured(run, SHARES, partial(self._sampling.goes_on, number))
        except Conflict:
            raise
        except RunStopped:
            self.hold.check()
            return
        except TuneworksError:
            self.hold.check()
            with self._turn:
                self._sampling.fail(number)
                if not any(trial.points for trial in self.stored()):
                    raise
            return
        with self._turn:
            if last is None:
                self._sampling.give_up(number)
            else:
                self._sampling.finish(number, last.validation)
            self._tell(run.id)

    def _repeat(self, best: Trial, seed: int) -> float | None:
        """The best recipe's measure with another seed; ``None`` where it did not come to its end."""
        config = with_values(self.config, {**best.values, "recipe.seed": seed})
        run = search_trials.begin(self.workspace, self.run, config)
        try:
            last = self._measured(run, (), lambda *_: True)
        except Conflict:
            raise
        except TuneworksError:
            self.hold.check()
            return None
        return last.validation if last else None

    def _measured(self, run: Run, shares: Sequence[float], goes_on: Callable[[float, float], bool]) -> Measured | None:
        """Do one trial's fit with a free hand; what it measures is stored as it comes."""

        def decide(measured: Measured) -> bool:
            with self._turn:
                search_trials.note(self.workspace, run, measured)
                return goes_on(measured.share, measured.validation)

        order = Order(run.config.recipe, tuple(shares), self._seconds_for(shares))
        hand = self._free.get()
        try:
            with held(self.workspace, run, self.hold.hear) as hold:
                try:
                    last = hand(order, decide, hold.hear)
                except OutOfTime as late:
                    self._foretold = late.seconds
                    raise stopped(run, "pause") from late
                if last is not None:
                    search_trials.note(self.workspace, run, last)
                search_trials.finish(self.workspace, run)
                return last
        finally:
            self._free.put(hand)

    # -- what is known already ------------------------------------------------------------------------

    def _known_again(self, trial: Trial) -> int:
        """Let the sampling know of a stored trial; one that was cut off stays open."""
        number = self._sampling.ask(trial.values).number
        for point in trial.points:
            if point.share < 1:
                self._sampling.goes_on(number, point.share, point.validation)
        if trial.outcome == "measured":
            self._sampling.finish(number, trial.points[-1].validation)
        elif trial.outcome == "given_up":
            self._sampling.give_up(number)
        elif trial.outcome == "failed":
            self._sampling.fail(number)
        return number

    def _as_it_stands(self) -> dict[str, object] | None:
        """The searched settings of the recipe before the search, where they all lie in the spaces."""
        values = values_of(self.config, self.spaces)
        return values if all(holds(space, values[name]) for name, space in self.spaces.items()) else None

    # -- time -----------------------------------------------------------------------------------------

    def _seconds_left(self) -> float:
        minutes = self.config.budget
        return float("inf") if minutes is None else self.began + 60 * minutes * (1 - KEPT) - self.clock()

    def _seconds_for(self, shares: Sequence[float]) -> float:
        return self._seconds_for_trials(self.stored()) if shares else self._seconds_left()

    def _seconds_for_trials(self, known: Sequence[Trial]) -> float:
        """What is left for trials: time is kept for the version, and for repeats as long as trials have half of all."""
        whole, minutes = _longest(known) * AFTERWARDS, self.config.budget
        if minutes is None:
            return float("inf")
        repeats = min(self.config.search.seeds - 1, int(30 * minutes / whole) if whole else 0)
        return self._seconds_left() - whole * (repeats + self.config.search.store)

    def _over_budget(self) -> OverBudget:
        """No trial came to its end in time."""
        return OverBudget(
            Text(
                f"No trial came to its end within {self.config.budget:g} min; one takes about "
                f"{self._foretold / 60:.1f} min.",
                f"在 {self.config.budget:g} 分钟内没有任何试验完成；一次试验约需 {self._foretold / 60:.1f} 分钟。",
            ),
            Text(
                "Give it more --minutes (the same command goes on from here), fewer epochs, or a quicker method.",
                "请增大 --minutes（重新执行同一命令会从此处继续）、减少训练轮数，或换用更快的方法。",
            ),
            self._foretold,
        )

    def _tell(self, run_id: str) -> None:
        """How far the search is, what it has found, and how long it will still take."""
        known, trials = self.stored(), self.config.search.trials
        ended = [trial for trial in known if trial.outcome != "unfinished"]
        best = max(ended, key=lambda trial: trial.rank)
        pace = sum(trial.seconds for trial in ended) / len(ended) / len(self.hands)
        left = min(pace * (trials - len(ended)), max(0.0, self._seconds_for_trials(known)))
        told, minutes = next(trial for trial in known if trial.run_id == run_id), math.ceil(left / 60)
        en, zh = OUTCOMES[told.outcome].en, OUTCOMES[told.outcome].zh
        tell(
            self.hold.hear,
            "trial",
            Text(
                f"trial {told.number + 1} of {trials} {en}: {told.score:.4f}; best so far {best.score:.4f} "
                f"(trial {best.number + 1}); about {minutes} min left",
                f"试验 {told.number + 1}/{trials} {zh}：{told.score:.4f}；目前最佳 {best.score:.4f}"
                f"（试验 {best.number + 1}）；约剩 {minutes} 分钟",
            ),
        )
        advance(self.hold.hear, Text("trials", "试验"), len(ended), trials, values={"validation": best.score or 0.0})


def _longest(trials: Sequence[Trial]) -> float:
    return max((trial.seconds for trial in trials if trial.outcome == "measured"), default=0.0)
