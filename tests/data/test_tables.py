"""Tables → features: worked examples by hand, statistics of the training part only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from flori.core.recipe import Data, Recipe
from flori.data.columns import guess_task, useful
from flori.data.identifiers import find_identifier
from flori.data.preparation import Scale, TablePreparation, restore
from flori.data.preparing import ExampleCodec, prepare
from flori.data.sources import read
from flori.data.tables import read_table

TEXT = "size,colour,age,price\n1,red,NA,10\n3,blue,4,20\n,red,8,30\n5,,6,40\n"


@pytest.fixture
def table(tmp_path: Path):
    (tmp_path / "t.csv").write_text(TEXT)
    return read_table(tmp_path / "t.csv", "price")


def test_columns_are_typed_and_rows_named(table):
    frame = table.parts["train"].frame
    assert frame["size"].tolist()[:2] == [1.0, 3.0] and np.isnan(frame["size"][2])
    assert frame["colour"].tolist()[:3] == ["red", "blue", "red"] and frame["colour"].isna().tolist()[3]
    assert table.parts["train"].names == ["t.csv:2", "t.csv:3", "t.csv:4", "t.csv:5"]


def test_features_are_the_worked_example(table):
    rows = table.parts["train"]
    prepared = TablePreparation.fit(rows.frame.drop(columns="price"))
    assert prepared.features == [
        *("size", "size missing", "colour=blue", "colour=red", "colour missing", "age", "age missing")
    ]
    std_size, std_age = np.std([1, 3, 5]), np.std([4, 8, 6])
    expected = [
        [(1 - 3) / std_size, 0, 0, 1, 0, 0, 1],
        [0, 0, 1, 0, 0, (4 - 6) / std_age, 0],
        [0, 1, 0, 1, 0, (8 - 6) / std_age, 0],
        [(5 - 3) / std_size, 0, 0, 0, 1, 0, 0],
    ]
    np.testing.assert_allclose(prepared.apply(rows), expected, atol=1e-15)


def test_preparation_survives_json(table):
    import json

    prepared = TablePreparation.fit(table.parts["train"].frame.drop(columns="price"))
    assert restore(json.loads(json.dumps(prepared.state()))) == prepared


def test_unknown_categories_give_no_feature(table):
    rows = table.parts["train"]
    prepared = TablePreparation.fit(rows.frame.drop(columns="price"))
    rows.frame.loc[0, "colour"] = "green"
    assert prepared.apply(rows)[0, 2:5].tolist() == [0, 0, 0]


def test_no_held_out_row_touches_the_statistics(tmp_path: Path):
    """Poison a row of the test part: the preparation does not change by a bit."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=50), "b": rng.choice(["x", "y"], 50), "y": rng.normal(size=50)})
    options = Data(source=str(tmp_path / "p.csv"), target="y")

    def ready():
        frame.to_csv(tmp_path / "p.csv", index=False)
        return prepare(Recipe("any", "", ("regression",), None, data=options))

    clean = ready()
    held_out = int(clean.parts["test"].names[0].split(":")[1]) - 2
    frame.loc[held_out, ["a", "b", "y"]] = [1e9, "z", -1e9]
    poisoned = ready()
    assert poisoned.parts["test"].targets.abs().max() > 1e6
    assert poisoned.codec.state() == clean.codec.state()
    assert torch.equal(poisoned.parts["train"].inputs, clean.parts["train"].inputs)


@pytest.mark.parametrize("kind", ["none", "standard", "log"])
def test_scale_goes_there_and_back(kind):
    truth = np.array([0.0, 3.0, 250_000.0, 17.5])
    scale = Scale.fit(kind, truth)
    np.testing.assert_allclose(scale.invert(scale.apply(truth)), truth, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["a", "b"], "classification"),
        ([0, 1, 1], "classification"),
        ([0.5, 1.5], "regression"),
        (range(21), "regression"),
    ],
)
def test_the_task_is_what_the_target_says(values, task):
    column = pd.Series(
        list(values), dtype=object if isinstance(values, list) and isinstance(values[0], str) else "float64"
    )
    assert guess_task(column) == task


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("header", [True, False])
def test_any_usual_separator_with_or_without_header(tmp_path: Path, separator, header):
    rows = [["a", "b", "c"]] * header + [[str(i), str(i * i), str(i % 3)] for i in range(9)]
    (tmp_path / "t.txt").write_text("\n".join(separator.join(row) for row in rows))
    table = read_table(tmp_path / "t.txt", "c" if header else "column3")
    assert list(table.parts["train"].frame) == (["a", "b", "c"] if header else ["column1", "column2", "column3"])
    assert len(table.parts["train"]) == 9


def test_csv_and_parquet_are_read_alike(tmp_path: Path):
    frame = pd.DataFrame({"n": [1.5, None, 3.0], "w": ["a", None, "b"], "flag": [True, False, True], "y": [1, 2, 3]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    a, b = (read_table(tmp_path / name, "y").parts["train"].frame for name in ("t.csv", "t.parquet"))
    pd.testing.assert_frame_equal(a, b)


def test_quoted_cells_with_separators_and_line_breaks(tmp_path: Path):
    (tmp_path / "t.csv").write_text('a,y\n"x, and\nmore",1\nz,2\n')
    rows = read_table(tmp_path / "t.csv", "y").parts["train"]
    assert rows.frame["a"].tolist() == ["x, and\nmore", "z"] and rows.names == ["t.csv:2", "t.csv:4"]


def test_codec_survives_json(tmp_path: Path):
    import json

    (tmp_path / "t.csv").write_text("a,y\n" + "\n".join(f"{i},{'uv'[i % 2]}" for i in range(30)))
    options = Data(source=str(tmp_path / "t.csv"), target="y")
    codec = prepare(Recipe("any", "", ("classification",), None, data=options)).codec
    assert ExampleCodec.restore(json.loads(json.dumps(codec.state()))) == codec
    assert codec.labels == ["u", "v"] and codec.outputs == 2


def test_house_prices_of_the_book(real_data):
    table = read(Data(source="house-prices"))
    frame = table.parts["train"].frame
    assert frame.shape == (1460, 81) and table.target == "SalePrice"
    kept, notes = useful(frame, {"SalePrice"})
    assert kept.shape == (1460, 81) and notes == []
    assert find_identifier(frame, {"SalePrice"}) == "Id"
    assert frame["LotFrontage"].isna().sum() == 259


def test_penguins_and_airfoil(real_data):
    assert set(read(Data(source="penguins")).parts["train"].frame["species"]) == {
        "Adelie",
        "Chinstrap",
        "Gentoo",
    }
    assert read(Data(source="airfoil")).parts["train"].frame.shape == (1503, 6)
