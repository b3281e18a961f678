"""What a part of a set says of a network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Judged:
    """Scores by name; tables that say more; and the answers that they are of, as reports show them."""

    scores: dict[str, float]
    tables: dict[str, Any] = field(default_factory=dict)
    answers: Any = None
