"""Every network of convolutions on pictures of 37×41, of one channel and of four, of 2 classes and of 1,000."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import flori
from flori import models
from flori.recipes.catalogue import ALL

NETWORKS = [recipe.system for recipe in ALL if recipe.convolutional]
MODES = {1: "L", 4: "RGBA"}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Folders of pictures by number of channels and classes, made once."""
    made: dict[tuple[int, int], Path] = {}

    def get(channels: int, classes: int) -> Path:
        if (channels, classes) not in made:
            home = tmp_path_factory.mktemp("pictures")
            random = np.random.default_rng(channels * classes)
            for label in range(classes):
                (home / f"{label:04}").mkdir()
                for number in range(8 if classes == 2 else 2):
                    pixels = random.integers(0, 256, (37, 41, channels), np.uint8)
                    picture = Image.fromarray(pixels.squeeze(2) if channels == 1 else pixels, MODES[channels])
                    picture.save(home / f"{label:04}" / f"{number}.png", compress_level=0)
            made[channels, classes] = home
        return made[channels, classes]

    return get


def narrow(system: str) -> dict[str, float]:
    return {} if system == "lenet" else {"width": 0.05}


@pytest.mark.parametrize("classes", [2, 1000])
@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize("system", NETWORKS)
def test_forward_and_backward(system, channels, classes):
    torch.manual_seed(0)
    model = models.build(system, classes, (channels, 37, 41), narrow(system))
    outputs = model(torch.randn(3, channels, 37, 41))
    outputs = (outputs,) if isinstance(outputs, torch.Tensor) else outputs
    assert all(one.shape == (3, classes) and bool(one.isfinite().all()) for one in outputs)
    torch.autograd.backward(sum(one.square().sum() + one.sum() for one in outputs))
    for name in model.heads:
        assert all(bool(p.grad.isfinite().all()) for p in model.get_submodule(name).parameters())


@pytest.mark.parametrize(("channels", "classes"), [(1, 1000), (4, 2)])
@pytest.mark.parametrize("system", NETWORKS)
def test_trains_and_predicts(system, channels, classes, folders):
    folder = folders(channels, classes)
    settings = {f"model.{name}": value for name, value in narrow(system).items()}
    size = {"data.size": 37} if system == "lenet" else {}
    run = flori.train(
        system, run="run", data=str(folder), steps=3, batch=5, **{"data.channels": channels}, **settings, **size
    )
    assert run.summary["scores"]["test"]["loss"] > 0
    answer = run.predict(folder / "0001" / "0.png")[0]
    assert len(answer["top"]) == min(5, classes)
