"""Receptive fields: by hand, and equal to the footprint of the gradient."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from flori import models
from flori.models.receptive import Field, receptive_fields

SEEN = {
    "lenet": 16,
    "alexnet": 195,
    "vgg11": 150,
    "nin": 195,
    "googlenet": 171,
    "inception-v3": 191,
    "resnet18": 435,
    "resnet50": 59,
    "resnet-cifar": 83,
}
"""What is seen at least where a test looks: far into the network."""
CASES = {
    "lenet": ((1, 37, 41), {}),
    "alexnet": ((3, 307, 311), {"width": 0.02}),
    "vgg11": ((3, 197, 199), {"width": 0.03}),
    "nin": ((3, 197, 199), {"width": 0.03}),
    "googlenet": ((3, 199, 197), {"width": 0.03}),
    "inception-v3": ((3, 199, 211), {"width": 0.06}),
    "resnet18": ((3, 571, 563), {"width": 0.02}),
    "resnet50": ((3, 67, 71), {"width": 0.02}),
    "resnet-cifar": ((3, 97, 101), {"width": 0.1}),
}


@pytest.fixture(autouse=True)
def means_for_maxima(monkeypatch):
    """Of a maximum only one path would have a gradient."""

    def pool(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
        return F.avg_pool2d(x, kernel_size, stride, padding, ceil_mode)

    monkeypatch.setattr(F, "max_pool2d", pool)


def positive(system, shape, options):
    """The network with nothing but positive weights, for which no ReLU closes and every path counts."""
    torch.manual_seed(0)
    model = models.build(system, 2, shape, options).double().eval()
    for p in model.parameters():
        p.data = 0.1 + torch.rand_like(p)
        p.data /= p[0].numel() if p.dim() > 1 else 1
    return model


@pytest.mark.parametrize("system", CASES)
def test_field_is_the_footprint_of_the_gradient(system):
    """Of the last layer whose field, at the middle of its map, lies within the picture; and there at the first place,
    where a part of the field is padding. At the far rim a stride may leave pixels that no kernel reaches."""
    shape, options = CASES[system]
    model = positive(system, shape, options)
    fields = receptive_fields(model, torch.ones(1, *shape, dtype=torch.float64))
    x, maps = torch.ones(1, *shape, dtype=torch.float64, requires_grad=True), {}
    for name, layer in model.named_modules():
        layer.register_forward_hook(lambda layer, given, output, name=name: maps.setdefault(name, output))
    model(x)

    def inside(name):
        middles = zip(fields[name], maps[name].shape[2:], shape[1:], strict=True)
        return all(f.step and 0 <= f.start + f.step * (n // 2) <= side - f.size for f, n, side in middles)

    last = [name for name in fields if maps[name].dim() == 4 and inside(name)][-1]
    assert min(field.size for field in fields[last]) >= SEEN[system]
    rows, columns = maps[last].shape[2:]
    for place in ((rows // 2, columns // 2), (0, 0)):
        (slopes,) = torch.autograd.grad(maps[last][0, :, *place].sum(), x, retain_graph=True)
        touched = slopes[0].sum(0) != 0
        for line, field, side, at in zip((touched.any(1), touched.any(0)), fields[last], shape[1:], place, strict=True):
            assert line.nonzero().flatten().tolist() == list(field.within(side, at))


def test_fields_by_hand():
    # Three 3×3 convolutions see 7, as one of 7×7; strides multiply; a hole of dilation 2 makes 3 reach over 5.
    model = nn.Sequential(
        *(nn.Conv2d(1, 1, 3, padding=1) for _ in range(3)), nn.MaxPool2d(2), nn.Conv2d(1, 1, 3, dilation=2)
    )
    found = receptive_fields(model, torch.zeros(1, 1, 23, 29))
    assert [found[str(i)][0].size for i in range(5)] == [3, 5, 7, 8, 16]
    assert found["3"][1] == Field(-3, 2, 8)
    assert found[""] == found["4"] == (Field(-3, 2, 16),) * 2


def test_a_dense_layer_sees_everything():
    model = nn.Sequential(nn.Conv2d(1, 2, (3, 5)), nn.Flatten(), nn.Linear(2 * 9 * 13, 7))
    found = receptive_fields(model, torch.zeros(1, 1, 11, 17))
    assert found["2"] == (Field(0, 0, 11), Field(0, 0, 17))
