"""What comes out for pictures: answers as CSV and JSON, test-time flip, scores by class, remarks on changes."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest
import torch
from PIL import Image

import flori
from tests.bad_input.asking import assert_refused
from tests.bad_input.asking import flori as command
from tests.bad_input.making import GOOD_ROWS, classes, picture

ONE_STEP = {"steps": 1, "precision": "float32", "device": "cpu"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Barely trained networks: `grey` for ten digits of 28×28, `colour` for two classes, `table` for numbers."""
    home = tmp_path_factory.mktemp("runs")
    (home / "rows.csv").write_text(GOOD_ROWS)
    flori.train("lenet", run=home / "grey", steps=20, precision="float32", device="cpu")
    flori.train("lenet", run=home / "colour", data=str(classes(home / "photos")), **ONE_STEP)
    flori.train("mlp", run=home / "table", data=str(home / "rows.csv"), target="kind", **ONE_STEP)
    return home


@pytest.fixture
def pictures():
    """Seven grey pictures of 28×28, and the same mirrored."""
    for name in ("photos", "mirrored"):
        Path(name).mkdir()
    for i in range(7):
        one = picture("L", (28, 28), seed=i)
        one.save(f"photos/{i}.png")
        one.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(f"mirrored/{i}.png")
    return "photos"


def answer(*words):
    """What a command prints as JSON."""
    result = command(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def rows_of(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_of_predictions_says_what_the_document_says(runs, pictures):
    predictions = answer("predict", str(runs / "grey"), pictures, "--out", "answers")["predictions"]
    rows = rows_of("answers/predictions.csv")
    assert [*rows[0]][:5] == ["input", "label", "probability", "label2", "probability2"] and len(rows[0]) == 11
    for row, one in zip(rows, predictions, strict=True):
        assert (row["input"], row["label"], float(row["probability"])) == (one["input"], *one["top"][0])
        assert [[row[f"label{i}"], float(row[f"probability{i}"])] for i in range(2, 6)] == one["top"][1:]


def test_of_two_classes_the_table_has_two(runs):
    command("predict", str(runs / "colour"), str(runs / "photos"), "--out", "answers")
    rows = rows_of("answers/predictions.csv")
    assert [*rows[0]] == ["input", "label", "probability", "label2", "probability2"]
    assert all(float(row["probability"]) + float(row["probability2"]) == pytest.approx(1) for row in rows)


def chances(run, path):
    """The probability of every class for a picture of 28×28: exp(o)/Σ exp(o) of the network's outputs o."""
    predictor = run.predictor()
    with Image.open(path) as opened:
        image = torch.tensor([*opened.tobytes()], dtype=torch.uint8).view(1, 1, 28, 28)
    logits = predictor.model(predictor.codec.preparation.apply(image)).detach().double()[0]
    return logits.exp() / logits.exp().sum()


def test_flip_is_the_mean_of_two_softmaxes(runs, pictures):
    run = flori.load(runs / "grey")
    found = answer("predict", str(runs / "grey"), pictures, "--flip")["predictions"]
    for i, one in enumerate(found):
        plain, mirrored = chances(run, f"photos/{i}.png"), chances(run, f"mirrored/{i}.png")
        wanted = {label: float(plain[int(label)] + mirrored[int(label)]) / 2 for label, _ in one["top"]}
        assert dict(one["top"]) == pytest.approx(wanted, rel=1e-4)
        assert abs(plain - mirrored).max() > 1e-3, "the test cannot tell"


def test_the_best_with_flip_is_the_best_of_the_mean(runs, pictures):
    run = flori.load(runs / "grey")
    for i, one in enumerate(run.predict(pictures, flip=True)):
        mean = chances(run, f"photos/{i}.png") + chances(run, f"mirrored/{i}.png")
        assert one["label"] == str(int(mean.argmax()))


def test_evaluating_with_flip_scores_the_mean_of_probabilities(runs, pictures):
    for i in range(7):
        Path(f"judged/{i}").mkdir(parents=True)
        Path(f"photos/{i}.png").rename(f"judged/{i}/0.png")
    found = answer("evaluate", str(runs / "grey"), "data=judged", "--flip")
    run = flori.load(runs / "grey")
    both = [chances(run, f"judged/{i}/0.png")[i] + chances(run, f"mirrored/{i}.png")[i] for i in range(7)]
    assert found["scores"]["loss"] == pytest.approx(-sum(math.log(p / 2) for p in both) / 7, rel=1e-4)
    assert found["flip"] is True and found["examples"] == 7
    assert run.evaluate("judged", flip=True)["scores"] == found["scores"]


@pytest.mark.parametrize("words", [("predict", "rows.csv"), ("evaluate",)])
def test_flip_is_for_pictures(runs, words):
    Path("rows.csv").write_text(GOOD_ROWS)
    verb, *others = words
    assert_refused(command(verb, str(runs / "table"), *others, "--flip"), "flip", "takes none")


def test_changed_pictures_are_told_once_with_their_number(runs, pictures):
    quiet = command("predict", str(runs / "grey"), pictures, "--json")
    assert quiet.stderr == ""
    picture("RGB", (28, 28)).save("photos/colour.png")
    picture("RGB", (41, 37)).save("photos/large.png")
    said = command("predict", str(runs / "grey"), pictures, "--json")
    assert len(json.loads(said.stdout)["predictions"]) == 9
    assert said.stderr.splitlines() == [
        "1 picture was resized to 28×28 pixels, as the network takes them",
        "2 pictures were converted to grey, as the network takes them",
    ]


def test_scores_by_class_add_up_to_the_scores(runs):
    found = answer("evaluate", str(runs / "grey"))
    assert found["scores"] == flori.load(runs / "grey").summary["scores"]["test"]
    labels, counts = found["confusion"]["labels"], found["confusion"]["counts"]
    assert labels == [*found["per_class"]] == [str(i) for i in range(10)]
    assert [sum(row) for row in counts] == [one["examples"] for one in found["per_class"].values()]
    assert sum(counts[i][i] for i in range(10)) / found["examples"] == found["scores"]["accuracy"]
    assert sum(one["f1"] for one in found["per_class"].values()) / 10 == pytest.approx(found["scores"]["f1"])


def test_the_matrix_is_printed_for_few_classes_and_a_list_for_many(runs, capsys):
    from flori.cli.classes import print_classes

    said = command("evaluate", str(runs / "grey")).stdout
    assert "precision  recall" in said and "rows: the truth; columns: the answers" in said
    names = [f"n{i}" for i in range(61)]
    counts = [[int(i == j) + 7 * (i == 3 and j == 5) for j in range(61)] for i in range(61)]
    scores = {n: {"precision": 1.0, "recall": 1.0, "f1": 0.5 + i / 200, "examples": 1} for i, n in enumerate(names)}
    print_classes(scores, {"labels": names, "counts": counts})
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[-1] == ["n3", "n5", "7"] and ["n49", "1.0000", "1.0000", "0.7450", "1"] in lines
    assert not any(line[:1] == ["n50"] for line in lines)
