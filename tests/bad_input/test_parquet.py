"""Parquet files with something wrong: the message names file, row and column."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.bad_input.asking import left_out, refused, trains
from tests.bad_input.making import GOOD_ROWS, put

ROWS = Path("rows.parquet")
GOOD: dict[str, list[Any]] = {"y": [2.0 * i for i in range(20)], "x": [float(i % 7) for i in range(20)]}


def _write(**more: Any) -> None:
    pa.parquet.write_table(pa.table({**GOOD, **more}), ROWS)


def _with(name: str, row: int, cell: Any) -> dict[str, list[Any]]:
    return {name: [*GOOD[name][: row - 1], cell, *GOOD[name][row:]]}


BAD_CELLS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "infinite": (_with("x", 4, float("inf")), ("rows.parquet, row 4", "column 'x' is infinite")),
    "no target": (_with("y", 9, None), ("rows.parquet, row 9", "the target 'y' is missing")),
    "text among numbers": (
        {"x": [*"1234567890", *"123456789", "two"]},
        ("rows.parquet, row 20", "'two' in column 'x'"),
    ),
}
BAD_TABLES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "lists": ({"a": [[1, 2]] * 20}, ("rows.parquet", "column 'a' holds lists", "data.ignore=a")),
    "bytes": ({"a": [b"1"] * 20}, ("rows.parquet", "column 'a' holds lists or bytes")),
    "records": ({"a": [{"b": 1}] * 20}, ("rows.parquet", "column 'a' holds lists")),
    "one target": ({"y": [3.0] * 20}, ("rows.parquet", "'y' has one value only")),
    "text as target": ({"y": ["a", "b"] * 10}, ("rows.parquet", "'y' is text")),
    "no feature but constants": ({"x": [1.0] * 20}, ("rows.parquet", "every column has one value only")),
}


@pytest.mark.parametrize("name", BAD_CELLS)
def test_a_bad_cell_is_named_and_left_out(name: str) -> None:
    columns, says = BAD_CELLS[name]
    _write(**columns)
    refused("linear-regression", f"data={ROWS}", "target=y", says=says)
    left_out("linear-regression", f"data={ROWS}", "target=y", faults=(f"{says[0]}: ",))


@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_bad_table_is_refused(name: str) -> None:
    columns, says = BAD_TABLES[name]
    _write(**columns)
    refused("linear-regression", f"data={ROWS}", "target=y", says=says)


FILES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is not a Parquet file"),
    "a CSV": (GOOD_ROWS.encode(), "is not a Parquet file"),
    "only its marks": (b"PAR1PAR1", "is not a Parquet file"),
}


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_parquet_is_refused(name: str) -> None:
    body, says = FILES[name]
    put(ROWS, body)
    refused("mlp", f"data={ROWS}", "target=y", says=("rows.parquet", says))


@pytest.mark.parametrize("share", [0.3, 0.9, 0.99])
def test_a_parquet_cut_short_is_refused(share: float) -> None:
    _write()
    ROWS.write_bytes(ROWS.read_bytes()[: int(share * ROWS.stat().st_size)])
    refused("mlp", f"data={ROWS}", "target=y", says=("rows.parquet",))


def test_columns_of_one_name_are_refused() -> None:
    column = pa.array([1.0, 2.0, 3.0])
    pa.parquet.write_table(pa.Table.from_arrays([column] * 3, names=["y", "x", "x"]), ROWS)
    refused("mlp", f"data={ROWS}", "target=y", says=("rows.parquet", "two columns are called 'x'"))


@pytest.mark.parametrize("columns", [{}, {"y": [], "x": []}])
def test_no_rows_are_refused(columns: dict[str, Any]) -> None:
    pa.parquet.write_table(pa.table(columns), ROWS)
    refused("mlp", f"data={ROWS}", "target=y", says=("rows.parquet holds no rows",))


def test_ignoring_a_column_of_lists_helps() -> None:
    _write(a=[[1, 2]] * 20)
    trains("linear-regression", f"data={ROWS}", "target=y", "data.ignore=a")


def test_infinite_categories_are_categories() -> None:
    _write(a=[1.0, float("inf")] * 10)
    summary, _ = trains("linear-regression", f"data={ROWS}", "target=y", "data.categories=a")
    assert summary["parameters"] == 4  # x, a=1, a=inf, bias
