"""flori inspect --health: how a network is, layer by layer, and what to change."""

from __future__ import annotations

import dataclasses
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flori.cli.printing import print_json, print_table
from flori.core.errors import UserError
from flori.core.overrides import apply
from flori.core.paths import path_of
from flori.recipes.catalogue import ALL, find

LINE_SECONDS = 5.0


def inspect_health(target: str, words: list[str], out: str, as_json: bool) -> None:
    """Examine a system under the given settings, or a run as it was trained; draw, print, and say what is wrong."""
    picture = _picture(out)
    is_system = target in [recipe.system for recipe in ALL] or not path_of(target).exists()
    recipe = apply(find(target), words) if is_system else None
    if recipe is None and words:
        raise UserError(
            f"{' '.join(words)}: a run has its settings; flori inspect NAME key=value … --health takes others"
        )
    print(
        f"{target}: {'a few steps, of which nothing is kept' if recipe else 'as it was trained'}",
        file=sys.stderr,
        flush=True,
    )
    from flori.artifacts.section import save
    from flori.evaluation.health import diagnose, sentences
    from flori.evaluation.health_plots import health
    from flori.recipes.examining import examined, examined_run

    system, found = (target, examined(recipe, _telling())) if recipe else examined_run(target)
    findings = diagnose(found)
    title = f"{target}: {', '.join(finding.name for finding in findings) or 'healthy'}"
    save(picture.parent, picture.name, health(found, title, next((f.layer for f in findings if f.layer), None)))
    if as_json:
        told = {"target": target, "system": system, "picture": str(picture), "healthy": not findings}
        listed = [dataclasses.asdict(finding) for finding in findings]
        print_json({**told, "findings": listed, **_finite(dataclasses.asdict(found))})
        return
    _print(found)
    print()
    print("\n".join(sentences(findings)))
    print(f"picture {picture}")


def _picture(out: str) -> Path:
    path = path_of(out)
    if path.suffix != ".png" or not path.parent.is_dir() or path.is_dir():
        raise UserError(f"--out {out}: name a .png file in a folder that is there")
    return path


def _telling() -> Callable[[int], None]:
    last = time.monotonic()

    def tell(done: int) -> None:
        nonlocal last
        if time.monotonic() - last > LINE_SECONDS:
            last = time.monotonic()
            print(f"step {done}", file=sys.stderr, flush=True)

    return tell


def _print(found: Any) -> None:
    head = ["layer", "kind", "activations", "gradient", "dead", "saturated", "weights", "update/weights"]
    rows = [_row(before, after, bool(found.losses)) for before, after in zip(found.start, found.end, strict=True)]
    print_table(head, rows, numbers=range(2, len(head)))
    print("\nactivations: standard deviation; gradient: norm, with respect to them; weights: root mean square")
    if found.losses:
        print(f"→ after {len(found.losses)} steps; loss {found.losses[0]:.4g} → {found.losses[-1]:.4g}")


def _row(before: Any, after: Any, moved: bool) -> list[str]:
    def both(name: str, form: str) -> str:
        first, last = (_text(getattr(layer, name), form) for layer in (before, after))
        return f"{first} → {last}" if moved and first != last else last

    numbers = [both("spread", ".2g"), both("gradient", ".1e"), both("dead", ".0%"), both("saturated", ".0%")]
    return [before.name, before.kind, *numbers, both("weight", ".2g"), _text(after.update, ".1e")]


def _text(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _finite(document: Any) -> Any:
    """The document with null for numbers that are none, which JSON has no word for."""
    if isinstance(document, dict):
        return {name: _finite(value) for name, value in document.items()}
    if isinstance(document, list | tuple):
        return [_finite(value) for value in document]
    return None if isinstance(document, float) and not math.isfinite(document) else document
