"""From a table with identifiers to a submission: which column names the rows, and where it turns up again."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pandas as pd
import pytest

import flori
from flori.core.recipe import Data, Recipe
from flori.data.codec import Prepared
from flori.data.identifiers import find_identifier
from flori.data.preparing import prepare
from flori.data.sources import read
from tests.bad_input.asking import assert_refused
from tests.bad_input.asking import flori as command

SHORT = ["optimizer=closed-form", "--quiet"]


def table(name: str, key: str, rows: range, target: bool = True) -> str:
    """Rows of a number, a colour and, if wanted, their target; the key is text such as 007."""
    lines = [f"{key},x,colour" + ",y" * target]
    lines += [f"{i:03},{i % 7}.5,{['red', 'blue'][i % 2]}" + f",{i % 7 + 3 * (i % 2)}" * target for i in rows]
    Path(name).write_text("\n".join(lines) + "\n")
    return name


def written(folder: str) -> list[list[str]]:
    with open(Path(folder) / "predictions.csv", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("key", ["Id", "id", "ID", "row_id", "PassengerId", "customerID", "house.id"])
def test_columns_that_are_called_identifiers_are(key):
    assert find_identifier(pd.DataFrame({"a": ["1", "2"], key: ["x", "y"]}), set()) == key


@pytest.mark.parametrize("key", ["humid", "paid", "GRID", "ideal", "width"])
def test_columns_that_are_called_otherwise_are_not(key):
    assert find_identifier(pd.DataFrame({key: ["x", "y"]}), set()) is None


@pytest.mark.parametrize("cells", [["1", "1"], ["1", "NA"], ["1", ""], ["1.5", "2"], [1.5, 2.5], [None, 1], [[1], [2]]])
def test_cells_that_do_not_tell_rows_apart_are_no_identifiers(cells):
    assert find_identifier(pd.DataFrame({"id": pd.Series(cells, dtype=object)}), set()) is None


def test_the_target_is_none():
    assert find_identifier(pd.DataFrame({"id": ["1", "2"]}), {"id"}) is None


def test_one_command_leads_from_a_table_to_a_submission():
    table("train.csv", "Id", range(60))
    table("new.csv", "Id", range(60, 71), target=False)
    words = ["train", "linear-regression", "data=train.csv", "target=y", "--predict", "new.csv", "--run", "run", *SHORT]
    said = command(*words)
    assert said.exit_code == 0 and "run/predictions.csv" in said.stdout
    head, *rows = written("run")
    assert head == ["Id", "y"] and [row[0] for row in rows] == [f"{i:03}" for i in range(60, 71)]
    assert [float(row[1]) for row in rows] == pytest.approx([i % 7 + 3 * (i % 2) for i in range(60, 71)], abs=1e-9)
    assert "Id" not in flori.load("run").predictor().codec.preparation.features
    command("predict", "run", "new.csv", "--out", "again")
    assert written("again") == written("run")
    said = json.loads(command("predict", "run", "new.csv", "--json").stdout)["predictions"]
    assert said[0]["id"] == "060" and said[0]["input"] == "new.csv:2" and "value" in said[0]


def test_classes_of_named_rows_stand_alone_and_tables_without_names_go_by_file_and_line():
    table("train.csv", "PassengerId", range(60))
    command("train", "softmax-regression", "data=train.csv", "target=colour", "steps=5", "--run", "run", "--quiet")
    command("predict", "run", "train.csv", "--out", "named")
    head, *rows = written("named")
    assert head == ["PassengerId", "colour"] and {row[1] for row in rows} <= {"red", "blue"}
    table("other.csv", "whatever", range(5))
    command("predict", "run", "other.csv", "--out", "unnamed")
    assert written("unnamed")[0][:3] == ["input", "label", "probability"]


def prepared(key: str | None) -> Prepared:
    options = Data(source="train.csv", target="y", id=key)
    return prepare(Recipe("any", "", ("regression",), None, task="regression", data=options))


def test_any_column_can_be_named_or_none():
    table("train.csv", "name", range(60))
    raw = read(Data(source="train.csv", target="y", id="name"))
    assert raw.identifier == "name" and "name" not in raw.parts["train"].frame
    assert [prepared(id).codec.identifier for id in ("name", None)] == ["name", ""]
    assert "names the rows" in prepared("name").notes[0]


def test_identifiers_that_cannot_be_are_refused():
    table("train.csv", "Id", range(60))
    assert_refused(command("train", "mlp", "data=train.csv", "target=y", "data.id=Idd"), "no column 'Idd'", "'Id'")
    assert_refused(command("train", "mlp", "data=train.csv", "target=y", "data.id=y"), "data.id=y leaves out")


def test_inputs_to_predict_are_looked_at_before_anything_is_written():
    table("train.csv", "Id", range(60))
    Path("bad.csv").write_text("Id,colour\n1,red\n")
    words = ("train", "linear-regression", "data=train.csv", "target=y", "--run", "run", "--predict")
    assert_refused(command(*words, "bad.csv"), "bad.csv lacks the column x")
    assert_refused(command(*words, "not-there.csv"), "not-there.csv", "no such file")
    assert not Path("run").exists()


def test_house_prices_of_the_book_end_in_a_submission(real_data):
    test = real_data / "house-prices" / "kaggle_house_pred_test.csv"
    words = ["linear-regression", "data=house-prices", "data.skewed=log", "data.clip=3", "training.weight_decay=0.03"]
    said = command("train", *words, *SHORT, "--run", "run", "--predict", str(test))
    assert said.exit_code == 0
    head, *rows = written("run")
    assert head == ["Id", "SalePrice"] and [row[0] for row in rows] == [str(i) for i in range(1461, 2920)]
    assert all(20_000 < float(row[1]) < 2_000_000 for row in rows)
    assert json.loads(Path("run/summary.json").read_text())["scores"]["test"]["rmsle"] < 0.16
