"""The settings of a trial: the recipe's own, a cell of the grid, or drawn by optuna from what is known so far.

A draw is a function of (seed, number of the trial, results so far): no sampler lives from one trial to the next.
"""

from __future__ import annotations

from collections.abc import Mapping

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from flori.core import seeds
from flori.tuning.ledger import Claim, Ledger
from flori.tuning.plan import Plan
from flori.tuning.spaces import Space, Value, default
from flori.tuning.storage import reaching

REDRAWS = 20  # when settings come up that were tried already; in the later half at random
STARTUP = 10  # trials at random before TPE believes what it knows


def settings_of(plan: Plan, ledger: Ledger, claim: Claim) -> list[str]:
    """The settings of a claimed trial as ``key=value``, in the order of the spaces, and noted in the study; those that
    an earlier attempt had are kept."""
    if "words" in claim.known:
        return list(claim.known["words"])
    values = _own(plan) if claim.number == 1 else _values(plan, ledger, claim)
    ways = {space.key: distribution(space) for space in plan.spaces if space.key in values}
    words = [] if claim.number == 1 else _words(plan, values)
    ledger.settle(claim, ways, values, words)
    return words


def distribution(space: Space) -> BaseDistribution:
    """A space in optuna's words."""
    if space.choices:
        return CategoricalDistribution(space.choices)
    if space.whole:
        return IntDistribution(int(space.low), int(space.high), log=space.log)
    return FloatDistribution(space.low, space.high, log=space.log)


def pruner(plan: Plan) -> BasePruner:
    """What says that a trial is not worth its time, by the tenths of it that are done."""
    if plan.pruner == "median":
        return MedianPruner(n_startup_trials=5, n_warmup_steps=2)
    if plan.pruner == "halving":
        return SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)
    return NopPruner()


def _own(plan: Plan) -> dict[str, Value]:
    """The recipe's own values, as far as the spaces hold them."""
    own = {space.key: default(plan.recipe, space) for space in plan.spaces}
    return {key: value for key, value in own.items() if value is not None}


def _words(plan: Plan, values: Mapping[str, Value]) -> list[str]:
    return [f"{space.key}={space.text(values[space.key])}" for space in plan.spaces if space.key in values]


def _values(plan: Plan, ledger: Ledger, claim: Claim) -> Mapping[str, Value]:
    """A cell of the grid, or a draw that nobody tried yet."""
    if plan.cells:
        return plan.cells[claim.number - 2]
    tried = [one.user_attrs.get("words") for attempts in ledger.attempts().values() for one in attempts]
    tried.append(_words(plan, _own(plan)))
    for again in range(REDRAWS):
        values = _drawn(plan, ledger, claim, again)
        if _words(plan, values) not in tried:
            break
    return values


def _drawn(plan: Plan, ledger: Ledger, claim: Claim, again: int) -> dict[str, Value]:
    sampler = _sampler(plan, seeds.key(plan.recipe.seed, "trial", claim.number, again), again)
    study = ledger.view(sampler)
    with reaching(ledger.url):
        trial = ledger.storage.get_trial(claim.id)
        found = dict(sampler.sample_relative(study, trial, sampler.infer_relative_search_space(study, trial)))
        for space in plan.spaces:
            if space.key not in found:
                found[space.key] = sampler.sample_independent(study, trial, space.key, distribution(space))
    return found


def _sampler(plan: Plan, seed: int, again: int) -> BaseSampler:
    seed %= 2**32
    if plan.sampler == "random" or again >= REDRAWS // 2:
        return RandomSampler(seed=seed)
    return TPESampler(seed=seed, n_startup_trials=STARTUP)
