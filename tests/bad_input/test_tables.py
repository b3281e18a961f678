"""Tables with something wrong: the message names file, line and column, and nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bad_input.asking import left_out, refused, trains
from tests.bad_input.making import GOOD_ROWS, put

ROWS = Path("rows.csv")

BAD_ROWS: dict[str, tuple[str | bytes, tuple[str, ...]]] = {
    "short": ("1,2\n", ("rows.csv, line 22", "has 2 cells where the first row has 3")),
    "long": ("1,2,a,4\n", ("rows.csv, line 22", "has 4 cells where the first row has 3")),
    "text in a number column": (
        "1,two,a\n",
        ("rows.csv, line 22", "'two' in column 'x'", "data.categories=x"),
    ),
    "text in the target": ("one,2,a\n", ("rows.csv, line 22", "'one' in column 'y'")),
    "infinite": ("1,inf,a\n", ("rows.csv, line 22", "column 'x' is infinite")),
    "infinite target": ("-Infinity,2,a\n", ("rows.csv, line 22", "column 'y' is infinite")),
    "too large for a number": ("1e999,2,a\n", ("rows.csv, line 22", "column 'y' is infinite")),
    "its square too large": ("1,2e200,a\n", ("rows.csv, line 22", "column 'x' is beyond ±1e+100")),
    "no target": (",2,a\n", ("rows.csv, line 22", "the target 'y' is missing")),
    "NaN as target": ("NaN,2,a\n", ("rows.csv, line 22", "the target 'y' is missing")),
    "unterminated quote": (
        '1,2,"a\n1,2,b\n',
        ("rows.csv, line 22", "a quotation mark is opened here and never closed"),
    ),
    "text after a quote": ('1,2,"a"b\n', ("rows.csv, line 22", "cannot be read")),
    "huge cell": ("1,2," + "a" * 200_000 + "\n", ("rows.csv, line 22", "more than 131,072 characters")),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_is_named(name: str) -> None:
    row, says = BAD_ROWS[name]
    put(ROWS, GOOD_ROWS + row)
    refused("mlp", "data=rows.csv", "target=y", says=(*says, "data.on_bad=skip"))


def test_bad_rows_are_left_out() -> None:
    last = "unterminated quote"
    rows = [row for name, (row, _) in BAD_ROWS.items() if name != last] + [BAD_ROWS[last][0]]
    put(ROWS, GOOD_ROWS + "".join(rows))
    faults = tuple(f"rows.csv, line {22 + i}:" for i in range(len(rows)))
    summary = left_out("linear-regression", "data=rows.csv", "target=y", faults=faults)
    assert summary["parameters"] == 4  # x, kind=a, kind=b and the bias: the bad rows left no trace


def test_all_faults_are_listed_at_once() -> None:
    put(ROWS, GOOD_ROWS + "1,2\n1,two,a\n1,2,b\n1,-inf,b\n")
    refused("mlp", "data=rows.csv", "target=y", says=("3 faults in", "line 22", "line 23", "line 25"))
    put(ROWS, GOOD_ROWS + "1\n" * 30)
    refused("mlp", "data=rows.csv", "target=y", says=("30 faults in", "line 41", "and 10 more"))


CLASSES = "y,x\n" + "".join(f"{'pq'[i % 2]},{i}\n" for i in range(20))
BAD_TABLES: dict[str, tuple[str, str | bytes, tuple[str, ...], tuple[str, ...]]] = {
    "no target given": ("mlp", GOOD_ROWS, (), ("rows.csv", "target=…", "y, x, kind")),
    "unknown target": (
        "mlp",
        GOOD_ROWS.replace("y,", "price,"),
        ("target=prise",),
        ("rows.csv", "'prise'", "did you mean 'price'"),
    ),
    "unknown column to ignore": (
        "mlp",
        GOOD_ROWS,
        ("target=y", "data.ignore=kid"),
        ("rows.csv", "did you mean 'kind'"),
    ),
    "unknown category": (
        "mlp",
        GOOD_ROWS,
        ("target=y", "data.categories=z"),
        ("rows.csv has no column 'z'",),
    ),
    "target ignored": (
        "mlp",
        GOOD_ROWS,
        ("target=y", "data.ignore=y"),
        ("rows.csv", "data.ignore=y", "column to predict"),
    ),
    "all ignored": ("mlp", GOOD_ROWS, ("target=y", "data.ignore=x,kind"), ("rows.csv", "no column is left")),
    "one class": (
        "softmax-regression",
        CLASSES.replace("q", "p"),
        ("target=y",),
        ("rows.csv", "'y' has one value only (p)"),
    ),
    "one number": ("mlp", "y,x\n" + "3,1\n" * 9, ("target=y",), ("rows.csv", "'y' has one value only")),
    "empty": ("mlp", "", ("target=y",), ("rows.csv is empty",)),
    "blank lines only": ("mlp", "\n \n\n", ("target=y",), ("rows.csv holds no rows",)),
    "header only": ("mlp", "y,x\n", ("target=y",), ("rows.csv holds a header but no rows",)),
    "latin-1": (
        "mlp",
        (GOOD_ROWS + "1,2,é\n").encode("latin-1"),
        ("target=y",),
        ("rows.csv, line 22", "not utf-8", "0xe9"),
    ),
    "UTF-16 cut short": (
        "mlp",
        GOOD_ROWS.encode("utf-16")[:-1],
        ("target=y",),
        ("rows.csv, line", "not utf-16"),
    ),
    "zero bytes": ("mlp", GOOD_ROWS + "1,\0,a\n", ("target=y",), ("rows.csv, line 22", "zero byte")),
    "huge cell above": (
        "mlp",
        "y,x\n1," + "a" * 200_000 + "\n1,2\n",
        ("target=y",),
        ("rows.csv, line 2", "131,072 characters"),
    ),
    "columns of one name": (
        "mlp",
        "\ny,x,x\n1,2,3\n",
        ("target=y",),
        ("rows.csv, line 2", "two columns are called 'x'"),
    ),
    "all targets missing": (
        "mlp",
        "y,x\n" + ",1\n" * 3,
        ("target=y",),
        ("3 faults", "line 2", "line 4", "'y' is missing"),
    ),
    "one column": ("mlp", "y\n1\n2\n3\n", ("target=y",), ("rows.csv", "no column is left to learn from")),
    "constant features": (
        "mlp",
        "y,x\n" + "1,7\n2,7\n" * 9,
        ("target=y",),
        ("rows.csv", "every column has one value only"),
    ),
    "regression of text": (
        "linear-regression",
        CLASSES,
        ("target=y",),
        ("rows.csv", "'y' is text, such as 'p'"),
    ),
    "mostly text": ("linear-regression", "y,x\na,1\n2,3\nb,4\n", ("target=y",), ("rows.csv", "'y' is text")),
    "classes of many numbers": (
        "softmax-regression",
        "y,x\n" + "".join(f"{i / 7},{i}\n" for i in range(300)),
        ("target=y",),
        ("rows.csv", "'y' takes 300 different numbers", "task=classification"),
    ),
    "each row its own class": (
        "mlp",
        "y,x\n" + "".join(f"{i / 7},{i}\n" for i in range(300)),
        ("target=y", "task=classification"),
        ("rows.csv", "too few to hold some out"),
    ),
    "unknown encoding": (
        "mlp",
        GOOD_ROWS,
        ("target=y", "data.encoding=uft-9"),
        ("rows.csv", "data.encoding=uft-9"),
    ),
    "an encoding that is none": (
        "mlp",
        GOOD_ROWS,
        ("target=y", "data.encoding=undefined"),
        ("rows.csv", "not undefined text"),
    ),
    "one row": ("mlp", "y,x\n1,2\n", ("target=y",), ("rows.csv", "'y' has one value only")),
    "two rows": ("mlp", "y,x\n1,2\n2,4\n", ("target=y", "task=regression"), ("rows.csv", "one value only")),
    "two rows of a class each": (
        "softmax-regression",
        "y,x\np,2\nq,4\n",
        ("target=y",),
        ("rows.csv", "too few to hold some out"),
    ),
    "logarithm of less than −1": (
        "linear-regression",
        GOOD_ROWS + "-3,1,a\n",
        ("target=y", "data.scale=log", "seed=3"),
        ("rows.csv", "data.scale=log"),
    ),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_bad_table_is_refused(name: str) -> None:
    system, rows, words, says = BAD_TABLES[name]
    put(ROWS, rows)
    refused(system, "data=rows.csv", *words, says=says)


@pytest.mark.parametrize("rows", ["y,x\n1\n2\n", "y,x\n,1\n,2\n"])
def test_leaving_out_too_much_says_what_was_bad(rows: str) -> None:
    put(ROWS, rows)
    refused("mlp", "data=rows.csv", "target=y", "data.on_bad=skip", says=("rows.csv, line 2", "rows.csv, line 3"))


def test_gaps_are_no_fault() -> None:
    put(ROWS, GOOD_ROWS + "1,NaN,a\n2,,\n3,NA,?\n")
    summary, _ = trains("linear-regression", "data=rows.csv", "target=y")
    assert "skipped" not in summary
    assert summary["parameters"] == 6  # x, x missing, kind=a, kind=b, kind missing, bias


@pytest.mark.parametrize("mark", ["\x0c", "\u2028", "\x85", "\x1c"])
def test_odd_spaces_end_no_line(mark: str) -> None:
    put(ROWS, GOOD_ROWS + f"1,2,a{mark}b\n1,two,a\n")
    refused("mlp", "data=rows.csv", "target=y", says=("rows.csv, line 23", "'two'"))


def test_a_huge_cell_hides_no_separator() -> None:
    put(ROWS, GOOD_ROWS.replace(",", ";").replace("5.5;", "a" * 200_000 + ";"))
    refused("mlp", "data=rows.csv", "target=y", says=("rows.csv, line 4", "131,072 characters"))
