"""What a run begins with: weights that were learnt elsewhere, and pictures standardised as those know them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from torch import nn

from flori.artifacts.weights import Weights, read_weights
from flori.core.errors import UserError
from flori.core.recipe import Recipe
from flori.data.codec import Codec, Prepared
from flori.data.preparation import PicturePreparation
from flori.data.vocabulary import vocabularies
from flori.training.rows import Rows
from flori.training.transfer import Transfer, some, transfer


def find_weights(recipe: Recipe, begun: dict[str, Any] | None = None) -> Weights | None:
    """The weights that ``init=`` names, None where it names none.

    Args:
        begun: init.json of a run that goes on: its weights are in a checkpoint, and their source may have gone.
    """
    if recipe.training.init is None:
        return None
    if begun is not None:
        return Weights({}, mean=tuple(begun["mean"]), std=tuple(begun["std"]))
    return read_weights(recipe.training.init, recipe.system)


def standardised_alike(data: Prepared, weights: Weights) -> Prepared:
    """The set, its pictures standardised as those were that the weights learnt from."""
    prepared = _preparation(data.codec)
    if not isinstance(prepared, PicturePreparation):
        return data
    mean, std = (_by_channel(numbers, prepared.channels) for numbers in (weights.mean, weights.std))
    if not (mean and std):
        return data
    codec = dataclasses.replace(data.codec, preparation=dataclasses.replace(prepared, mean=mean, std=std))
    return dataclasses.replace(data, codec=codec)


def _preparation(codec: Codec) -> Any:
    """How inputs were made numbers of, None of text."""
    return getattr(codec, "preparation", None)


def _by_channel(numbers: tuple[float, ...], channels: int) -> tuple[float, ...]:
    """One number a channel: grey has the mean of three colours, each colour what grey has; () for other cases."""
    match len(numbers), channels:
        case 3, 1:
            return (sum(numbers) / 3,)
        case 1, 3:
            return numbers * 3
    return numbers if len(numbers) == channels else ()


def take(model: nn.Module, weights: Weights, codec: Codec, recipe: Recipe) -> Transfer:
    """Copy the weights into the network. Raises UserError where they do not suit it or its data."""
    source = recipe.training.init or ""
    if weights.features and weights.features != getattr(_preparation(codec), "features", ()):
        raise UserError(
            f"init={source}: the network there learnt from the columns {some(weights.features)}; "
            f"data={recipe.data.source} does not give just these"
        )
    tokens = _tokens(model, weights, codec)
    try:
        taken = transfer(model, weights.tensors, weights.labels, codec.labels, source, tokens)
    except UserError as problem:
        raise UserError("; ".join([str(problem), *_made_otherwise(weights, recipe)])) from None
    taken.notes += [*_made_otherwise(weights, recipe), *_other_tokens(weights, codec)]
    prepared = _preparation(codec)
    if isinstance(prepared, PicturePreparation) and _by_channel(weights.mean, prepared.channels) == prepared.mean:
        numbers = (", ".join(f"{x:.3g}" for x in column) for column in (prepared.mean, prepared.std))
        taken.notes.append("pictures are standardised as there: mean {}, deviation {}".format(*numbers))
    return taken


def _tokens(model: nn.Module, weights: Weights, codec: Codec) -> dict[str, Rows]:
    """By layer of the network that has a row for each token: the tokens there and here. Those of a file that does not
    tell are taken for ours: where there are as many, they fit."""
    ours = {name: kept.tokens for name, kept in vocabularies(codec).items()}
    theirs = {name: kept.tokens for name, kept in weights.vocabularies.items()} or ours
    layers: Mapping[str, str] = getattr(model, "rows", {})
    return {layer: Rows(theirs.get(name, []), ours[name]) for layer, name in layers.items() if name in ours}


def _other_tokens(weights: Weights, codec: Codec) -> list[str]:
    """How the tokens of text differ from those that the weights learnt from."""
    notes = []
    for name, ours in vocabularies(codec).items():
        if not weights.vocabularies:
            notes.append(f"{name}: which tokens the rows stand for is not told there; taken for the same as here")
        if (theirs := weights.vocabularies.get(name)) is None:
            continue
        known = set(theirs.tokens)
        new = [token for token in ours.tokens if token not in known]
        if new:
            notes.append(f"{name}: {len(new)} of {len(ours)} tokens are new to it: {some(list(map(repr, new)))}")
        if (ours.kind, ours.lower) != (theirs.kind, theirs.lower):
            notes.append(f"{name}: made with data.tokens={theirs.kind} data.lower={str(theirs.lower).lower()} there")
    return notes


def _made_otherwise(weights: Weights, recipe: Recipe) -> list[str]:
    """How the run that the weights are from was set up otherwise: why some of them do not fit."""
    if not weights.system:
        return []
    if weights.system != recipe.system:
        return [f"it is a run of {weights.system}, this is {recipe.system}"]
    ours = {name: _plain(value) for name, value in dataclasses.asdict(recipe.model).items()}
    theirs = {name: value for name, value in weights.options.items() if ours.get(name) != value}
    words = " ".join(f"model.{name}={_word(value)}" for name, value in theirs.items())
    return [f"its network was made with {words}"] if words else []


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _word(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def note_frozen(taken: Transfer, model: nn.Module) -> None:
    """A warning where weights are frozen that were not loaded."""
    at_random = [name for name, p in model.named_parameters() if name in taken.left and not p.requires_grad]
    if at_random:
        taken.notes.append(f"frozen though not loaded: {some(at_random)}")


def document(taken: Transfer, codec: Codec) -> dict[str, Any]:
    """What init.json holds: enough to go on without the weights, and all that became of them."""
    prepared = _preparation(codec)
    mean, std = (prepared.mean, prepared.std) if isinstance(prepared, PicturePreparation) else ((), ())
    return {"report": taken.lines(), "mean": mean, "std": std, **dataclasses.asdict(taken)}
