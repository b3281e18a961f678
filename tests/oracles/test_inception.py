"""The Inception networks: equal to the papers' equations, right in size, and whole at any size of picture."""

import numpy as np
import pytest
import torch

from flori.data.batches import Batch
from flori.layers.inception import Conv, ConvolutionNorm, Halve
from flori.models.googlenet import googlenet
from flori.models.inception_bn import inception_bn
from flori.models.inception_v3 import inception_v3
from flori.models.inception_v4 import inception_v4
from flori.objectives.classification import classification
from flori.reference import googlenet as googlenet_oracle
from flori.reference import inception_bn as inception_bn_oracle
from flori.reference import inception_v3 as inception_v3_oracle
from flori.reference import inception_v4 as inception_v4_oracle

BUILDERS = [googlenet, inception_bn, inception_v3, inception_v4]
ORACLES = {
    googlenet: googlenet_oracle,
    inception_bn: inception_bn_oracle,
    inception_v3: inception_v3_oracle,
    inception_v4: inception_v4_oracle,
}
AUXILIARY = {googlenet: 2, inception_bn: 0, inception_v3: 1, inception_v4: 0}


def stir(model):
    """Weights and statistics such that no layer could be left out unnoticed, and outputs stay of the order of one."""
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_(std=0.3)
            layer.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(layer.weight, 0.5, 1.5)
            torch.nn.init.normal_(layer.bias, std=0.3)
        elif isinstance(layer, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(layer.weight)
        elif isinstance(layer, torch.nn.Linear):
            torch.nn.init.normal_(layer.weight, std=0.3)
            torch.nn.init.normal_(layer.bias, std=0.3)


CASES = [
    *[(builder, "small", (2, 11, 7)) for builder in BUILDERS],
    *[(builder, "large", (2, 41, 37)) for builder in (googlenet, inception_bn)],
    *[(builder, "large", (2, 79, 83)) for builder in (inception_v3, inception_v4)],
]


@pytest.mark.parametrize(("build", "stem", "shape"), CASES)
def test_logits_equal_the_equations(build, stem, shape):
    torch.manual_seed(0)
    model = build(3, shape, width=1 / 48, stem=stem).double().eval()
    stir(model)
    x = torch.randn(1, *shape, dtype=torch.float64)
    weights = {name: value.numpy() for name, value in model.state_dict().items()}
    expected = ORACLES[build].forward(x[0].numpy(), weights, small=stem == "small")
    with torch.inference_mode():
        np.testing.assert_allclose(model(x)[0], expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize("shape", [(1, 37, 41), (4, 37, 41), (3, 8, 8), (3, 64, 64)])
@pytest.mark.parametrize("classes", [2, 1000])
def test_trains_at_any_size(build, shape, classes):
    torch.manual_seed(0)
    model = build(classes, shape, width=1 / 64)
    outputs = model(torch.randn(3, *shape))
    outputs = (outputs,) if isinstance(outputs, torch.Tensor) else outputs
    assert [out.shape for out in outputs] == [(3, classes)] * (1 + AUXILIARY[build])
    torch.stack([out.square().mean() for out in outputs]).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    with torch.inference_mode():
        assert model.eval()(torch.randn(1, *shape)).shape == (1, classes)


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 13, 64), (2, 75, 75)])
def test_large_stem_leaves_something_of_any_picture(build, shape):
    model = build(5, shape, width=1 / 64, stem="large")
    out = model(torch.randn(2, *shape))
    assert (out if isinstance(out, torch.Tensor) else out[0]).isfinite().all()


def test_a_window_larger_than_the_map_sees_all_of_it_once():
    maps = torch.tensor([[[[1.0, 7.0], [2.0, 3.0]]]])
    assert Halve(3)(maps).tolist() == [[[[7.0]]]]
    assert Halve(3)(maps[..., :1]).tolist() == [[[[2.0]]]]
    assert Halve(3)(torch.tensor([[[[5.0, 1.0, 2.0, 0.0, 4.0]]]])).tolist() == [[[[5.0, 4.0]]]]
    layer = ConvolutionNorm(1, Conv(1, 3, 2)).eval()
    torch.nn.init.ones_(layer.conv.weight)
    torch.testing.assert_close(layer(maps), torch.full((1, 1, 1, 1), 13 / 1.001**0.5))


# Inception v4 as timm counts it. BN-Inception as pytorchcv does, whose convolutions have a bias each: 10,016 numbers
# that batch norm takes away again.
@pytest.mark.parametrize(("build", "count"), [(inception_v4, 42_679_816), (inception_bn, 11_295_240 - 10_016)])
def test_as_many_parameters_as_elsewhere(build, count):
    with torch.device("meta"):
        model = build(1000)
    assert sum(p.numel() for p in model.parameters()) == count


def sizes(model, x):
    """Channels, height and width after each layer."""
    found = {}
    for name, layer in model.named_children():
        x = layer(x) if name not in model.aside else x
        found[name] = tuple(x.shape[1:])
    return found


PAPERS = [
    (googlenet, 224, {"maxpool2": (192, 28, 28), "inception4d": (528, 14, 14), "inception5b": (1024, 7, 7)}),
    (inception_bn, 224, {"maxpool2": (192, 28, 28), "inception3c": (576, 14, 14), "inception5b": (1024, 7, 7)}),
    (inception_v3, 299, {"maxpool2": (192, 35, 35), "Mixed_6e": (768, 17, 17), "Mixed_7c": (2048, 8, 8)}),
    (inception_v4, 299, {"stem3": (384, 35, 35), "block_b7": (1024, 17, 17), "block_c3": (1536, 8, 8)}),
]


@pytest.mark.parametrize(("build", "side", "expected"), PAPERS)
def test_sizes_of_the_papers(build, side, expected):
    with torch.device("meta"):
        found = sizes(build(10, (3, side, side)), torch.zeros(1, 3, side, side))
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(("build", "side", "expected"), PAPERS)
def test_small_stem_keeps_size_and_channels(build, side, expected):
    """The last layer of the stem in the paper's table; its pooling is left out of the small one."""
    end = {"maxpool2": {googlenet: "conv3", inception_bn: "conv3", inception_v3: "Conv2d_4a_3x3"}}
    name, (channels, _, _) = next(iter(expected.items()))
    with torch.device("meta"):
        found = sizes(build(10, (3, 31, 29)), torch.zeros(1, 3, 31, 29))
    assert found[end[name][build] if name in end else name] == (channels, 31, 29)


@pytest.mark.parametrize("build", [googlenet, inception_v3])
def test_auxiliary_heads_can_be_left_out(build):
    model = build(5, (3, 32, 32), width=1 / 32, auxiliary=False)
    assert model.heads == ("fc",)
    assert model(torch.randn(2, 3, 32, 32)).shape == (2, 5)


@pytest.mark.parametrize("build", BUILDERS)
def test_heads_are_the_layers_that_make_the_logits(build):
    model = build(13, (3, 32, 32), width=1 / 32)
    last = [name for name, layer in model.named_modules() if getattr(layer, "out_features", 0) == 13]
    assert sorted(model.heads) == sorted(last)
    assert model.heads[0] == "fc"


@pytest.mark.parametrize(("build", "weight"), [(googlenet, 0.3), (inception_v3, 0.4)])
def test_auxiliary_losses_count_by_the_papers_weight(build, weight):
    torch.manual_seed(0)
    model = build(5, (3, 32, 32), width=1 / 32)
    batch = Batch(torch.randn(3, 3, 32, 32), torch.tensor([0, 4, 2]))
    losses = classification().losses(model, batch)
    assert losses["loss"].item() == pytest.approx((losses["main"] + weight * losses["auxiliary"]).item())


@pytest.mark.parametrize("build", BUILDERS)
def test_width_scales_every_layer_but_the_classes(build):
    with torch.device("meta"):
        whole, half = build(1000), build(1000, width=0.5)
    for (name, one), (_, other) in zip(whole.named_modules(), half.named_modules(), strict=True):
        if isinstance(one, torch.nn.Conv2d):
            assert other.out_channels * 2 == one.out_channels, name
    assert half.fc.weight.shape == (1000, whole.fc.in_features // 2)


def test_initial_weights():
    torch.manual_seed(0)
    model = googlenet(1000)
    conv = model.conv3.conv
    assert conv.weight.std().item() == pytest.approx((2 / (192 * 9)) ** 0.5, rel=0.02)  # He: 2/n_out
    assert model.aux1.fc1.weight.std().item() == pytest.approx((2 / 2048) ** 0.5, rel=0.02)
    for head in model.heads:
        layer = model.get_submodule(head)
        assert layer.weight.std().item() == pytest.approx(0.01, rel=0.02)
        assert not layer.bias.any()
