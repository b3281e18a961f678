"""Attention functions and layers equal their sums, masks and half precision included."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from flori.layers import attention
from flori.layers.attention import (
    AdditiveAttention,
    CrossAttention,
    SelfAttention,
    Watched,
    causal,
    dot_product_attention,
    dot_product_weights,
    fused,
    gathered,
    kept,
    masked_softmax,
    spread,
    within,
)
from flori.reference import attention as oracle
from flori.reference.transformer import projections

HALVES = [torch.float16, torch.bfloat16]


def noise(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def filled(layer):
    """The layer in float64 with random weights and biases."""
    for i, p in enumerate(layer.double().parameters()):
        p.data = noise(*p.shape, seed=i + 1) / 2
    return layer


def some_mask(*shape):
    """True and False at random; of the queries the second is masked whole, the first sees all keys."""
    mask = noise(*shape, seed=9) > 0
    mask[..., 0, :], mask[..., 1, :] = True, False
    return mask


def parameters(layer, name="layer"):
    return {f"{name}.{key}": p.detach().numpy() for key, p in layer.named_parameters()}


def same(found, expected):
    np.testing.assert_allclose(found.detach(), expected, rtol=0, atol=1e-12)


def test_masked_softmax_equals_its_sums():
    scores, mask = noise(3, 5, 7) * 5, some_mask(3, 5, 7)
    rows = zip(scores.view(-1, 7).numpy(), mask.view(-1, 7).numpy(), strict=True)
    expected = np.reshape([oracle.masked_softmax(*row) for row in rows], (3, 5, 7))
    same(masked_softmax(scores, mask), expected)
    same(masked_softmax(scores), scores.softmax(-1))
    assert (masked_softmax(scores, mask)[:, 1] == 0).all()


def test_masks_spread_over_leading_dimensions():
    scores, mask = noise(3, 5, 7), within(torch.tensor([7, 0, 2]), 7)
    found = masked_softmax(scores, mask[:, None])
    assert (found[1] == 0).all() and (found[2, :, 2:] == 0).all()
    same(found[0], scores[0].softmax(-1))
    same(found[2, :, :2], scores[2, :, :2].softmax(-1))


def test_masked_softmax_gradient_equals_finite_differences():
    scores, mask = noise(2, 3, 5).requires_grad_(), some_mask(2, 3, 5)
    assert torch.autograd.gradcheck(lambda s: masked_softmax(s, mask), (scores,))


@pytest.mark.parametrize("dtype", [*HALVES, torch.float32])
def test_masked_softmax_is_finite_for_the_largest_numbers_and_for_rows_masked_whole(dtype):
    scores = torch.tensor([[6e4, -6e4, 6e4], [6e4, 6e4, -6e4], [-6e4, 1, 6e4]], dtype=dtype, requires_grad=True)
    mask = torch.tensor([[True, True, True], [False, False, False], [True, False, False]])
    weights = masked_softmax(scores, mask)
    assert weights.dtype == dtype and weights.tolist() == [[0.5, 0, 0.5], [0, 0, 0], [1, 0, 0]]
    (gradient,) = torch.autograd.grad((weights * torch.tensor([1, 2, 3])).sum(), scores)
    assert gradient.isfinite().all() and (gradient[1] == 0).all() and gradient[0, 2] == 0.5


@pytest.mark.parametrize("dtype", HALVES)
def test_dot_products_beyond_the_largest_half_stay_finite(dtype):
    queries, keys = torch.full((1, 1, 2, 67), 300, dtype=dtype), torch.full((1, 1, 3, 67), 300, dtype=dtype)
    keys[:, :, 1] = -300
    values = torch.tensor([[[[2.0], [1.0], [4.0]]]], dtype=dtype)
    assert dot_product_weights(queries, keys).tolist() == [[[[0.5, 0, 0.5]] * 2]]
    assert dot_product_attention(queries, keys, values).tolist() == [[[[3.0]] * 2]]


@pytest.mark.parametrize("masked", [False, True])
def test_dot_product_attention_equals_its_sums(masked):
    queries, keys, values = noise(2, 5, 3), noise(2, 7, 3, seed=1), noise(2, 7, 11, seed=2)
    mask = some_mask(2, 5, 7) if masked else torch.ones(2, 5, 7, dtype=torch.bool)
    arrays = (t.numpy() for t in (queries, keys, values, mask))
    expected = [oracle.attend(*four) for four in zip(*arrays, strict=True)]
    for i, (pooled, weights) in enumerate(expected):
        same(dot_product_attention(queries, keys, values, mask if masked else None)[i], pooled)
        same(dot_product_weights(queries, keys, mask if masked else None)[i], weights)


@pytest.mark.parametrize("dtype", [*HALVES, torch.float32, torch.float64])
@pytest.mark.parametrize("width", [8, 11])
def test_fused_attention_gives_zeros_for_a_row_masked_whole(dtype, width):
    queries, keys, values = (noise(2, 3, n, width, seed=n).to(dtype).requires_grad_() for n in (5, 7, 7))
    mask = some_mask(5, 7)
    found = dot_product_attention(queries, keys, values, mask)
    assert (found[:, :, 1] == 0).all() and found.isfinite().all() and (found[:, :, 0] != 0).all()
    gradients = torch.autograd.grad(found.square().sum(), (queries, keys, values))
    assert all(g.isfinite().all() for g in gradients) and (gradients[0][:, :, 1] == 0).all()


BY_PRODUCTS = {
    "open": (None, False),
    "causal": (None, True),
    "padding": (within(torch.tensor([7, 0, 2]), 7)[:, None, None], False),
    "places": (some_mask(7, 7), False),
    "rows": (some_mask(3, 1, 7, 7), False),
}


@pytest.mark.parametrize(("mask", "is_causal"), BY_PRODUCTS.values(), ids=BY_PRODUCTS)
@pytest.mark.parametrize("most", [7, 6], ids=["products", "kernel"])
def test_bfloat16_by_products_and_by_the_kernel_is_near_the_sums(mask, is_causal, most, monkeypatch):
    monkeypatch.setattr(attention, "LONGEST", most)
    exact = [noise(3, 2, 7, 11, seed=i).bfloat16().double().requires_grad_() for i in range(3)]
    halves = [t.detach().bfloat16().requires_grad_() for t in exact]
    expected = F.scaled_dot_product_attention(*exact, attn_mask=mask, is_causal=is_causal)
    found = fused(mask, is_causal)(*halves)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.double(), expected, rtol=0, atol=0.03)
    ways = noise(3, 2, 7, 11, seed=3)
    theirs, ours = torch.autograd.grad(expected, exact, ways), torch.autograd.grad(found, halves, ways.bfloat16())
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a.double(), b, rtol=0, atol=0.06)
    if mask is not None:
        nowhere = ~mask.any(-1).expand(3, 2, 7)
        assert nowhere.any() and (found[nowhere] == 0).all() and (ours[0][nowhere] == 0).all()


def test_keys_kept_in_float32_decide_the_type():
    queries, keys, values = (noise(3, 2, n, 11, seed=n).bfloat16() for n in (1, 7, 7))
    expected = F.scaled_dot_product_attention(queries.float(), keys.float(), values.float())
    with torch.autocast("cpu", torch.bfloat16):
        found = fused()(queries, kept(keys), kept(values))
    assert kept(keys).dtype == torch.float32 and kept(expected) is expected
    assert torch.equal(found, expected.bfloat16())


@pytest.mark.parametrize("masked", [False, True])
def test_additive_attention_equals_its_sums(masked):
    layer = filled(AdditiveAttention(3, 11, 13))
    queries, keys, values = noise(2, 5, 3), noise(2, 7, 11, seed=1), noise(2, 7, 17, seed=2)
    mask = some_mask(2, 5, 7) if masked else torch.ones(2, 5, 7, dtype=torch.bool)
    W_q, W_k, w_v = (p.detach().numpy() for p in layer.parameters())

    def score(q, k):
        return oracle.additive(q, k, W_q, W_k, w_v[0])

    arrays = (t.numpy() for t in (queries, keys, values, mask))
    for i, four in enumerate(zip(*arrays, strict=True)):
        pooled, weights = oracle.attend(*four, score)
        same(layer(queries, keys, values, mask if masked else None)[i], pooled)
        same(layer.weights(queries, layer.W_k(keys), mask if masked else None)[i], weights)


def test_additive_attention_gradient_equals_finite_differences():
    layer, mask = filled(AdditiveAttention(3, 2, 5)), some_mask(2, 3, 5)
    places = [t.requires_grad_() for t in (noise(2, 3, 3), noise(2, 5, 2, seed=1), noise(2, 5, 2, seed=2))]
    parts = dict(layer.named_parameters())

    def value(queries, keys, values, *weights):
        given = dict(zip(parts, weights, strict=True))
        return torch.func.functional_call(layer, given, (queries, keys, values, mask))

    assert torch.autograd.gradcheck(value, (*places, *parts.values()), fast_mode=True)


@pytest.mark.parametrize("kind", ["open", "causal", "some"])
def test_self_attention_equals_its_sums(kind):
    layer, x = filled(SelfAttention(15, 3)), noise(2, 7, 15)
    mask = {"open": None, "causal": causal(7, 7), "some": some_mask(2, 1, 7, 7)}[kind]
    allowed = torch.ones(2, 1, 7, 7, dtype=torch.bool) if mask is None else mask.expand(2, 1, 7, 7)
    watched = Watched(mask)
    seen = layer(x, watched)
    outputs = [seen, layer(x, fused(mask))] + ([layer(x, fused(is_causal=True))] if kind == "causal" else [])
    p = projections(parameters(layer), "layer")
    for i, sentence in enumerate(x.numpy()):
        expected, weights = oracle.multi_head(sentence, sentence, p, 3, allowed[i, 0].numpy())
        same(watched.weights[0][i], weights)
        for found in outputs:
            same(found[i], expected)


def test_cross_attention_equals_its_sums_for_several_rows_a_sentence():
    layer, x, other = filled(CrossAttention(15, 3)), noise(6, 5, 15), noise(2, 7, 15, seed=1)
    lengths = torch.tensor([7, 2])
    mask = within(lengths, 7)[:, None, None]
    watched, p = Watched(mask), projections(parameters(layer), "layer")
    found = layer(x, layer.remember(other), fused(mask))
    same(layer(x, layer.remember(other), watched), found.detach())
    weights = spread(watched.weights[0], 3)
    for row in range(6):
        sentence = other[row // 3, : lengths[row // 3]].numpy()
        allowed = np.ones((5, len(sentence)), bool)
        expected, expected_weights = oracle.multi_head(x[row].numpy(), sentence, p, 3, allowed)
        same(found[row], expected)
        same(weights[row, :, :, : len(sentence)], expected_weights)
    assert (weights[3:, :, :, 2:] == 0).all()


class Called(torch.nn.Module):
    """A layer of attention as a function of two sequences."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x, other):
        if isinstance(self.layer, SelfAttention):
            return self.layer(x, fused(is_causal=True)) + other.sum()
        return self.layer(x, self.layer.remember(other), fused())


@pytest.mark.parametrize("layer", [SelfAttention(6, 3), CrossAttention(6, 3)], ids=["self", "cross"])
def test_multi_head_attention_gradient_equals_finite_differences(layer):
    filled(layer)
    x, other = noise(2, 3, 6).requires_grad_(), noise(2, 5, 6, seed=1).requires_grad_()
    called = Called(layer)
    parts = dict(called.named_parameters())

    def value(x, other, *weights):
        return torch.func.functional_call(called, dict(zip(parts, weights, strict=True)), (x, other))

    assert torch.autograd.gradcheck(value, (x, other, *parts.values()), fast_mode=True)


def test_masks_by_hand():
    assert within(torch.tensor([2, 0, 3]), 3).tolist() == [[True, True, False], [False] * 3, [True] * 3]
    assert causal(2, 3).tolist() == [[True, True, False], [True, True, True]]


def test_rows_gather_and_spread():
    rows = noise(6, 5, 2, 7)
    groups = gathered(rows, 3)
    assert groups.shape == (2, 5, 6, 7) and torch.equal(groups[1, :, 2:4], rows[4])
    assert torch.equal(spread(groups, 3), rows) and gathered(rows, 1) is rows and spread(rows, 1) is rows
