"""Reports look into a network, and stay readable with a thousand classes; flori show says what a network costs."""

from __future__ import annotations

import json
import re

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

import flori
from flori.artifacts.predictor import Predictor
from flori.artifacts.report import write_report
from flori.data.examples import Part
from flori.data.preparation import PicturePreparation
from flori.data.preparing import ExampleCodec
from flori.evaluation import classification, inside, mosaics, plots
from flori.evaluation.judged import Judged
from flori.layers.stem import explained
from tests.bad_input.asking import flori as command


def test_filters_are_divided_by_their_largest_weight():
    grey = nn.Conv2d(1, 2, (1, 3), bias=False)
    grey.weight.data = torch.tensor([[[[0.0, 1.0, -2.0]]], [[[0.3, 0.3, 0.15]]]])
    wanted = torch.tensor([[[[128, 191, 0]]], [[[255, 255, 191]]]], dtype=torch.uint8)
    assert torch.equal(inside.filters(grey, 64), wanted)
    assert inside.filters(nn.Conv2d(3, 11, 5), 7).shape == (7, 3, 5, 5)
    assert inside.filters(nn.Conv2d(2, 5, 3), 64).shape == (10, 1, 3, 3)


def test_feature_maps_are_what_the_layers_put_out():
    torch.manual_seed(0)
    first, second = nn.Conv2d(3, 11, 3, padding=1), nn.Conv2d(11, 5, 3, padding=1)
    tail = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 2))
    net = nn.Sequential(first, nn.ReLU(inplace=True), nn.MaxPool2d(2), second, nn.ReLU(inplace=True), tail)
    x = torch.randn(2, 3, 14, 22)
    found = inside.feature_maps(net, x)
    assert [(maps.layer, maps.shape) for maps in found] == [
        ("0", (11, 14, 22)),
        ("1", (11, 14, 22)),
        ("4", (5, 7, 11)),
    ]
    convolved = F.conv2d(x, first.weight, first.bias, padding=1).detach()
    widest = convolved.flatten(2).var(2).mean(0).argsort(descending=True)[:8].sort().values
    torch.testing.assert_close(found[0].channels, convolved[:, widest])
    pooled = F.max_pool2d(convolved.relu(), 2)
    torch.testing.assert_close(found[2].channels, F.conv2d(pooled, second.weight, second.bias, padding=1).relu())
    assert inside.feature_maps(net, x)[0].channels.equal(found[0].channels), "hooks were left behind"


def test_a_single_step_is_seen_in_the_curves():
    """As of ngram, which counts once: a line through one point would be no line."""
    lines = [{"step": 1, "split": split, "loss": 2.0, "perplexity": 7.4} for split in ("train", "test")]
    for panel in plots.curves(lines, "perplexity", 1).axes:
        assert all(line.get_marker() == "o" for line in panel.lines) and panel.lines
    two = [{"step": step, "split": "train", "loss": 2.0} for step in (1, 2)]
    assert plots.curves(two, "loss", 1).axes[0].lines[0].get_marker() in ("", "None")


def test_few_errors_are_counted_in_few_bins():
    """Fifteen errors in forty bins were fifteen bars of one: nothing could be read from them."""
    errors = torch.linspace(-1, 1, 15)
    figure = plots.scatter(errors, torch.zeros(15), "y")
    counted = [bar.get_height() for bar in figure.axes[1].patches]
    assert counted == [3] * 5


def test_of_many_resolutions_the_first_and_the_last_are_shown():
    net = nn.Sequential(*[nn.Conv2d(1, 1, 3, stride=2, padding=1) for _ in range(7)])
    found = inside.feature_maps(net, torch.randn(1, 1, 131, 131))
    assert [maps.shape[1] for maps in found] == [66, 9, 5, 3, 2]


def test_a_stage_is_shown_rather_than_a_layer_within_the_next():
    stages = [nn.Sequential(nn.Conv2d(c, c, 1), nn.Conv2d(c, c + 2, 3, stride=2, padding=1)) for c in (3, 5)]
    found = inside.feature_maps(nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), *stages), torch.randn(1, 3, 14, 22))
    assert [maps.layer for maps in found] == ["0", "1", "2"]


def test_pictures_are_enlarged_by_whole_factors():
    one = torch.tensor([[[[0, 9, 200]]]], dtype=torch.uint8)
    large = mosaics.enlarged(one, 7)
    assert large.shape == (1, 3, 2, 6)
    assert large[0, 1].tolist() == [[0, 0, 9, 9, 200, 200]] * 2
    assert mosaics.enlarged(torch.full((2, 1, 202, 101), 7, dtype=torch.uint8), 50).shape == (2, 3, 50, 25)


def test_the_report_of_a_convolutional_network_looks_inside(tmp_path):
    flori.train("lenet", run="run", steps=2)
    page = (tmp_path / "run/report.html").read_text()
    for name in ("filters.png", "features.png"):
        assert f'<img src="{name}"' in page
        with Image.open(tmp_path / "run" / name) as picture:
            assert len(picture.convert("L").getcolors(256)) > 20, f"{name} is empty"


def report_of(folder, classes):
    """A report on generated answers: right for the most part, and now and then off by one class."""
    draw = torch.Generator().manual_seed(0)
    targets = torch.arange(3 * classes) % classes
    logits = 5.0 * F.one_hot((targets + (torch.rand(len(targets), generator=draw) < 0.2)) % classes, classes)
    inputs = torch.randint(0, 256, (len(targets), 3, 13, 17), generator=draw, dtype=torch.uint8)
    codec = ExampleCodec(
        "classification", PicturePreparation((13, 17), (0.5,) * 3, (0.25,) * 3), [*map(_name, range(classes))]
    )
    part = Part(inputs, targets, [f"{i}.png" for i in range(len(targets))])
    model = flori.models.lenet(classes, (3, 13, 17))
    words = {"system": "lenet", "data": "x", "device": "cpu", "precision": "float32", "status": "done", "version": "0"}
    numbers = {"parameters": 1, "epochs": 1, "steps": 1, "seconds": 1.0, "examples_per_second": 1.0}
    summary = {**words, **numbers, "scores": {}}
    predictor = Predictor("lenet", codec, model, torch.device("cpu"), "float32")
    write_report(folder, summary, {"lr": 1}, [], 1, ("test", part, Judged({}, {}, logits)), predictor)
    return (folder / "report.html").read_text()


def _name(number):
    return f"${number}^$ a kind of bird with a long name"


def test_a_report_on_many_classes_folds_and_lists(tmp_path):
    page = report_of(tmp_path, 211)
    assert "<summary>161 more</summary>" in page and "Most often confused" in page
    assert "among 2×2 pairs" in page
    with Image.open(tmp_path / "confusion.png") as picture:
        assert max(picture.size) < 1000
    f1 = [float(value) for value in re.findall(r"(\d\.\d{4})</td><td class=\"number\">3</td>", page)]
    assert len(f1) == 211 and f1 == sorted(f1)


def test_names_of_classes_are_no_formulas_and_are_cut(tmp_path):
    page = report_of(tmp_path, 23)
    assert "<details>" not in page and "Most often confused" in page
    assert plots.shortened(_name(1), 24) == "$1^$ a kind of bird wit…"


def test_the_commonest_confusions():
    counts = torch.tensor([[90, 2, 0], [5, 80, 1], [0, 5, 70]])
    assert classification.confused(counts, 3) == [(1, 0, 5), (2, 1, 5), (0, 1, 2)]
    assert classification.confused(torch.eye(3, dtype=torch.int64), 3) == []


@pytest.mark.parametrize(
    ("stem", "shape", "says"),
    [
        ("auto", (3, 32, 32), ("small", "as pictures of 32×32 are below 64 pixels")),
        ("auto", (3, 64, 224), ("large", "as pictures of 224×64 are not below 64 pixels")),
        ("small", (3, 224, 224), ("small", "as model.stem says")),
    ],
)
def test_the_choice_of_the_stem_is_explained(stem, shape, says):
    assert explained(stem, shape) == says


def test_show_adds_up_what_a_network_costs():
    shown = json.loads(command("show", "lenet", "--json").stdout)
    model = flori.models.lenet()
    assert shown["parameters"] == sum(p.numel() for p in model.parameters()) == 61706
    assert shown["bytes"] == 4 * 61706
    assert shown["multiply_adds"] == 28 * 28 * 6 * 25 + 10 * 10 * 16 * 6 * 25 + 400 * 120 + 120 * 84 + 84 * 10
    assert "ReLU" in {layer["kind"] for layer in shown["layers"]}
    said = command("show", "lenet").stdout
    assert "ReLU" not in said and "\n         3    Conv2d     16×10×10" in said and "weights: 0.25 MB" in said


def test_show_says_which_stem_was_chosen():
    shown = json.loads(command("show", "resnet18", "data=digits", "--json").stdout)
    assert shown["stem"] == {"chosen": "small", "why": "as pictures of 8×8 are below 64 pixels"}
    said = command("show", "resnet18", "data=digits", "model.stem=large").stdout
    assert "stem: large, as model.stem says" in said and "BatchNorm2d" in said
