"""One battery over every registered system: it shows, learns, saves, resumes bit for bit, predicts, refuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

import flori
from flori import models
from flori.cli.app import app
from flori.data.sources import read
from flori.recipes.catalogue import ALL, find
from tests.contract import texts

SYSTEMS = [recipe.system for recipe in ALL]
DEEP = ("vgg13", "vgg16", "vgg19", "resnet34", "resnet50", "resnet101", "resnet152", "inception-v3", "inception-v4")
"""Those that take long, and have a smaller one of their kind beside them: what trains several times is marked long."""
SHORT = {"steps": 60, "batch": 64}
NARROW = {"data": "digits", "data.flip": False, "data.shift": 1, "model.width": 0.25, "steps": 60, "batch": 64}
"""For networks made for photographs: the embedded digits, and few channels."""
SLOWER = {
    "alexnet": {"steps": 120, "lr": 0.003},
    "vgg11": {"data.size": 32, "lr": 0.001},
    "vgg13": {"data.size": 32, "lr": 0.002},
    "vgg16": {"data.size": 32, "steps": 120},
    "vgg19": {"data.size": 32, "steps": 150},
    "nin": {"steps": 120, "lr": 0.003},
    "inception-v3": {"steps": 100, "lr": 0.05},
    "inception-v4": {"steps": 140, "lr": 0.05},
    "resnet-cifar": {"model.width": 1},
    "nadaraya-watson": {"model.width": 0.3, "lr": 0.2},  # its own width is nearly right for these data as it begins
}
"""Those that 60 steps do not teach much, most of them on pictures of 8×8."""
SCORES = {
    "classification": {"loss", "accuracy", "f1"},
    "regression": {"loss", "rmse", "mae", "r2", "rmsle"},
    "language": {"loss", "perplexity"},
    "translation": {"loss", "perplexity", "bleu"},
    "tagging": {"loss", "accuracy", "f1", "precision", "recall"},
}
SMALL_TEXT = {
    **{system: {"model.width": 16, "model.hidden": 24, "lr": 0.01} for system in ("rnn", "gru", "lstm")},
    **{system: {"model.width": 16, "model.hidden": 24, "lr": 0.01} for system in ("seq2seq", "seq2seq-attention")},
    **{
        system: {"model.width": 16, "model.hidden": 24, "lr": 0.01} for system in ("bilstm-classifier", "bilstm-tagger")
    },
    "transformer": {"model.width": 32, "model.hidden": 48, "model.layers": 2, "lr": 0.003},
    "transformer-lm": {
        "model.width": 32,
        "model.hidden": 48,
        "model.layers": 2,
        "model.context": 32,
        "model.gram_rows": 997,
        "model.gram_width": 8,
    },
    "ngram": {"steps": 1},
    "lstm": {"model.width": 16, "model.hidden": 24, "lr": 0.02, "steps": 100},
}


@pytest.fixture(scope="module", autouse=True)
def small_texts(tmp_path_factory):
    """The generated texts, made once."""
    for kind in texts.SETTINGS:
        TEXTS[kind] = str(texts.written(kind, tmp_path_factory.mktemp("texts")))


TEXTS = {}


def kind(system):
    return type(find(system).data).__name__


def short(system):
    """Settings of a training that takes a few seconds."""
    if kind(system) in texts.SETTINGS:
        return {**texts.SETTINGS[kind(system)], "data": TEXTS[kind(system)], **SMALL_TEXT[system]}
    return {**(NARROW if find(system).data.source == "cifar10" else SHORT), **SLOWER.get(system, {})}


def normed(system):
    """Whether a network has batch norm, which sees the parts of a batch one by one."""
    if kind(system) in texts.SETTINGS:
        return False
    model = models.build(system, 1, (1, 28, 28), {"width": 0.1} if "width" in vars(find(system).model) else {})
    return any(isinstance(layer, torch.nn.BatchNorm2d) for layer in model.modules())


def often(systems):
    """The same, the deep ones marked long."""
    return [pytest.param(system, marks=pytest.mark.long) if system in DEEP else system for system in systems]


def invoke(*words: str, status: int = 0):
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.output
    return result


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A short run of each system on its default data, made once."""
    runs = {}

    def get(system):
        if system not in runs:
            folder = tmp_path_factory.mktemp(system) / "run"
            runs[system] = flori.train(system, run=folder, **short(system))
        return runs[system]

    return get


def table_or_pictures(run, folder):
    """A few inputs to predict, as files or texts."""
    if kind(run.recipe.system) in texts.INPUTS:
        return texts.INPUTS[kind(run.recipe.system)]
    raw = read(run.recipe.data)
    part = raw.parts["train"]
    if hasattr(part, "frame"):
        part.frame.head(5).to_csv(folder / "rows.csv", index=False)
        return [str(folder / "rows.csv")]
    from PIL import Image

    paths = [folder / f"{i}.png" for i in range(5)]
    for i, path in enumerate(paths):
        Image.fromarray(part.images[i].permute(1, 2, 0).squeeze(2).numpy()).save(path)
    return [str(path) for path in paths]


@pytest.mark.parametrize("system", SYSTEMS)
def test_shows_its_recipe_layers_and_equations(system):
    data = f"data={short(system).get('data', find(system).data.source)}"
    shown = json.loads(invoke("show", system, data, "--json").stdout)
    assert shown["system"] == system and (shown["parameters"] > 0 or system == "ngram")
    assert all(row["meaning"] for row in shown["settings"])
    assert system in invoke("show", system, data).stdout
    assert "\ndef " in invoke("show", system, "--equation").stdout


@pytest.mark.parametrize("system", [system for system in SYSTEMS if system != "ngram"])
def test_loss_falls(trained, system):
    lines = [line for line in trained(system).folder.metrics() if line["split"] == "train"]
    assert lines[-1]["loss"] < 0.8 * lines[0]["loss"]


@pytest.mark.parametrize("system", SYSTEMS)
def test_run_folder_keeps_its_contract(trained, system):
    run = trained(system)
    summary = run.summary
    assert summary["status"] == "done" and summary["system"] == system
    assert {*summary} >= {
        *("status", "system", "data", "steps", "epochs", "seconds", "examples_per_second"),
        *("parameters", "device", "precision", "scores", "version"),
    }
    assert {*summary["scores"]} <= {"valid", "test"}
    task = run.predictor().codec.task
    assert {*summary["scores"]["test"]} - {"top5"} == SCORES[task]
    for name in ("recipe.json", "metrics.jsonl", "report.html", "model/model.safetensors"):
        assert (run.path / name).is_file()
    for line in run.folder.metrics():
        assert {"step", "epoch", "split", "seconds", "loss"} <= {*line}
    recipe = run.folder.read("recipe.json")
    assert {*recipe} >= {"system", "recipe", "command", "seed", "versions"}
    assert len(list((run.path / "checkpoints").glob("step-????????"))) >= 1


@pytest.mark.parametrize("system", SYSTEMS)
def test_report_names_the_scores_and_its_pictures_exist(trained, system):
    run = trained(system)
    page = (run.path / "report.html").read_text()
    pictures = [piece.split('"')[0] for piece in page.split('<img src="')[1:]]
    assert "curves.png" in pictures and (len(pictures) >= 2 or kind(system) in ("Corpus", "Sentences", "Pairs"))
    assert all((run.path / picture).stat().st_size > 1000 for picture in pictures)


@pytest.mark.parametrize("system", SYSTEMS)
def test_evaluates_to_the_scores_of_the_summary(trained, system):
    run = trained(system)
    found = json.loads(invoke("evaluate", str(run.path), "--json").stdout)
    assert found["part"] == "test"
    assert found["scores"] == pytest.approx(run.summary["scores"]["test"], abs=1e-12)


@pytest.mark.parametrize("system", SYSTEMS)
def test_predicts_from_files_in_any_company(trained, system, tmp_path):
    run = trained(system)
    inputs = table_or_pictures(run, tmp_path)
    together = json.loads(invoke("predict", str(run.path), *inputs, "--json", "--out", "answers").stdout)
    assert together["system"] == system and len(together["predictions"]) == 5
    first = together["predictions"][0]
    if together["task"] == "classification":
        assert {*first} == {"input", "label", "probability", "top"} and len(first["top"]) in (2, 5)
        assert first["top"][0] == [first["label"], first["probability"]]
        alone = run.predict(inputs[0])[0]
        assert alone["probability"] == pytest.approx(first["probability"], abs=1e-2)
    elif kind(system) in ("Corpus", "Pairs"):
        assert {*first} == {"input", "text", "score"}
        assert run.predict(inputs[0])[0]["text"] == first["text"]
    elif kind(system) == "Sentences":
        assert {*first} == {"input", "spans"}
        assert all(p["input"][s["start"] : s["end"]] == s["text"] for p in together["predictions"] for s in p["spans"])
    else:
        assert {*first} == {"input", "value"}
    with open(tmp_path / "answers" / "predictions.csv", newline="") as file:
        assert len(list(csv.reader(file))) == 6


@pytest.mark.parametrize("system", often([system for system in SYSTEMS if system != "ngram"]))  # it takes one step
def test_stopped_and_resumed_equals_never_stopped(trained, system):
    settings = {**short(system), "training.checkpoint_seconds": 0}
    for report in flori.steps(system, run="stopped", **settings):
        if report.step == report.steps // 2:
            break
    assert json.loads(Path("stopped/summary.json").read_text())["status"] == "stopped"
    invoke("resume", "stopped", "--quiet")
    whole, resumed = trained(system), flori.load("stopped")
    a, b = (load_file(run.path / "model" / "model.safetensors") for run in (whole, resumed))
    assert a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
    assert resumed.summary["scores"] == whole.summary["scores"]
    losses = [[line["loss"] for line in run.folder.metrics()] for run in (whole, resumed)]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("system", often(SYSTEMS))
def test_same_seed_same_weights_other_seed_others(trained, system):
    again = flori.train(system, run="again", **short(system))
    other = flori.train(system, run="other", **short(system), seed=1)
    a, b, c = (load_file(run.path / "model" / "model.safetensors") for run in (trained(system), again, other))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert system == "ngram" or not all(torch.equal(a[name], c[name]) for name in a)


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_second_training_into_the_folder_is_refused(trained, system):
    result = invoke("train", system, "--run", str(trained(system).path), status=2)
    assert "already holds a run" in result.output and "flori resume" in result.output


@pytest.mark.parametrize("system", often([system for system in SYSTEMS if system != "ngram" and not normed(system)]))
def test_accumulation_changes_rounding_only(system):
    settings = {**short(system), "steps": 3, "precision": "float64", "batch": 61}
    if "dropout" in vars(find(system).model):
        settings["model.dropout"] = 0.0
    one = flori.train(system, run="one", **settings)
    parts = flori.train(system, run="parts", **settings, **{"training.accumulate": 3})
    a, b = (load_file(run.path / "model" / "model.safetensors") for run in (one, parts))
    assert all(torch.allclose(a[name], b[name], rtol=0, atol=1e-10) for name in a)


def test_showing_a_network_fetches_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("FLORI_DATA", str(tmp_path / "empty"))
    shown = json.loads(invoke("show", "resnet18", "--json").stdout)
    assert shown["parameters"] == 11_173_962 and shown["stem"]["chosen"] == "small"
    assert not (tmp_path / "empty").exists()
