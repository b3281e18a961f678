"""No row of a held-out fold has any part in how the others are prepared: spoilt to the utmost, it changes no bit."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flori.core.overrides import apply
from flori.data.codec import Prepared
from flori.data.families import names, prepare, state
from flori.recipes.catalogue import find
from tests.bad_input.making import classes, encoded, put
from tests.contract import texts

ROWS = 240


def table() -> None:
    """A CSV with numbers, categories, missing cells, numbers of rows, and both kinds of targets."""
    draw = random.Random(0)
    lines = ["Id,size,kind,note,price,class,patient"]
    for i in range(ROWS):
        size = "" if i % 11 == 0 else f"{draw.gauss(50, 7):.3f}"
        cells = [i, size, draw.choice("abc"), draw.choice("uv"), f"{draw.lognormvariate(2, 1):.3f}", draw.choice("pq")]
        lines.append(",".join(map(str, [*cells, f"P{i % 31}"])))
    put(Path("rows.csv"), "\n".join(lines) + "\n")


def spoil_rows(held: set[str], target: str) -> None:
    """Absurd numbers and targets, categories never seen and different in each row, other missing cells, and equal
    numbers of rows."""
    lines = Path("rows.csv").read_text().splitlines()
    for number, line in enumerate(lines, 1):
        if f"rows.csv:{number}" in held:
            _, size, _, _, _, label, patient = line.split(",")
            price = "1e12" if target == "price" else "-1e12"
            cells = ["7", "-1e90" if size else "3", f"zz{number}", "", price, label, patient]
            lines[number - 1] = ",".join(cells)
    put(Path("rows.csv"), "\n".join(lines) + "\n")


def spoil_pictures(held: set[str]) -> None:
    for path in Path("photos").rglob("*.png"):
        if any(str(path).endswith(name) or name.endswith(str(path)) for name in held):
            put(path, encoded(seed=10**6, size=(13, 13)))


def spoil_lines(held: set[str], new: Callable[[int, str], str]) -> None:
    """Other words in the lines that held-out examples are of."""
    for path in [path for path in Path.cwd().rglob("*") if path.suffix in (".txt", ".tsv")]:
        lines = path.read_text().splitlines()
        found = [new(number, line) if f"{path.name}:{number}" in held else line for number, line in enumerate(lines, 1)]
        put(path, "\n".join(found) + "\n")


def spoil_sentences(held: set[str]) -> None:
    lines, spoilt = Path("names.conll").read_text().splitlines(), False
    for number, line in enumerate(lines, 1):
        spoilt = bool(line) and (spoilt or f"names.conll:{number}" in held)
        lines[number - 1] = f"zz{number}\t{line.split(chr(9))[1]}" if spoilt else line
    put(Path("names.conll"), "\n".join(lines) + "\n")


CASES: dict[str, tuple[str, tuple[str, ...], Callable[[], Any], Callable[[set[str]], None]]] = {
    "numbers on a log scale": (
        "mlp",
        ("data=rows.csv", "target=price", "data.scale=log", "data.ignore=class,patient"),
        table,
        lambda held: spoil_rows(held, "price"),
    ),
    "classes": (
        "softmax-regression",
        ("data=rows.csv", "target=class", "data.ignore=patient"),
        table,
        lambda held: spoil_rows(held, "class"),
    ),
    "groups of rows": (
        "softmax-regression",
        ("data=rows.csv", "target=class", "data.group=patient"),
        table,
        lambda held: spoil_rows(held, "class"),
    ),
    "pictures": ("lenet", ("data=photos",), lambda: classes(Path("photos"), each=7), spoil_pictures),
    "texts": (
        "bilstm-classifier",
        ("data=reviews",),
        lambda: texts.written("Texts", Path.cwd()),
        lambda held: spoil_lines(held, lambda number, line: f"zz{number} " * 600),
    ),
    "sentences": (
        "bilstm-tagger",
        ("data=names.conll",),
        lambda: texts.written("Sentences", Path.cwd()),
        spoil_sentences,
    ),
    "pairs": (
        "seq2seq",
        ("data=digits.tsv",),
        lambda: texts.written("Pairs", Path.cwd()),
        lambda held: spoil_lines(held, lambda number, line: f"zz{number}\tyy{number} yy"),
    ),
}


def held_out(found: Prepared) -> set[str]:
    part = found.parts["test"]
    return set(getattr(part, "texts", part).names)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("fold", [1, 2])
def test_a_held_out_fold_has_no_part_in_preparing(name: str, fold: int) -> None:
    """Two folds: half of all examples are spoilt, which decides wherever they are asked."""
    system, words, make, spoil = CASES[name]
    make()
    recipe = apply(find(system), [*words, "data.folds=2", f"data.fold={fold}"])
    clean = prepare(recipe)
    held = held_out(clean)
    assert 0.4 < len(held) / len(names(recipe.data)) < 0.6
    spoil(held)
    spoilt = prepare(recipe)
    assert held_out(spoilt) == held
    assert state(spoilt.codec) == state(clean.codec)
    assert spoilt.parts["train"].content() == clean.parts["train"].content()
    assert spoilt.parts["test"].content() != clean.parts["test"].content()


def test_the_others_have_a_part_in_preparing() -> None:
    """The test above can fail: the same of a row that is learnt from changes the preparation."""
    table()
    recipe = apply(find("mlp"), ["data=rows.csv", "target=price", "data.folds=2", "data.fold=1"])
    clean = prepare(recipe)
    spoil_rows(set(clean.parts["train"].names[:1]), "price")
    assert state(prepare(recipe).codec) != state(clean.codec)


def test_no_group_is_on_both_sides_and_none_is_learnt_from() -> None:
    table()
    lines = dict(enumerate(Path("rows.csv").read_text().splitlines(), 1))
    recipe = apply(find("mlp"), ["data=rows.csv", "target=class", "data.group=patient", "data.folds=5", "data.fold=3"])
    found = prepare(recipe)
    train, test = (
        {lines[int(name.split(":")[1])].split(",")[-1] for name in found.parts[part].names}
        for part in ("train", "test")
    )
    assert train | test == {f"P{i}" for i in range(31)} and not train & test and len(test) in (6, 7)
    assert not any("patient" in feature for feature in found.codec.preparation.features)
