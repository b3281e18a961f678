"""flori inspect --landscape: ways of all optimisers down a surface as a picture or a page; a slice of a run's loss."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from flori.cli.inspecting import must_be_named, picture_path
from flori.cli.printing import print_json, print_table
from flori.core.errors import UserError

SLICE, PAGE = "slice", ".html"
DOTS = 240  # of a surface, along each side of its picture


def draw_landscape(surface: str, target: str, settings: list[str], out: str, as_json: bool) -> None:
    """Draw a surface with the ways of all optimisers, or write a page of them where `out` ends in .html; or, where
    `surface` is slice, draw the loss around a run's weights."""
    if settings:
        raise UserError(f"flori inspect --landscape takes no settings, such as {settings[0]}")
    if surface == SLICE:
        must_be_named("--landscape slice", target)
        draw_slice(target, picture_path(out), as_json)
    elif target:
        raise UserError(f"flori inspect --landscape {surface} is of no system or run ({target}); of a run it is slice")
    else:
        path = picture_path(out, ".png", PAGE)
        (write_page if path.suffix == PAGE else draw_ways)(surface, path, as_json)


def write_page(name: str, path: Path, as_json: bool) -> None:
    """A page to play with: any surface, optimiser and rate, from wherever its reader clicks."""
    from flori.artifacts.writing import write
    from flori.data.progress import counted
    from flori.evaluation.landscape_page import RATE_OF, page, witnesses
    from flori.training.surfaces import SURFACES

    _must_be_a_surface(name)
    found = list(counted(witnesses(), len(SURFACES) * len(RATE_OF), "ways to check it by"))
    write(path, page(name, found))
    if as_json:
        print_json({"surface": name, "surfaces": [*SURFACES], "optimizers": [*RATE_OF], "page": str(path)})
        return
    print(f"page {path}: {len(SURFACES)} surfaces and {len(RATE_OF)} optimisers to play with; open it in a browser")


def _must_be_a_surface(name: str) -> None:
    from flori.training.surfaces import SURFACES

    if name not in SURFACES:
        near = difflib.get_close_matches(name, [*SURFACES, SLICE], n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UserError(f"--landscape {name}: there are {', '.join(SURFACES)}, and slice of a run{hint}")


def draw_ways(name: str, path: Path, as_json: bool) -> None:
    """Every optimiser's best way on a surface, as a picture and as a table of where each ended."""
    import torch

    from flori.artifacts.section import save
    from flori.data.progress import counted
    from flori.evaluation.landscape_plots import landscape
    from flori.training.surfaces import SURFACES
    from flori.training.trajectories import OPTIONS, STEPS, ways

    _must_be_a_surface(name)
    surface = SURFACES[name]
    found = list(counted(ways(surface), len(OPTIONS), "optimisers"))
    x, y = (torch.linspace(*ends, DOTS, dtype=torch.float64) for ends in surface.box)
    heights = surface.height(x[None, :], y[:, None])
    rows = [_row(way, surface) for way in found]
    labels = [f"{row['named']}, rate {row['rate']:g}: {row['height']:.2g}" for row in rows]
    lines = [(label, way.points) for label, way in zip(labels, found, strict=True)]
    title = f"{name}: {surface.formula}\nheight after {STEPS} steps at the best rate of each"
    save(path.parent, path.name, landscape(x, y, heights, lines, surface.lowest, title))
    if as_json:
        told = {"surface": name, "formula": surface.formula, "steps": STEPS, "start": surface.start}
        print_json({**told, "lowest": surface.lowest, "ways": rows, "picture": str(path)})
        return
    print(f"{name}: {surface.formula}, from {surface.start}\n{surface.about}\n")
    table = [
        [row["named"], f"{row['rate']:g}", f"({row['x']:.3f}, {row['y']:.3f})", f"{row['height']:.3g}", _when(row)]
        for row in rows
    ]
    print_table(["optimiser", "rate", "ended at", "height", "steps to the lowest"], table, (1, 3, 4))
    print(f"\nEach took {STEPS} steps at the rate that got there first, or else ended lowest.\npicture {path}")


ALIKE = {"gd": "gd, sgd", "adam": "adam, adamw"}


def _row(way: Any, surface: Any) -> dict[str, Any]:
    x, y = way.points[-1].tolist()
    height = float(way.heights[-1])
    named = ALIKE.get(way.optimizer, way.optimizer)
    arrived = way.arrived(surface.least)
    return {"optimizer": way.optimizer, "named": named, "rate": way.rate, "x": x, "y": y, "height": height} | {
        "arrived": arrived
    }


def _when(row: dict[str, Any]) -> str:
    return "not reached" if row["arrived"] is None else str(row["arrived"])


def draw_slice(target: str, path: Path, as_json: bool) -> None:
    """The loss around the weights of a run along two random directions, and over their plane."""
    import torch

    from flori.artifacts.section import save
    from flori.data.progress import counted
    from flori.evaluation.landscape_plots import slices
    from flori.recipes.run import load
    from flori.recipes.slicing import slice_of

    wanted = slice_of(load(target))
    side = len(wanted.shifts)
    values = list(counted(wanted.losses(), side * side, "places"))
    plane, shifts = torch.tensor(values).view(side, side), torch.tensor(wanted.shifts)
    here = float(plane[side // 2, side // 2])
    lines = [("first direction", plane[side // 2]), ("second direction", plane[:, side // 2])]
    title = (
        f"{target}: loss of {wanted.examples:,} training examples around the weights; each direction as long as they"
    )
    save(path.parent, path.name, slices(shifts, lines, shifts, shifts, plane, title))
    told = {"run": target, "examples": wanted.examples, "loss": here, "picture": str(path)}
    if as_json:
        print_json({**told, "shifts": wanted.shifts, "losses": plane.tolist()})
        return
    print(f"{target}: the loss of {wanted.examples:,} training examples, {here:.4g} at the weights")
    for label, losses in lines:
        half = [f"{float(losses[i]):.3g}" for i in (0, side // 4, side - 1 - side // 4, side - 1)]
        ends = ", ".join(f"{wanted.shifts[i]:+.2g}: {text}" for i, text in zip(_quarters(side), half, strict=True))
        print(f"  {label:17} {ends}")
    print(f"picture {path}")


def _quarters(side: int) -> tuple[int, int, int, int]:
    return 0, side // 4, side - 1 - side // 4, side - 1
