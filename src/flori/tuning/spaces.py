"""What a search may choose from: ``lr=log:1e-4:1``, ``batch=32,64,128``, ``model.dropout=0:0.5``.

A space is checked against the typed recipe before anything starts. Nothing here imports torch or optuna.
"""

from __future__ import annotations

import itertools
import math
import typing
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flori.core.errors import UserError
from flori.core.overrides import apply, faults_in, joined, kind_of
from flori.core.recipe import SHORT, Recipe, get

JUDGED_BY = {
    *("task", "seed", "device"),
    *(f"data.{name}" for name in ("source", "target", "valid", "test", "on_bad", "encoding")),
    *(f"data.{name}" for name in ("group", "folds", "fold", "division", "bootstrap")),
}
"""Settings that say what the score is measured on, or with what luck: no search chooses them."""
WORDS = {f"data.{name}" for name in ("tokens", "most", "least", "lower", "window", "swap")}
"""Settings that change what a token is, and with it what a loss per token means."""
POINTS = 5  # of a continuous range, in a grid
Value = float | int | str


@dataclass(frozen=True)
class Space:
    """The values that one setting may take: a range of numbers, ends included, or choices as they are typed."""

    key: str
    choices: tuple[str, ...] = ()
    low: float = 0
    high: float = 0
    log: bool = False
    whole: bool = False

    def text(self, value: Value) -> str:
        """A value as it stands in a command: numbers to four digits, so that the command says what the trial did."""
        if isinstance(value, str) or self.whole:
            return str(value)
        short = float(f"{value:.4g}")
        return f"{short if self.low <= short <= self.high else value!r}"

    def holds(self, value: object) -> bool:
        """Whether a number lies in the range."""
        return isinstance(value, int | float) and not isinstance(value, bool) and self.low <= value <= self.high

    def points(self, most: int = POINTS) -> list[Value]:
        """The values of a grid: all choices, all whole numbers if they are not more than `most`, else five, evenly
        spread on the range's own scale."""
        if self.choices:
            return list(self.choices)
        if self.count() <= most:
            return list(range(int(self.low), int(self.high) + 1))
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        spread = [low + (high - low) * i / (POINTS - 1) for i in range(POINTS)]
        inner = [math.exp(place) if self.log else place for place in spread[1:-1]]
        found = [self.low, *inner, self.high]
        return list(dict.fromkeys(round(value) for value in found)) if self.whole else list(found)

    def count(self) -> float:
        """How many values there are."""
        if self.choices:
            return len(self.choices)
        return self.high - self.low + 1 if self.whole else math.inf

    def said(self) -> str:
        """The space as ``key=SPACE``."""
        if self.choices:
            return f"{self.key}={('|' if any(',' in one for one in self.choices) else ',').join(self.choices)}"
        return f"{self.key}={'log:' if self.log else ''}{self.low:g}:{self.high:g}"

    def document(self) -> list[str | float | bool]:
        """What decides the space, for comparing."""
        return [self.key, *self.choices] if self.choices else [self.key, self.low, self.high, self.log, self.whole]


def read(recipe: Recipe, words: Sequence[str]) -> tuple[list[str], list[Space]]:
    """Words as fixed settings and spaces.

    Raises UserError with all faults at once: unknown keys, wrong types, values out of bounds, empty ranges.
    """
    fixed, spaces, faults = [], [], []
    for word in words:
        key, equals, text = (part.strip() for part in word.partition("="))
        if not equals:
            faults.append(f"{word!r} is not of the form key=value or key=SPACE")
        elif ":" in text and kind_of(recipe, key) == tuple[int, ...]:
            faults.append(
                f"{word}: {key} may be several numbers, which have no range; list them, as in {key}=8|64|64,32"
            )
        elif not _is_space(recipe, key, text):
            fixed.append(f"{key}={text}")
        else:
            wrong = _faults(recipe, key, text)
            faults += wrong
            spaces += [_space(recipe, key, text)] if not wrong else []
    faults += faults_in(recipe, [*fixed, *(f"{space.key}={_first(space)}" for space in spaces)])
    if not spaces and not faults:
        faults.append("nothing to search: no key has a space, as lr=log:1e-4:1, batch=32,64,128, model.dropout=0:0.5")
    if faults:
        raise UserError(joined(faults, recipe.system))
    return fixed, spaces


def default(recipe: Recipe, space: Space) -> Value | None:
    """The recipe's own value as one of the space; None where the space does not hold it."""
    own = get(recipe, _name(space.key))
    if not space.choices:
        return own if space.holds(own) else None
    return next((text for text in space.choices if _typed(recipe, space.key, text) == own), None)


def grid(spaces: Sequence[Space], most: int = POINTS) -> list[dict[str, Value]]:
    """All combinations of the spaces' points, by key; for `most` see `Space.points`."""
    keys, points = [space.key for space in spaces], [space.points(most) for space in spaces]
    return [dict(zip(keys, values, strict=True)) for values in itertools.product(*points)]


def combinations(spaces: Iterable[Space]) -> float:
    """How many different settings the spaces allow; infinite where one is continuous."""
    return math.prod(space.count() for space in spaces)


def _name(key: str) -> str:
    return SHORT.get(key, key)


def _short(key: str) -> str:
    """The everyday name, so that two who write one setting differently mean the same study."""
    return next((short for short, name in SHORT.items() if name == key), key)


def _typed(recipe: Recipe, key: str, text: str) -> object:
    return get(apply(recipe, [f"{key}={text}"]), _name(key))


def _is_space(recipe: Recipe, key: str, text: str) -> bool:
    """Whether a text stands for several values. Those of plain text may have any letter in them; several words, as the
    widths of layers, have commas in themselves."""
    kind = kind_of(recipe, key)
    if kind is None or (kind is str and _name(key) in JUDGED_BY):
        return False
    if kind in (int, float) and ":" in text:
        return True
    return "|" in text or ("," in text and typing.get_origin(kind) is not tuple)


def _parts(text: str) -> list[str]:
    """The choices, or the two ends of a range."""
    if ":" in text and "," not in text and "|" not in text:
        return text.removeprefix("log:").split(":")
    return [part.strip() for part in text.split("|" if "|" in text else ",")]


def _faults(recipe: Recipe, key: str, text: str) -> list[str]:
    name, parts = _name(key), _parts(text)
    said = f"{key}={text}"
    if name in JUDGED_BY:
        return [f"{said}: it decides what the scores are of, so it is not to be searched; give one value"]
    if name in WORDS and {"language", "translation"} & set(recipe.tasks):
        return [f"{said}: losses of other tokens cannot be compared, so it is not to be searched; give one value"]
    if "" in parts:
        return [f"{said}: a value is missing"]
    is_range = _is_range(recipe, key, text)
    if is_range and len(parts) != 2:
        return [f"{said}: a range is LOW:HIGH, as in 0:0.5, or log:LOW:HIGH"]
    wrong = [fault for part in parts for fault in faults_in(recipe, [f"{key}={part}"])]
    if wrong:
        return list(dict.fromkeys(wrong))
    return _empty(said, parts, text.startswith("log:")) if is_range else _twice(recipe, key, said, parts)


def _is_range(recipe: Recipe, key: str, text: str) -> bool:
    return kind_of(recipe, key) in (int, float) and ":" in text and "," not in text and "|" not in text


def _empty(said: str, parts: list[str], log: bool) -> list[str]:
    """What is wrong with the ends of a range that are numbers."""
    if any(part.lower() in ("none",) for part in parts):
        return [f"{said}: a range is between two numbers"]
    low, high = map(float, parts)
    if low == high:
        return [f"{said}: the range holds one value only; without a colon it is fixed"]
    if low > high:
        return [f"{said}: the range is empty; its lower end comes first"]
    return [f"{said}: a logarithmic range must begin above 0"] if log and low <= 0 else []


def _twice(recipe: Recipe, key: str, said: str, parts: list[str]) -> list[str]:
    values = [_typed(recipe, key, part) for part in parts]
    again = [part for i, part in enumerate(parts) if values[i] in values[:i]]
    return [f"{said}: {again[0]} is there twice"] if again else []


def _space(recipe: Recipe, key: str, text: str) -> Space:
    parts, short = _parts(text), _short(key)
    if not _is_range(recipe, key, text):
        return Space(short, choices=tuple(parts))
    whole = kind_of(recipe, key) is int
    low, high = (int(float(part)) if whole else float(part) for part in parts)
    return Space(short, low=low, high=high, log=text.startswith("log:"), whole=whole)


def _first(space: Space) -> str:
    return space.choices[0] if space.choices else space.text(space.low)
