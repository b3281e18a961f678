"""Settings that are wrong: each is named, with the nearest right key, before anything is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bad_input.asking import assert_refused, flori, refused, trains
from tests.bad_input.making import GOOD_ROWS, SIDE, classes, put

FAULTS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "unknown key": ("mlp", ("epoch=3",), ("unknown key 'epoch'", "did you mean 'epochs'?", "flori show mlp")),
    "unknown dotted key": ("mlp", ("model.hiden=3",), ("'model.hiden'", "did you mean 'model.hidden'?")),
    "key without its section": (
        "mlp",
        ("momentum=0.5",),
        ("'momentum'", "did you mean 'training.momentum'?"),
    ),
    "key of another system": (
        "lenet",
        ("model.hidden=3",),
        ("unknown key 'model.hidden'", "flori show lenet"),
    ),
    "no key": ("mlp", ("=3",), ("unknown key ''",)),
    "text for a whole number": ("mlp", ("epochs=ten",), ("epochs=ten: must be a whole number",)),
    "half an epoch": ("mlp", ("epochs=1.5",), ("epochs=1.5: must be a whole number",)),
    "no value": ("mlp", ("batch=",), ("batch=: must be a whole number",)),
    "infinitely many epochs": ("mlp", ("epochs=inf",), ("epochs=inf: must be a whole number",)),
    "text for a number": ("mlp", ("lr=fast",), ("lr=fast: must be a number",)),
    "a rate that is no number": ("mlp", ("lr=nan",), ("lr=nan: must be a finite number",)),
    "neither true nor false": ("mlp", ("data.flip=maybe",), ("data.flip=maybe: must be true or false",)),
    "a bad width among good": (
        "mlp",
        ("model.hidden=8,x,8",),
        ("model.hidden=8,x,8: must be a whole number",),
    ),
    "too small": ("mlp", ("batch=0",), ("batch=0: must be at least 1",)),
    "too large": ("mlp", ("model.dropout=1.5",), ("model.dropout=1.5: must be at most 0.99",)),
    "negative": ("mlp", ("lr=-1",), ("lr=-1: must be at least 0",)),
    "seed too large": ("mlp", (f"seed={2**63}",), (f"seed={2**63}: must be at most",)),
    "a width too small": ("mlp", ("model.hidden=8,0",), ("model.hidden=8,0: must be at least 1",)),
    "unknown choice": (
        "mlp",
        ("optimizer=adan",),
        ("optimizer=adan: must be one of sgd", "did you mean 'adam'?"),
    ),
    "unknown choice of the model": (
        "lenet",
        ("model.pool=mean",),
        ("model.pool=mean: must be one of max, average",),
    ),
    "given twice": ("mlp", ("lr=1", "lr=2"), ("lr is given twice",)),
    "given in short and in full": ("mlp", ("lr=1", "training.lr=2"), ("training.lr is given twice",)),
    "no equals sign": ("mlp", ("epochs", "3"), ("'epochs' is not of the form key=value", "'3' is not")),
    "unknown system": ("lennet", (), ("no system is called 'lennet'", "did you mean 'lenet'?")),
    "unknown task": ("mlp", ("task=clustering",), ("task=clustering: must be one of",)),
    "task of another system": ("lenet", ("task=regression",), ("task=regression", "classification only")),
    "closed form of LeNet": (
        "lenet",
        ("optimizer=closed-form",),
        ("optimizer=closed-form", "linear-regression only"),
    ),
    "closed form of a perceptron": (
        "mlp",
        ("data=rows.csv", "target=y", "optimizer=closed-form"),
        ("closed-form", "mlp"),
    ),
    "pictures for a regression": ("linear-regression", ("data=photos",), ("photos holds pictures by class",)),
    "digits for a regression": ("linear-regression", ("data=digits",), ("digits holds pictures by class",)),
    "a table for LeNet": (
        "lenet",
        ("data=rows.csv", "target=kind"),
        ("rows.csv", "does not suit lenet", "12×12"),
    ),
    "pictures too small": (
        "lenet",
        ("data=photos", "data.size=8"),
        ("photos", "does not suit lenet", "12×12"),
    ),
    "pictures of no size": ("lenet", ("data=photos", "data.size=0"), ("data.size=0: must be at least 1",)),
    "two channels": (
        "lenet",
        ("data=photos", "data.channels=2"),
        ("data.channels=2: must be one of 1, 3, 4",),
    ),
    "data misspelt": ("lenet", ("data=digist",), ("data=digist", "did you mean 'digits'?")),
    "data without a name": ("lenet", ("data=",), ("data=: must not be empty",)),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_wrong_setting_is_named(name: str) -> None:
    system, words, says = FAULTS[name]
    classes(Path("photos"))
    put(Path("rows.csv"), GOOD_ROWS)
    refused(system, *words, says=says)


def test_all_wrong_settings_are_named_at_once() -> None:
    words = ("epoch=3", "lr=fast", "batch=0", "model.activation=rellu", "seed", "seed=1", "seed=2")
    says = (
        "6 faults in the settings",
        "'epoch'",
        "lr=fast",
        "batch=0",
        "'relu'",
        "'seed' is not",
        "seed is given twice",
    )
    refused("mlp", *words, says=says)


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_a_device_that_is_not_there(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    refused("mlp", f"device={device}", says=(f"device={device}", "device=auto"))


def test_a_run_folder_in_use() -> None:
    put(Path("run/notes.txt"), "mine")
    refused("mlp", "epochs=1", says=("run is in use already", "--run DIR"))
    put(Path("run/recipe.json"), "{}")
    refused("mlp", "epochs=1", says=("run already holds a run", "flori resume run"))


def test_a_run_folder_that_is_a_file() -> None:
    put(Path("run"), "mine")
    refused("mlp", "epochs=1", says=("run is in use already",))
    refused("mlp", "epochs=1", says=("run/deep/below could not be written", "--run"), run="run/deep/below")


@pytest.mark.parametrize("verb", [("show", "lenet"), ("data", "digits"), ("evaluate", "run")])
def test_other_verbs_name_wrong_settings_too(verb: tuple[str, str]) -> None:
    says = ("run is not a run folder",) if verb[0] == "evaluate" else ("'epocs'",)
    assert_refused(flori(*verb, "epocs=3"), *says)


def test_a_refusal_as_json_is_one_document() -> None:
    answer = flori("train", "mlp", "epoch=3", "--json")
    assert answer.exit_code == 2
    assert "unknown key 'epoch'" in json.loads(answer.stdout)["error"]


def test_small_pictures_are_enlarged() -> None:
    """LeNet reads pictures at its own size unless told otherwise: 13×13 is no fault."""
    classes(Path("photos"))
    assert SIDE == 13 and flori("show", "lenet", "data=photos").exit_code == 0


def test_a_batch_of_more_than_there_is_takes_all() -> None:
    summary, _ = trains("linear-regression", f"batch={10**30}")
    assert summary["steps"] == 1
