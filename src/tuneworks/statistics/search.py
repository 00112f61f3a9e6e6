"""Choosing what to try next (Optuna's tree-structured Parzen estimator) and what to give up (successive halving).

TPE: Bergstra et al., 2011; asynchronous successive halving: Li et al., 2020; PED-ANOVA: Watanabe et al., 2023.
Optuna's study lives in memory: what a search knows is stored with its trials, and is told again when it goes on.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tuneworks.core.registry import missing_extra
from tuneworks.core.spaces import Between, Space

try:
    import optuna
    from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
    from optuna.trial import TrialState
except ModuleNotFoundError as error:
    raise missing_extra("optuna") from error

REDUCTION = 3  # of so many trials one goes on at each share of its training
SHARES = (1 / 9, 1 / 3)
FIRST_AT_RANDOM = 10
FEWEST_TO_WEIGH = 6


@dataclass(frozen=True)
class Proposal:
    """What to try: the trial's number from 0, and a value for each setting."""

    number: int
    values: Mapping[str, Any]


class Sampling:
    """Asks Optuna what to try, tells it what came of it; higher is better.

    ``whole``: the settings that are whole numbers. What is proposed depends on ``seed`` and on what was told alone, so
    a search that is told its trials again goes on as if it had never stopped.
    """

    def __init__(self, spaces: Mapping[str, Space], whole: Sequence[str], seed: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._distributions = {name: _distribution(space, name in whole) for name, space in spaces.items()}
        self._seed = seed
        pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=REDUCTION)
        self._study = optuna.create_study(direction="maximize", pruner=pruner)
        self._open: dict[int, optuna.Trial] = {}

    def ask(self, values: Mapping[str, Any] | None = None) -> Proposal:
        """The next trial; with ``values`` it is the trial of these."""
        number = len(self._study.get_trials(deepcopy=False))
        if values is not None:
            self._study.enqueue_trial({name: _written(d, values[name]) for name, d in self._distributions.items()})
        self._study.sampler = _sampler(self._seed * 100_003 + number)
        trial = self._study.ask(self._distributions)
        self._open[trial.number] = trial
        return Proposal(trial.number, {n: _read(d, trial.params[n]) for n, d in self._distributions.items()})

    def goes_on(self, number: int, share: float, measured: float) -> bool:
        """Whether a trial that measured so after a share of its training is worth going on with."""
        trial = self._open[number]
        trial.report(measured, max(1, round(share / SHARES[0])))
        return not trial.should_prune()

    def finish(self, number: int, measured: float) -> None:
        """The trial came to its end."""
        self._study.tell(self._open.pop(number), measured)

    def give_up(self, number: int) -> None:
        """The trial was ended early, by what it measured."""
        self._study.tell(self._open.pop(number), state=TrialState.PRUNED)

    def fail(self, number: int) -> None:
        """The trial could not be run; nothing is learnt from it."""
        self._study.tell(self._open.pop(number), state=TrialState.FAIL)


def importance(
    spaces: Mapping[str, Space], values: Sequence[Mapping[str, Any]], ranks: Sequence[float]
) -> dict[str, float]:
    """Each setting's share in what tells the better trials (of higher rank) from the rest; none where they are few."""
    if len(values) < FEWEST_TO_WEIGH or len(set(ranks)) < 2:
        return {}
    distributions = {name: _distribution(space, False) for name, space in spaces.items()}
    study = optuna.create_study(direction="maximize")
    for tried, rank in zip(values, ranks, strict=True):
        params = {name: _written(d, tried[name]) for name, d in distributions.items()}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=distributions, value=rank))
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    weighed = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {name: float(share) for name, share in weighed.items()}


def _sampler(seed: int) -> optuna.samplers.TPESampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(n_startup_trials=FIRST_AT_RANDOM, multivariate=True, seed=seed)


def _distribution(space: Space, whole: bool) -> BaseDistribution:
    if not isinstance(space, Between):
        return CategoricalDistribution([json.dumps(value) for value in space.values])
    if whole:
        return IntDistribution(round(space.low), round(space.high), log=space.log)
    return FloatDistribution(space.low, space.high, log=space.log)


def _written(distribution: BaseDistribution, value: Any) -> Any:
    return json.dumps(value) if isinstance(distribution, CategoricalDistribution) else value


def _read(distribution: BaseDistribution, value: Any) -> Any:
    return json.loads(value) if isinstance(distribution, CategoricalDistribution) else value
