"""flori predict and flori evaluate on bad inputs and damaged runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.bad_input.asking import assert_refused, flori
from tests.bad_input.making import GOOD_ROWS, classes, encoded, idx_set, put

PICTURES: dict[str, tuple[str, bytes | None, str]] = {
    "not there": ("x.png", None, "is not there"),
    "cut short": ("x.png", encoded()[:-200], "cannot be decoded"),
    "empty": ("x.png", b"", "is empty"),
    "text": ("x.png", b"no picture", "is not a picture that can be read"),
    "a table": ("x.csv", GOOD_ROWS.encode(), "is not a picture that can be read"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_bad_picture_among_good_ones_is_named(name: str, runs: Path) -> None:
    file, content, says = PICTURES[name]
    classes(Path("photos"))
    if content is not None:
        put(Path(file), content)
    answer = flori("predict", str(runs / "pictures"), "photos", file, "--out", "answers")
    assert_refused(answer, f"{file}: {says}")
    assert not Path("answers").exists()


def test_all_bad_pictures_are_named(runs: Path) -> None:
    classes(Path("photos"))
    put(Path("photos/cat/1.png"), b"")
    Path("photos/dog/x.png").symlink_to("nowhere")
    says = ("2 faults", "photos/cat/1.png: is empty", "photos/dog/x.png: is a link that leads nowhere")
    assert_refused(flori("predict", str(runs / "pictures"), "photos"), *says)


def test_bad_pictures_are_left_out_if_told(runs: Path) -> None:
    classes(Path("photos"))
    put(Path("photos/cat/1.png"), b"")
    answer = flori("predict", str(runs / "pictures"), "photos", "--skip-bad", "--json")
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert len(told["predictions"]) == 9 and told["skipped"] == ["photos/cat/1.png: is empty"]
    assert "left out: photos/cat/1.png: is empty" in answer.stderr


def test_a_file_in_the_place_of_the_answers_is_told_at_once(runs: Path) -> None:
    put(Path("answers"), "mine")
    assert_refused(
        flori("predict", str(runs / "pictures"), "nowhere.png", "--out", "answers"), "--out answers: is a file"
    )
    assert Path("answers").read_text() == "mine"


def test_a_folder_without_pictures_is_refused(runs: Path) -> None:
    put(Path("photos/notes.txt"), "none")
    assert_refused(flori("predict", str(runs / "pictures"), "photos"), "photos: no picture is in there")


TABLES: dict[str, tuple[str, str | bytes | None, tuple[str, ...]]] = {
    "not there": ("x.csv", None, ("x.csv cannot be read", "No such file")),
    "empty": ("x.csv", "", ("x.csv is empty",)),
    "header only": ("x.csv", "x,kind\n", ("x.csv holds a header but no rows",)),
    "without a column": ("x.csv", "kind,y\na,1\n", ("x.csv lacks the column x",)),
    "without any column": ("x.csv", "p,q\na,1\n", ("x.csv lacks the columns x, kind",)),
    "text among numbers": ("x.csv", "x,kind\n1,a\ntwo,b\n", ("x.csv, line 3", "'two' in column 'x'")),
    "text only": (
        "x.csv",
        "x,kind\none,a\ntwo,b\n",
        ("2 faults", "line 2: 'one' in column 'x'", "line 3: 'two'"),
    ),
    "infinite": ("x.csv", "x,kind\n1,a\ninf,b\n", ("x.csv, line 3", "column 'x' is infinite")),
    "ragged": ("x.csv", "x,kind\n1,a\n1\n", ("x.csv, line 3", "has 1 cells where the first row has 2")),
    "a picture": ("x.png", encoded(), ("x.png is no table",)),
    "a picture named .csv": ("x.csv", encoded(), ("x.csv, line 1", "not utf-8")),
    "no Parquet": ("x.parquet", "x,kind\n1,a\n", ("x.parquet is not a Parquet file",)),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_bad_table_is_named(name: str, runs: Path) -> None:
    file, content, says = TABLES[name]
    if content is not None:
        put(Path(file), content)
    put(Path("good.csv"), GOOD_ROWS)
    assert_refused(flori("predict", str(runs / "table"), "good.csv", file), *says)


def test_columns_that_do_not_count_may_hold_anything(runs: Path) -> None:
    put(Path("x.csv"), "x,kind,y,z\n" + "1,a,1,1\n" * 9 + "1,b,none of it,inf\n")
    assert flori("predict", str(runs / "table"), "x.csv").exit_code == 0


def test_categories_that_look_like_numbers_stay_categories() -> None:
    """As they were written: 1.0 is 1.0, and a new value among them is unknown, not a fault."""
    put(Path("rows.csv"), "y,c\n" + "".join(f"{i % 2},{i % 2 + 1}.0\n" for i in range(20)))
    words = ("data=rows.csv", "target=y", "data.categories=c", "training.optimizer=closed-form")
    assert flori("train", "linear-regression", *words, "--run", "run", "--quiet").exit_code == 0
    put(Path("new.csv"), "c\n" + "1.0\n" * 5 + "2.0\n" * 5 + "B\n")
    answer = flori("predict", "run", "new.csv", "--json")
    assert answer.exit_code == 0, answer.output
    values = [p["value"] for p in json.loads(answer.stdout)["predictions"]]
    assert values == pytest.approx([0.0] * 5 + [1.0] * 5 + [0.5])


EVALUATED: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "other classes": ("pictures", ("data=others",), ("others", "does not know: eel")),
    "not there": ("pictures", ("data=nowhere",), ("data=nowhere", "no such file")),
    "pictures of other colour": ("pictures", ("data=grey",), ("grey", "data.channels=3")),
    "numbers for names": ("pictures", ("data=idx",), ("idx", "does not know: 0, 1")),
    "a table for pictures": (
        "pictures",
        ("data=rows.csv", "target=kind"),
        ("rows.csv is a table", "on pictures"),
    ),
    "pictures for a table": ("table", ("data=grey",), ("grey holds pictures", "on a table")),
    "a bad picture": ("pictures", ("data=bad",), ("bad/cat/x.png: is empty",)),
    "a table without the target": ("table", ("data=bare.csv",), ("bare.csv has no column 'y'",)),
    "a table without a column": ("table", ("data=narrow.csv",), ("narrow.csv lacks the column x",)),
    "text as the target": ("table", ("data=text.csv",), ("text.csv", "the target 'y' is text", "'low'")),
    "another target": ("table", ("data=rows.csv", "target=x"), ("rows.csv", "target=x", "'y'")),
    "unknown key": ("table", ("dat=rows.csv",), ("unknown key 'dat'", "'data'")),
    "no key": ("table", ("rows.csv",), ("'rows.csv' is not of the form key=value",)),
}


@pytest.mark.parametrize("name", EVALUATED)
def test_evaluating_what_does_not_fit_is_refused(name: str, runs: Path) -> None:
    run, words, says = EVALUATED[name]
    classes(Path("others"), ("cat", "eel"))
    classes(Path("grey"), mode="L")
    put(classes(Path("bad")) / "cat/x.png", b"")
    idx_set(Path("idx"))
    put(Path("rows.csv"), GOOD_ROWS)
    put(Path("bare.csv"), "x,kind\n1,a\n2,b\n")
    put(Path("narrow.csv"), "y,kind\n1,a\n2,b\n")
    put(Path("text.csv"), "y,x,kind\nlow,1,a\nhigh,2,b\n")
    assert_refused(flori("evaluate", str(runs / run), *words), *says)


def test_evaluating_leaves_bad_examples_out_if_told(runs: Path) -> None:
    put(classes(Path("bad")) / "cat/x.png", b"")
    answer = flori("evaluate", str(runs / "pictures"), "data=bad", "data.on_bad=skip", "--json")
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["examples"] == 10


def test_evaluating_on_what_was_learnt_from_is_remarked(runs: Path) -> None:
    source = json.loads((runs / "pictures/recipe.json").read_text())["recipe"]["data.source"]
    answer = flori("evaluate", str(runs / "pictures"), f"data={source}")
    assert answer.exit_code == 0 and "the run learnt from most of" in answer.stderr, answer.output
    classes(Path("others"))
    assert "learnt from" not in flori("evaluate", str(runs / "pictures"), "data=others").stderr


def test_pictures_of_many_sizes_are_evaluated_as_they_are_predicted(runs: Path) -> None:
    for i, name in enumerate(("cat", "dog") * 6):
        put(Path(f"others/{name}/{i}.png"), encoded(size=(14 + i, 20 + i), seed=i))
    answer = flori("evaluate", str(runs / "pictures"), "data=others", "--json")
    assert answer.exit_code == 0, answer.output
    assert json.loads(answer.stdout)["examples"] == 12


@pytest.mark.parametrize("verb", ["predict", "evaluate", "resume"])
def test_a_folder_that_is_no_run(verb: str) -> None:
    Path("empty").mkdir()
    words = ("x.png",) if verb == "predict" else ()
    for folder in ("empty", "nowhere"):
        assert_refused(flori(verb, folder, *words), f"{folder} is not a run folder", "recipe.json")


DAMAGE: dict[str, tuple[str, bytes | None]] = {
    "weights cut short": ("model/model.safetensors", b"cut"),
    "weights empty": ("model/model.safetensors", b""),
    "weights gone": ("model/model.safetensors", None),
    "preparation no JSON": ("model/preprocessing.json", b"{"),
    "preparation empty": ("model/preprocessing.json", b"{}"),
    "preparation a list": ("model/preprocessing.json", b"[]"),
    "preparation gone": ("model/preprocessing.json", None),
    "options a list": ("model/recipe.json", b'{"system": "lenet", "options": [], "precision": "float32"}'),
    "unknown system": ("model/recipe.json", b'{"system": "net", "options": {}, "precision": "float32"}'),
    "unknown option": (
        "model/recipe.json",
        b'{"system": "lenet", "options": {"x": 1}, "precision": "float32"}',
    ),
    "recipe no JSON": ("recipe.json", b"\xff"),
    "recipe empty": ("recipe.json", b"{}"),
    "recipe a list": ("recipe.json", b"[]"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_run_is_refused(name: str, runs: Path) -> None:
    file, content = DAMAGE[name]
    shutil.copytree(runs / "pictures", "run")
    put(Path("x.png"), encoded())
    path = Path("run") / file
    if content is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1000] if content == b"cut" else content)
    for words in (("predict", "run", "x.png"), ("evaluate", "run")):
        assert_refused(flori(*words), "run/model" if file.startswith("model") else "run/recipe.json")


def test_a_run_without_a_model_is_refused(runs: Path) -> None:
    shutil.copytree(runs / "table", "run")
    shutil.rmtree("run/model")
    assert_refused(flori("predict", "run", "x.csv"), "run holds no model yet", "flori resume run")
