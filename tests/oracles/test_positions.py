"""Positions equal their formulas, for odd widths too; a shift is a rotation."""

import numpy as np
import pytest
import torch

from flori.layers.attention import dot_product_attention
from flori.layers.positions import Learned, Sinusoidal, positions, rotated, rotations, sinusoids, turning
from flori.reference import positions as oracle


def noise(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("width", [1, 2, 7, 12])
@pytest.mark.parametrize("start", [0, 1009])
def test_sinusoids_equal_the_formula(width, start):
    expected = [oracle.sinusoid(i, width) for i in range(start, start + 5)]
    np.testing.assert_allclose(sinusoids(start, 5, width), expected, rtol=0, atol=1e-12)


def test_sinusoids_by_hand():
    expected = [[0, 1, 0, 1, 0], [np.sin(1), np.cos(1), np.sin(1 / 10000**0.4), np.cos(1 / 10000**0.4), 0]]
    expected[1][4] = np.sin(1 / 10000**0.8)  # the last sine of an odd width has no cosine
    np.testing.assert_allclose(sinusoids(0, 2, 5), expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("delta", [1, 13])
def test_a_shift_is_a_rotation_that_does_not_depend_on_the_place(delta):
    table = sinusoids(0, 31, 6).numpy()
    for i in range(31 - delta):
        np.testing.assert_allclose(oracle.shift(table[i], delta), table[i + delta], rtol=0, atol=1e-13)
    turn = np.array([oracle.shift(e, delta) for e in np.eye(6)]).T
    np.testing.assert_allclose(turn @ turn.T, np.eye(6), rtol=0, atol=1e-15)  # lengths and angles stay
    assert np.linalg.det(turn) == pytest.approx(1)


@pytest.mark.parametrize("width", [5, 6])
def test_a_sequence_goes_on_where_it_stopped(width):
    for layer in (Sinusoidal(), Learned(11, width).double()):
        x = noise(2, 7, width)
        whole = layer(x)
        assert torch.equal(torch.cat((layer(x[:, :3]), layer(x[:, 3:], 3)), 1), whole)
        assert not torch.equal(whole, x) and torch.allclose((whole - x)[0], (whole - x)[1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_positions_keep_the_type(dtype):
    x = torch.zeros(1, 3, 5, dtype=dtype)
    found = Sinusoidal()(x, 100_003)
    assert found.dtype == dtype
    assert torch.equal(found[0], sinusoids(100_003, 3, 5).to(dtype))


def test_learned_positions_end():
    layer = Learned(5, 3)
    assert layer(torch.zeros(1, 2, 3), 3).shape == (1, 2, 3)
    with pytest.raises(ValueError, match="a sequence of 6 tokens, but positions were learned for 5"):
        layer(torch.zeros(1, 2, 3), 4)


def turned(x, start):
    return rotated(x, *rotations(start, *x.shape[-2:]))


def test_rotations_equal_the_formula():
    x = noise(2, 3, 5, 6)
    expected = [[[oracle.rotary(v, 7 + i) for i, v in enumerate(head)] for head in row] for row in x.numpy()]
    np.testing.assert_allclose(turned(x, 7), expected, rtol=0, atol=1e-12)


def test_turned_products_depend_on_the_distance_alone():
    q, k = noise(1, 6), noise(1, 6, seed=1)
    products = {i: float(turned(q, i + 4) @ turned(k, i).T) for i in (0, 3, 1009)}
    assert max(products.values()) - min(products.values()) < 1e-12
    assert abs(products[0] - float(turned(q, 5) @ turned(k, 0).T)) > 1e-3


def test_attention_turns_queries_and_keys():
    q, k, v = (noise(2, 3, 5, 6, seed=i) for i in range(3))
    found = turning(dot_product_attention, 7, 5, 6)(q, k, v)
    expected = dot_product_attention(turned(q, 7), turned(k, 7), v)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_settings_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="even width, not 5"):
        turning(dot_product_attention, 0, 3, 5)
    with pytest.raises(ValueError, match="positions=alibi: must be sinusoidal, learned or rotary"):
        positions("alibi", 3, 5)
