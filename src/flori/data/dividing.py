"""Parts to judge by: what a set brings, a share of its training part, or one fold of it.

A fold is the ``test`` part of its run. What is chosen while training, as by ``patience=``, is chosen on a valid part of
the other folds, so that the score of a fold is of examples that nothing was chosen by; a test part that the set brings
stays untouched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from flori.core import seeds
from flori.core.errors import UserError
from flori.core.recipe import Source
from flori.data.ties import Ties, first, folds, held_out

DEFAULT_VALID = 0.1  # share held out where something must be chosen
Tie = Callable[[Any], Ties]


def divide(parts: Mapping[str, Any], options: Source, seed: int, needs_valid: bool, tie: Tie) -> dict[str, Any]:
    """The parts with a test or valid part: what the set brings, a fold, else a share of its training part.

    Args:
        needs_valid: something will be chosen by a score, for which a part of its own is held out.
        tie: what the division of a part must heed; parts have `take`.
    """
    parts, seed = dict(parts), seed_of(options, seed)
    if options.folds is not None or options.fold is not None:
        parts = _fold(parts, options, seed, tie)
    if not {"test", "valid"} & parts.keys():
        if not (options.test or options.valid):
            raise UserError("data.test=0 with data.valid=0 leaves nothing to judge by; one of them must be above 0")
        parts = _hold_out(parts, "test", options.test, seed, tie)
    if "valid" not in parts:
        share = options.valid or (DEFAULT_VALID if needs_valid else 0.0)
        parts = _hold_out(parts, "valid", share, seed + 1, tie)
    return _fewer(parts, options, seed, tie)


def seed_of(options: Source, seed: int) -> int:
    """The seed that decides the division of a run with `seed`."""
    return seed if options.division is None else options.division


def resampled(parts: Mapping[str, Any], options: Source, seed: int) -> dict[str, Any]:
    """The parts, the training part drawn anew with replacement where that is asked for (Breiman, "Bagging predictors",
    1996).

    It comes after whatever is fitted on the training part: members of an ensemble prepare their inputs alike.
    """
    if not options.bootstrap:
        return dict(parts)
    count = len(parts["train"])
    drawn = torch.randint(count, (count,), generator=seeds.generator(seed, "bootstrap"))
    return {**parts, "train": parts["train"].take(drawn.sort().values)}


def refuse_to_divide(options: Source, what: str) -> None:
    """Raise UserError where examples are asked for that there are none of."""
    asked = [name for name in ("folds", "fold", "examples", "bootstrap") if getattr(options, name)]
    if asked:
        raise UserError(f"data.{asked[0]}={getattr(options, asked[0])}: {what}")


def _fold(parts: dict[str, Any], options: Source, seed: int, tie: Tie) -> dict[str, Any]:
    """The training part without a fold, which is the test part."""
    number, chosen, train = options.folds, options.fold, parts["train"]
    if number is None or chosen is None:
        raise UserError("data.folds=K and data.fold=I go together: of K folds the I-th is held out")
    if chosen > number:
        raise UserError(f"data.fold={chosen} of data.folds={number}: folds are numbered from 1 to {number}")
    fold = folds(tie(train), number, seed)
    kept, held = (torch.nonzero(rows).flatten() for rows in (fold != chosen - 1, fold == chosen - 1))
    return {**parts, "train": train.take(kept), "test": train.take(held)}


def _hold_out(parts: dict[str, Any], name: str, share: float, seed: int, tie: Tie) -> dict[str, Any]:
    """The parts with a share of the training part as another part; as they are for a share of 0."""
    if not share:
        return parts
    kept, held = held_out(tie(parts["train"]), share, seed)
    return {**parts, "train": parts["train"].take(kept), name: parts["train"].take(held)}


def _fewer(parts: dict[str, Any], options: Source, seed: int, tie: Tie) -> dict[str, Any]:
    """The parts with so many examples to learn from as are asked for."""
    train, wanted = parts["train"], options.examples
    if wanted is None or wanted == len(train):
        return parts
    if wanted > len(train):
        raise UserError(f"data.examples={wanted}: {len(train):,} are all there are to learn from")
    return {**parts, "train": train.take(first(tie(train), wanted, seed))}
