"""What may be searched, and every fault of it at once, before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from flori.core.errors import UserError
from flori.recipes.catalogue import find
from flori.tuning.spaces import Space, combinations, default, grid, read
from tests.bad_input.asking import assert_refused, flori


def test_every_kind_of_space():
    words = ["training.lr=log:1e-4:1", "batch=32,64,128", "model.dropout=0:0.5", "epochs=3", "model.hidden=64|256,128"]
    fixed, spaces = read(find("mlp"), words)
    assert fixed == ["epochs=3"]
    assert spaces == [
        Space("lr", low=1e-4, high=1.0, log=True),
        Space("batch", choices=("32", "64", "128")),
        Space("model.dropout", low=0.0, high=0.5),
        Space("model.hidden", choices=("64", "256,128")),
    ]


@pytest.mark.parametrize(
    ("word", "points"),
    [
        ("batch=log:1:256", [1, 4, 16, 64, 256]),
        ("batch=7:10", [7, 8, 9, 10]),
        ("training.momentum=0:0.8", [0.0, 0.2, 0.4, 0.6, 0.8]),
        ("lr=log:1e-3:10", [1e-3, 1e-2, 1e-1, 1.0, 10.0]),
    ],
)
def test_points_of_a_grid(word, points):
    (space,) = read(find("lenet"), [word])[1]
    assert space.points() == pytest.approx(points, rel=1e-12)


def test_a_grid_is_every_combination():
    spaces = read(find("lenet"), ["batch=16,32", "data.shift=0:2"])[1]
    cells = grid(spaces)
    assert len(cells) == combinations(spaces) == 6
    assert {(cell["batch"], cell["data.shift"]) for cell in cells} == {(b, s) for b in ("16", "32") for s in (0, 1, 2)}


def test_the_recipe_s_own_value_in_a_space():
    for word, held in [("batch=32,512", "512"), ("batch=32,64", None), ("lr=0:1", 0.018), ("lr=log:0.1:1", None)]:
        (space,) = read(find("lenet"), [word])[1]
        assert default(find("lenet"), space) == held, word


def test_values_in_a_command_are_short_and_within_the_range():
    assert Space("lr", low=0.1, high=1.0).text(0.123456) == "0.1235"
    assert Space("lr", low=0.12343, high=1.0).text(0.12344) == "0.12344"  # 0.1234 would lie below
    assert Space("lr", low=0.0, high=0.12348).text(0.12347) == "0.12347"  # 0.1235 above


def test_a_range_of_widths_is_refused_with_what_to_write():
    with pytest.raises(UserError, match=r"^model.hidden=8:64: .* no range; list them, as in model.hidden=8\|64\|64,32"):
        read(find("mlp"), ["model.hidden=8:64"])


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("lrr=0:1", "unknown key 'lrr'; did you mean 'lr'?"),
        ("lr=log:0:1", "must begin above 0"),
        ("lr=1:0.1", "the range is empty"),
        ("lr=0.1:0.1", "one value only"),
        ("lr=-1:1", "lr=-1: must be at least 0"),
        ("lr=1:2:3", "a range is LOW:HIGH"),
        ("lr=1:two", "lr=two: must be a number"),
        ("lr=nan:1", "must be a finite number"),
        ("lr=:1", "a value is missing"),
        ("batch=1:2.5", "batch=2.5: must be a whole number"),
        ("batch=64,64.0", "64.0 is there twice"),
        ("batch=64,", "a value is missing"),
        ("optimizer=sgd,adm", "did you mean 'adam'?"),
        ("training.momentum=0:1", "must be at most 0.9999"),
        ("seed=1,2,3", "not to be searched"),
        ("data.test=0.1:0.5", "not to be searched"),
        ("training.clip=none:3", "between two numbers"),
        ("momentum", "not of the form"),
        ("batch=64", "nothing to search"),
    ],
)
def test_faults_are_named(word, says):
    with pytest.raises(UserError) as caught:
        read(find("lenet"), [word])
    assert says in str(caught.value)


def test_all_faults_at_once():
    with pytest.raises(UserError, match=r"^3 faults") as caught:
        read(find("lenet"), ["lrr=1:2", "batch=2:1", "epochs=1:9", "steps=5"])
    for word in ("'lrr'", "batch=2:1", "epochs and steps are both given"):
        assert word in str(caught.value)


def test_tokens_are_not_searched_where_losses_are_per_token():
    with pytest.raises(UserError, match="other tokens"):
        read(find("lstm"), ["data.window=16,32"])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["lr=2:1", "btch=32,64"], ["2 faults", "'btch'", "lr=2:1"]),
        (["lr=0:1", "--sampler", "tree"], ["--sampler tree", "tpe, random, grid"]),
        (["lr=0:1", "--pruner", "mean"], ["--pruner mean", "median"]),
        (["lr=0:1", "--score", "bleu"], ["--score bleu", "accuracy"]),
        (["lr=0:1", "data=nowhere"], ["nowhere"]),
        (["lr=0:1", "--storage", "here"], ["--storage", "postgresql+psycopg://"]),
        (["lr=0:1", "--storage", "sqlite://"], ["ends with its process"]),
        (["lr=0:1", "--storage", "postgresql://me:secret@127.0.0.1:1/x"], ["me:***@127.0.0.1:1", "cannot be reached"]),
        (["lr=0:1", "--storage", "nosuch://a/b"], ["no driver"]),
    ],
)
def test_refusals_leave_nothing_behind(words, says):
    answer = flori("tune", "softmax-regression", *words, "--run", "tuned", "--quiet")
    assert_refused(answer, *says)
    assert "secret" not in answer.output
    assert not list(Path.cwd().iterdir())
