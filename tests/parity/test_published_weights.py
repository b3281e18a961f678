"""Weights as they are published: dictionaries with the real names and shapes of torchvision's, read into ours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import safetensors.torch
import torch
import torchvision
from tests.bad_input.asking import flori

from flori import models
from flori.artifacts.weights import IMAGENET, STANDARDISED, read_weights
from flori.training.transfer import transfer

PUBLISHED: dict[str, tuple[str, dict[str, str]]] = {
    "alexnet": ("classifier.6", {"version": "2014"}),
    "vgg19": ("classifier.6", {}),
    "resnet18": ("fc", {}),
    "resnet50": ("fc", {}),
}
"""The last layer of each network, and what makes ours torchvision's."""
TEN = [f"class {i}" for i in range(10)]


def published(name: str) -> dict[str, torch.Tensor]:
    """torchvision's own names and shapes, and the numbers of each tensor all the same: a file of half a gigabyte is
    small."""
    with torch.device("meta"):
        shapes = torchvision.models.get_model(name).state_dict()
    return {name: torch.tensor(1, dtype=t.dtype).expand(t.shape) for name, t in shapes.items()}


@pytest.fixture
def resnet() -> dict[str, torch.Tensor]:
    """A small dictionary by torchvision's constructor of resnet18, with random numbers everywhere."""
    torch.manual_seed(0)
    drawn = torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [2, 2, 2, 2]).state_dict()
    return {name: torch.rand(t.shape) if t.is_floating_point() else t for name, t in drawn.items()}


@pytest.mark.parametrize("name", PUBLISHED)
def test_all_but_the_head_is_loaded(name):
    (head, options), theirs = PUBLISHED[name], published(name)
    torch.save(theirs, "weights.pth")
    with torch.device("meta"):
        model = models.BUILDERS[name](10, **options)
    weights = read_weights("weights.pth", name)
    taken = transfer(model, weights.tensors, weights.labels, TEN, "weights.pth")
    assert list(taken.left) == [f"{head}.weight", f"{head}.bias"] and not taken.partly and not taken.unused
    assert {*taken.loaded, *taken.left} == {*theirs}


@pytest.mark.parametrize("ending", [".pth", ".pt", ".bin", ".safetensors"])
def test_every_kind_of_file_gives_the_same(ending, resnet):
    path = Path(f"resnet18{ending}")
    if ending == ".safetensors":
        safetensors.torch.save_file(resnet, path)
    else:
        torch.save(resnet, path)
    read = read_weights(str(path), "resnet18").tensors
    assert read.keys() == resnet.keys() and all(torch.equal(read[name], t) for name, t in resnet.items())


@pytest.mark.parametrize("wrap", ["state_dict", "model", "model_state_dict"])
@pytest.mark.parametrize("prefix", ["", "module.", "model.", "_orig_mod.module."])
def test_wrapped_dictionaries_are_unwrapped(wrap, prefix):
    inner = {"fc.weight": torch.randn(5, 3), "fc.bias": torch.randn(5)}
    torch.save({"epoch": 7, wrap: {prefix + name: t for name, t in inner.items()}}, "weights.pth")
    read = read_weights("weights.pth", "resnet18").tensors
    assert read.keys() == inner.keys() and all(torch.equal(read[name], t) for name, t in inner.items())


def test_imagenets_classes_are_known_by_name(resnet):
    """Rows 1, 207 and 817 of ImageNet's 1,000 (Russakovsky et al. 2015), as its list of classes has them."""
    torch.save(resnet, "resnet18.pth")
    weights, model = read_weights("resnet18.pth", "resnet18"), models.resnet18(5)
    taken = transfer(
        model, weights.tensors, weights.labels, ["sports car", "a", "goldfish", "golden retriever", "b"], ""
    )
    assert taken.classes == ["sports car", "goldfish", "golden retriever"]
    for ours, theirs in ((0, 817), (2, 1), (3, 207)):
        assert torch.equal(model.fc.weight[ours], resnet["fc.weight"][theirs])
        assert model.fc.bias[ours] == resnet["fc.bias"][theirs]
    assert not model.fc.weight[[1, 4]].any()  # as they began


def test_a_picture_of_one_channel_sees_what_it_would_in_three(resnet):
    """Grey as three equal channels, and the colour network's weights summed: the same convolution."""
    model = models.resnet18(5, (1, 71, 73))
    taken = transfer(model, resnet, [], TEN[:5], "")
    theirs = torch.nn.Conv2d(3, 64, 7, 2, 3, bias=False)
    theirs.load_state_dict({"weight": resnet["conv1.weight"]})
    grey = torch.randn(2, 1, 71, 73)
    assert torch.allclose(model.conv1(grey), theirs(grey.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-4)
    assert "grey" in taken.partly["conv1.weight"] and "grey" in "\n".join(taken.lines())


def test_a_network_of_grey_pictures_sees_the_same_in_colour():
    grey, colour = models.lenet(5, (1, 13, 17)), models.lenet(5, (3, 13, 17))
    taken = transfer(colour, grey.state_dict(), [], TEN[:5], "")
    x = torch.randn(2, 1, 13, 17)
    assert torch.allclose(grey.features(x), colour.features(x.expand(-1, 3, -1, -1)), atol=1e-6)
    assert [*taken.partly] == ["features.0.weight"]


def test_a_layer_of_another_shape_is_left_whole(resnet):
    """The small stem has a 3×3 convolution for torchvision's 7×7."""
    model = models.resnet18(5, (3, 32, 32))
    before = model.conv1.weight.clone()
    taken = transfer(model, resnet, [], TEN[:5], "")
    assert taken.left["conv1.weight"] == "64×3×7×7 there, 64×3×3×3 here"
    assert torch.equal(model.conv1.weight, before) and torch.equal(model.bn1.weight, resnet["bn1.weight"])
    lenet = models.lenet(5).state_dict() | {"features.3.weight": torch.randn(16, 6, 3, 3)}
    assert [*transfer(models.lenet(5), lenet, [], TEN[:5], "").left][:2] == ["features.3.weight", "features.3.bias"]


def test_the_partial_vgg19_is_loaded_as_far_as_it_goes(real_data):
    path = real_data / "vgg19-partial" / "vgg19_features_0_16_torchvision_preproc.pth"
    weights, model = read_weights(str(path), "vgg19"), models.vgg19(10, (3, 32, 32), hidden=17)
    taken = transfer(model, weights.tensors, weights.labels, TEN, "vgg19")
    assert len(taken.loaded) == 16 and not taken.partly and not taken.unused
    assert taken.loaded == [f"features.{i}.{kind}" for i in (0, 2, 5, 7, 10, 12, 14, 16) for kind in ("weight", "bias")]
    assert len(taken.left) == 38 - 16 and set(taken.left.values()) == {"not there"}
    ours = torchvision.models.vgg19(init_weights=False).features[:17]
    ours.load_state_dict({name.removeprefix("features."): t for name, t in weights.tensors.items()})
    x = torch.randn(2, 3, 11, 13)
    assert torch.equal(model.features[:17](x), ours(x))


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_inceptions_weights_want_values_around_a_half(name):
    """torchvision's networks rescale pictures that are standardised as ImageNet's; ours get them so from the start."""
    network = torchvision.models.get_model(name, init_weights=False, transform_input=True)
    pixels = torch.rand(2, 3, 7, 11)
    (mean, std), (half, deviation) = (
        (torch.tensor(m).view(3, 1, 1), torch.tensor(s).view(3, 1, 1))
        for m, s in (IMAGENET, STANDARDISED[name.replace("_", "-")])
    )
    assert torch.allclose(network._transform_input((pixels - mean) / std), (pixels - half) / deviation, atol=1e-6)


def test_training_begins_from_a_file(resnet):
    """On the command line: what was loaded and left is said and kept, and pictures are standardised as ImageNet's."""
    safetensors.torch.save_file(resnet, "resnet18.safetensors")
    words = ("init=resnet18.safetensors", "freeze=backbone", "data=digits", "model.stem=large", "steps=1", "batch=7")
    answer = flori("train", "resnet18", *words, "--run", "run", "--quiet")
    assert answer.exit_code == 0, answer.output
    assert "119 of 122 tensors loaded" in answer.stderr and "fc.weight, fc.bias" in answer.stderr
    kept = json.loads(Path("run/init.json").read_text())
    assert (
        len(kept["loaded"]) == 119
        and [*kept["partly"]] == ["conv1.weight"]
        and [*kept["left"]] == ["fc.weight", "fc.bias"]
    )
    assert json.loads(Path("run/model/preprocessing.json").read_text())["preparation"]["mean"] == [pytest.approx(0.449)]
    assert "fc.weight" in Path("run/report.html").read_text()
    found = safetensors.torch.load_file("run/model/model.safetensors")
    for name, t in resnet.items():
        if not name.startswith(("fc.", "conv1.")):
            assert torch.equal(found[name], t), name
