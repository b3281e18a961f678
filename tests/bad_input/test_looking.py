"""flori data: it lists all that is wrong and ends with exit status 2, or 0 where nothing is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bad_input.asking import assert_refused, flori
from tests.bad_input.making import GOOD_ROWS, classes, encoded, idx_set, put


def looked_at(*words: str) -> tuple[int, str, dict[str, Any]]:
    """Exit status and output of ``flori data``, and its document; both forms end alike, with no traceback."""
    answer, as_json = flori("data", *words), flori("data", *words, "--json")
    assert answer.exit_code == as_json.exit_code, as_json.output
    assert "Traceback" not in answer.output + as_json.output

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return answer.exit_code, answer.stdout, json.loads(as_json.stdout, parse_constant=refuse)


def test_every_bad_picture_is_listed() -> None:
    photos = classes(Path("photos"))
    bad = {f"photos/cat/bad{i}.png": b"" for i in range(25)}
    for place, content in {**bad, "photos/dog/x.png": encoded(size=(9, 9))}.items():
        put(Path(place), content)
    (photos / "eel").mkdir()
    status, said, document = looked_at("photos")
    assert status == 2
    assert len(document["faults"]) == 27 and "27 faults" in said
    for place in (*bad, "photos/dog/x.png", "photos/eel"):
        assert place in said
    assert document["examples"] == {"train": 10}


def test_every_bad_row_is_listed() -> None:
    put(Path("rows.csv"), GOOD_ROWS + "1\n1,two,a\n1,inf,a\n,1,a\n")
    status, said, document = looked_at("rows.csv", "target=y")
    assert status == 2 and len(document["faults"]) == 4
    assert all(f"rows.csv, line {line}:" in said for line in (22, 23, 24, 25))
    assert document["examples"] == {"train": 20}
    assert looked_at("rows.csv")[0] == 2


BAD: dict[str, tuple[str, str | bytes, str]] = {
    "empty": ("rows.csv", "", "rows.csv is empty"),
    "no good row": ("rows.csv", "y,x\n1\n2\n", "rows.csv, line 3"),
    "not Parquet": ("rows.parquet", "y,x\n1,2\n", "rows.parquet is not a Parquet file"),
    "of unknown type": ("rows.xyz", "y,x\n1,2\n", "rows.xyz: cannot tell what it is"),
    "zero bytes": ("rows.csv", "y,x\n1,\0\n", "rows.csv, line 2"),
    "all of one column infinite": ("rows.csv", "y,x\n1,inf\n2,inf\n", "rows.csv, line 3"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_said_to_be_bad(name: str) -> None:
    file, content, says = BAD[name]
    put(Path(file), content)
    status, said, document = looked_at(file)
    assert status == 2 and says in said
    assert any(says in fault for fault in document["faults"])


@pytest.mark.parametrize("source", ["nowhere", "digist", "~nobody-of-this-name/photos"])
def test_what_is_not_there(source: str) -> None:
    status, said, _ = looked_at(source)
    assert status == 2 and f"data={source}: no such file or folder" in said


def test_why_one_class_is_left_is_listed() -> None:
    put(classes(Path("photos"), ("cat",)) / "dog/1.png", b"")
    status, said, _ = looked_at("photos")
    assert status == 2 and "photos/dog/1.png: is empty" in said and "one class (cat)" in said


def test_good_sets_are_good() -> None:
    classes(Path("photos"))
    idx_set(Path("idx"))
    put(Path("rows.csv"), GOOD_ROWS)
    for words in (("photos",), ("idx",), ("rows.csv",), ("rows.csv", "target=y"), ("digits",), ("diabetes",)):
        status, said, document = looked_at(*words)
        assert status == 0 and document["faults"] == [] and "nothing is wrong" in said


def test_pictures_of_a_table_and_into_a_file_are_refused() -> None:
    put(Path("rows.csv"), GOOD_ROWS)
    assert_refused(flori("data", "rows.csv", "--pictures", "out"), "--pictures: rows.csv is a table")
    assert_refused(flori("data", "digits", "--pictures", "rows.csv"), "--pictures: rows.csv is not a folder")


def test_a_folder_that_may_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    classes(Path("photos"))

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    status, said, _ = looked_at("photos")
    assert status == 2 and "photos cannot be read: Permission denied" in said
