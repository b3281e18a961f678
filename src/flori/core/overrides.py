"""``key=value`` words → a changed recipe; all faults reported at once, each with the nearest right key."""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args, get_origin

from flori.core.errors import UserError
from flori.core.recipe import SECTIONS, SHORT, Recipe, replace, settings


def apply(recipe: Recipe, words: Iterable[str]) -> Recipe:
    """The recipe with ``key=value`` words applied.

    Raises UserError naming every unknown key and every wrong value together.
    """
    pairs, faults = [], []
    for word in words:
        key, equals, text = word.partition("=")
        if equals:
            pairs.append((key.strip(), text.strip()))
        else:
            faults.append(f"{word!r} is not of the form key=value")
    return _apply(recipe, pairs, faults)


def apply_values(recipe: Recipe, given: Mapping[str, Any]) -> Recipe:
    """As `apply`, from Python: keyword arguments, with a dot written as two underscores if need be."""
    pairs = [(key.replace("__", "."), item) for key, item in given.items()]
    return _apply(recipe, pairs, [])


def faults_in(recipe: Recipe, words: Iterable[str]) -> list[str]:
    """All that is wrong with ``key=value`` words; [] where `apply` takes them."""
    pairs = [(key.strip(), text.strip()) for key, _, text in (word.partition("=") for word in words)]
    return _changes(recipe, pairs)[1]


def kind_of(recipe: Recipe, key: str) -> Any:
    """The declared type of the values behind a key, without its None; None where there is no such key."""
    name = SHORT.get(key, key)
    kind = _kinds(recipe)[name] if name in settings(recipe) else None
    return _without_none(kind)


def _apply(recipe: Recipe, pairs: list[tuple[str, Any]], faults: list[str]) -> Recipe:
    changes, found = _changes(recipe, pairs)
    faults += found
    if faults:
        raise UserError(joined(faults, recipe.system))
    return replace(recipe, changes)


def _changes(recipe: Recipe, pairs: list[tuple[str, Any]]) -> tuple[dict[str, Any], list[str]]:
    """Dotted names and their new values, and what is wrong."""
    known, kinds = settings(recipe), _kinds(recipe)
    changes: dict[str, Any] = {}
    faults = []
    for key, given in pairs:
        name = SHORT.get(key, key)
        if name not in known:
            faults.append(_unknown(key, recipe))
        elif name in changes:
            faults.append(f"{key} is given twice")
        else:
            try:
                changes[name] = _bounded(known[name], _convert(given, kinds[name]))
            except ValueError as problem:
                faults.append(f"{key}={given}: {problem}")
    return changes, faults + _one_length(changes)


def _one_length(changes: dict[str, Any]) -> list[str]:
    """Epochs put the recipe's steps out of force, and steps its epochs; what is wrong if neither is left."""
    epochs, steps = "training.epochs", "training.steps"
    given = [name for name in (epochs, steps) if changes.get(name) is not None]
    if len(given) == 2:
        return ["epochs and steps are both given; one says how long to train"]
    if given:
        changes[steps if given == [epochs] else epochs] = None
    elif {epochs, steps} & changes.keys():
        return ["epochs or steps must be a number: how long to train"]
    return []


def choices(recipe: Recipe) -> dict[str, tuple[str, ...]]:
    """The values that each setting with a choice may take."""
    found = {}
    for name, kind in _kinds(recipe).items():
        arms = [kind, *get_args(kind)]
        words = [get_args(arm) for arm in arms if get_origin(arm) is Literal]
        if words:
            found[name] = tuple(map(str, words[0]))
    return found


def joined(faults: list[str], system: str) -> str:
    """Faults in the settings of a system as one message."""
    hint = f"flori show {system} lists every key."
    if len(faults) == 1:
        return f"{faults[0]}{'' if faults[0].endswith('?') else '.'} {hint}"
    return "\n  ".join([f"{len(faults)} faults in the settings:", *faults]) + f"\n{hint}"


def _unknown(key: str, recipe: Recipe) -> str:
    known = settings(recipe)
    names = [*(short for short, name in SHORT.items() if name in known), *known]
    leaves = {name.rsplit(".", 1)[-1]: name for name in reversed(names)}
    near = difflib.get_close_matches(key, names, n=1, cutoff=0.6)
    if not near:
        near = [leaves[leaf] for leaf in difflib.get_close_matches(key.rsplit(".", 1)[-1], leaves, n=1)]
    return f"unknown key {key!r}" + (f"; did you mean {near[0]!r}?" if near else "")


def _kinds(recipe: Recipe) -> dict[str, Any]:
    """The declared type of each setting."""
    kinds = dict(typing.get_type_hints(Recipe))
    for section in SECTIONS:
        hints = typing.get_type_hints(type(getattr(recipe, section)))
        kinds |= {f"{section}.{name}": kind for name, kind in hints.items()}
    return kinds


def _convert(given: Any, kind: Any) -> Any:
    """`given` (text from a command line, or a Python value) as a value of `kind`; ValueError says why not."""
    optional = get_origin(kind) in (types.UnionType, typing.Union)
    if optional and (given is None or (isinstance(given, str) and given.lower() in ("none", ""))):
        return None
    kind = _without_none(kind)
    if get_origin(kind) is Literal:
        return _choice(given, get_args(kind))
    if get_origin(kind) is tuple:
        items = given.split(",") if isinstance(given, str) else _items(given)
        try:
            return tuple(_convert(item, get_args(kind)[0]) for item in items if item != "")
        except ValueError as problem:
            raise ValueError(f"{problem}; several have commas between them, as in 256,128") from None
    return _CONVERTERS[kind](given)


def _without_none(kind: Any) -> Any:
    if get_origin(kind) not in (types.UnionType, typing.Union):
        return kind
    return next(arm for arm in get_args(kind) if arm is not type(None))


def _items(given: Any) -> list[Any]:
    return list(given) if isinstance(given, list | tuple) else [given]


def _choice(given: Any, choices: tuple[Any, ...]) -> Any:
    for choice in choices:
        if str(given) == str(choice):
            return choice
    near = difflib.get_close_matches(str(given), [str(choice) for choice in choices], n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"must be one of {', '.join(map(str, choices))}{hint}")


def _whole(given: Any) -> int:
    try:
        if isinstance(given, bool):
            raise ValueError
        number = float(given) if not isinstance(given, int) else given
        if isinstance(given, str) and given.lstrip("+-").isdigit():
            number = int(given)
        if number != int(number):
            raise ValueError
        return int(number)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("must be a whole number") from None


def _real(given: Any) -> float:
    try:
        if isinstance(given, bool):
            raise ValueError
        number = float(given)
    except (TypeError, ValueError):
        raise ValueError("must be a number") from None
    if not math.isfinite(number):
        raise ValueError("must be a finite number")
    return number


def _truth(given: Any) -> bool:
    words = {
        "true": True,
        "yes": True,
        "on": True,
        "1": True,
        "false": False,
        "no": False,
        "off": False,
        "0": False,
    }
    if isinstance(given, bool):
        return given
    if str(given).lower() in words:
        return words[str(given).lower()]
    raise ValueError("must be true or false")


def _text(given: Any) -> str:
    if given is None or str(given) == "":
        raise ValueError("must not be empty")
    return str(given)


_CONVERTERS = {int: _whole, float: _real, bool: _truth, str: _text}


def _bounded(field: dataclasses.Field[Any], new: Any) -> Any:
    low, high = field.metadata.get("at_least"), field.metadata.get("at_most")
    for item in new if isinstance(new, tuple) else (new,):
        if isinstance(item, int | float) and not isinstance(item, bool):
            if low is not None and item < low:
                raise ValueError(f"must be at least {low:g}")
            if high is not None and item > high:
                raise ValueError(f"must be at most {high:g}")
    return new
