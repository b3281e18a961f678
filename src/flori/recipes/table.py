"""The README's table of systems, from the recipes: ``python -m flori.recipes.table README.md`` writes it in."""

from __future__ import annotations

import sys
from pathlib import Path

from flori.core.recipe import Evidence
from flori.recipes.catalogue import ALL

BEGIN, END = "<!-- systems: written by `make readme` -->", "<!-- systems end -->"


def table() -> str:
    """A line for each run that a recipe states: system, data, scores, seconds, command."""
    lines = ["| system | data | test score | seconds | command |", "|---|---|---|---:|---|"]
    for recipe in ALL:
        lines += [_line(recipe.system, evidence) for evidence in recipe.evidence]
    return "\n".join(lines)


def _line(system: str, evidence: Evidence) -> str:
    return f"| `{system}` | {evidence.data} | {evidence.headline} | {evidence.seconds:.1f} | `{evidence.command}` |"


def with_table(text: str) -> str:
    """A document with the table between its two marks."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    readme = Path(sys.argv[1])
    readme.write_text(with_table(readme.read_text()))
