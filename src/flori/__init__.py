"""flori: the classic systems of deep learning as one tool for your own data.

    import flori
    run = flori.train("lenet", data="digits", epochs=10)
    run.predict("digit.png")

Importing flori is quick: torch is imported when it is first needed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from flori import models
    from flori.core.errors import Interrupted, UserError
    from flori.recipes.run import Run, load, steps, train
    from flori.recipes.stating import Report

__all__ = ["Interrupted", "Report", "Run", "UserError", "load", "models", "steps", "train"]

_HOMES = {
    "train": "flori.recipes.run",
    "steps": "flori.recipes.run",
    "load": "flori.recipes.run",
    "Run": "flori.recipes.run",
    "Report": "flori.recipes.session",
    "UserError": "flori.core.errors",
    "Interrupted": "flori.core.errors",
}


def __getattr__(name: str) -> Any:
    if name == "models":
        return importlib.import_module("flori.models")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'flori' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
