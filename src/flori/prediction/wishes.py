"""How answers are wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flori.core.errors import Fault


@dataclass(frozen=True)
class Wishes:
    """What users may ask of answers.

    Pictures: `skipped` takes what is wrong with some, which are left out then. A text that goes on: at most `length`
    tokens, drawn at `temperature` (0: always the likeliest) from the `top_k` likeliest or from the likeliest that make
    up `top_p`, by `seed`; `say` is called with each piece as it comes, and with the end of a line after the last.
    Translations: by a search with `beams`.
    """

    skipped: list[Fault] | None = None
    length: int = 200
    temperature: float = 0.8
    top_k: int | None = None
    top_p: float | None = None
    beams: int = 4
    seed: int = 0
    say: Callable[[str], None] | None = None
