"""A recurrent layer over a packed batch as one operation: the loop over time by hand, forwards and backwards.

On a processor torch takes RNN and GRU through time one small operation after the other, and autograd adds up a
gradient of the weights for each step. Here all inputs meet W_ih in one product before the loop. A step is one product
with W_hh, in place, and the gates, in buffers that were made once. Backwards the loop finds only the gradients of
what the gates are functions of, D; those of the weights are then one product each, DᵀX and DᵀH.

Products are computed in the type of x. The gates, what the states add up over hundreds of steps, and their gradients
are kept in the type of the initial states: float32 where the products are of bfloat16.

Letters: B sequences of D features, P rows in all, as `Layout` has them; H units. Equations and the order of the gates
are torch's: `flori.reference` has them. The arguments are the layout, x [P, D], W_ih [G·H, D], W_hh [G·H, H], b_ih and
b_hh [G·H] for G gates, and the initial states [B, H]; the results are h of every step [P, H] and the last states.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from flori.layers.packed import Layout

Gradients = tuple[Tensor | None, ...]
QUARTERS = (0, 1), (1, 2), (2, 3), (3, 4)

sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
tanh_backward = torch.ops.aten.tanh_backward.grad_input


class Plain(torch.autograd.Function):
    """h ← tanh(W_ih x + b_ih + W_hh h + b_hh)."""

    @staticmethod
    def forward(ctx: Any, layout: Layout, x: Tensor, w_ih: Tensor, w_hh: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        b_ih, b_hh, h0 = rest
        a, w = torch.addmm((b_ih + b_hh).to(x.dtype), x, w_ih.t()), w_hh.t()
        h, now = _states(h0, x, x.dtype)
        for before, a_t, h_t in zip(layout.before(h), layout.steps(a), layout.steps(now), strict=True):
            torch.tanh(a_t.addmm_(before, w), out=h_t)
        _keep(ctx, layout, x, w_ih, w_hh, h)
        return now, layout.after(h).to(h0.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> Gradients:
        (x, w_ih, w_hh, h), layout = ctx.saved_tensors, ctx.layout
        now, carry = h[-len(x) :], _begun(gradients[1], h[: -len(x)])
        d = torch.empty_like(now)
        blocks = map(layout.steps, (carry, _there(gradients[0], d), now, d))
        for later, above, h_t, d_t in _from_the_end(*blocks):
            tanh_backward(later.add_(above), h_t, grad_input=d_t)
            torch.mm(d_t, w_hh, out=later)
        return None, *_of_weights(ctx, d, d, x, w_ih, layout.all_before(h)), carry


class Gated(torch.autograd.Function):
    """GRU: r and z = σ(W_ih x + b_ih + W_hh h + b_hh), n = tanh(W_in x + b_in + r ⊙ m) with m = W_hn h + b_hn,
    h ← n + z ⊙ (h − n)."""

    @staticmethod
    def forward(ctx: Any, layout: Layout, x: Tensor, w_ih: Tensor, w_hh: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        b_ih, b_hh, h0 = rest
        units, w, bias = h0.shape[1], w_hh.t(), b_hh.to(x.dtype)
        a = torch.addmm(b_ih.to(x.dtype), x, w_ih.t())
        gates = _wide(a, h0.dtype)
        h, now = _states(h0, x, h0.dtype)
        factors, factors_now = (h, now) if h.dtype == x.dtype else _states(h0, x, x.dtype)
        inner, product = torch.empty_like(now), x.new_empty(len(h0), 3 * units)
        befores = layout.before(h), layout.before(factors)
        spans = (0, 3), (0, 2), (2, 3)
        products, sums = (layout.columns(t, units, *spans) for t in (product, a))
        opened = layout.columns(gates, units, (0, 2), (0, 1), (1, 2), (2, 3))
        blocks = *befores, products, sums, opened, *map(layout.steps, (inner, now, factors_now))
        for h_b, f_b, (p, p_rz, p_n), (_, a_rz, a_n), (rz, r, z, n), m, h_t, f_t in zip(*blocks, strict=True):
            torch.addmm(bias, f_b, w, out=p)
            torch.add(a_rz, p_rz, out=rz).sigmoid_()
            m.copy_(p_n)
            _tanh_(n.copy_(a_n).addcmul_(r, m))
            torch.lerp(n, h_b, z, out=h_t)
            if factors is not h:
                f_t.copy_(h_t)
        _keep(ctx, layout, x, w_ih, w_hh, gates, inner, h, factors)
        return factors_now, layout.after(h)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> Gradients:
        (x, w_ih, w_hh, gates, inner, h, factors), layout = ctx.saved_tensors, ctx.layout
        units, carry = h.shape[1], _begun(gradients[1], h[: -len(x)])
        # Four columns of blocks, n r z m: the first three are the gradients of W_ih x, the last three of W_hh h.
        d = x.new_empty(len(x), 4 * units)
        e = _room(d, carry)
        rooms = carry, torch.empty_like(carry), factors.new_empty(carry.shape), _there(gradients[0], inner), inner
        opened = layout.columns(gates, units, (0, 2), (0, 1), (1, 2), (2, 3))
        slopes = layout.columns(e, units, (0, 4), (1, 3), (0, 1), (1, 2), (2, 3), (3, 4))
        blocks = layout.before(h), *map(layout.steps, rooms), opened, slopes, layout.columns(d, units, (0, 4), (1, 4))
        for h_b, later, keep, p, above, m, (rz, r, z, n), (e, d_rz, d_n, d_r, d_z, d_m), (d_t, d_h) in _from_the_end(
            *blocks
        ):
            torch.mul(later.add_(above), z, out=keep)
            tanh_backward(torch.sub(later, keep, out=d_n), n, grad_input=d_n)
            torch.mul(d_n, m, out=d_r)
            torch.sub(h_b, n, out=d_z).mul_(later)
            sigmoid_backward(d_rz, rz, grad_input=d_rz)
            torch.mul(d_n, r, out=d_m)
            if e.dtype != d.dtype:
                d_t.copy_(e)
            torch.add(keep, torch.mm(d_h, w_hh, out=p), out=later)
        # The order n r z becomes r z n.
        d_x = torch.cat((d[:, units : 3 * units], d[:, :units]), 1)
        return None, *_of_weights(ctx, d_x, d[:, units:], x, w_ih, layout.all_before(factors)), carry


class LongShortTerm(torch.autograd.Function):
    """LSTM: i, f and o = σ(…), g = tanh(…) of W_ih x + b_ih + W_hh h + b_hh; c ← f ⊙ c + i ⊙ g, h ← o ⊙ tanh(c)."""

    @staticmethod
    def forward(ctx: Any, layout: Layout, x: Tensor, w_ih: Tensor, w_hh: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        b_ih, b_hh, h0, c0 = rest
        w = w_hh.t()
        a = torch.addmm((b_ih + b_hh).to(x.dtype), x, w_ih.t())
        gates = _wide(a, c0.dtype)
        (h, h_now), (c, c_now) = _states(h0, x, x.dtype), _states(c0, x, c0.dtype)
        squashed = torch.empty_like(c_now)
        opened = layout.columns(gates, h0.shape[1], (0, 4), *QUARTERS)
        blocks = layout.before(h), layout.before(c), opened, *map(layout.steps, (a, h_now, c_now, squashed))
        for h_b, c_b, (every, i, f, g, o), a_t, h_t, c_t, s in zip(*blocks, strict=True):
            a_t.addmm_(h_b, w)
            if gates is not a:
                every.copy_(a_t)
            g.mul_(2)  # tanh g = 2 σ(2g) − 1, so that one σ does for all
            every.sigmoid_()
            g.mul_(2).sub_(1)
            torch.mul(f, c_b, out=c_t).addcmul_(i, g)
            torch.mul(o, _tanh_(s.copy_(c_t)), out=h_t)
        _keep(ctx, layout, x, w_ih, w_hh, gates, h, c, squashed)
        return h_now, layout.after(h).to(h0.dtype), layout.after(c)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> Gradients:
        (x, w_ih, w_hh, gates, h, c, squashed), layout = ctx.saved_tensors, ctx.layout
        carry, memory = _begun(gradients[1], h[: -len(x)]), _begun(gradients[2], c[: -len(x)])
        d = torch.empty_like(gates, dtype=x.dtype)
        spans = (0, 4), (0, 2), *QUARTERS
        opened, slopes = (layout.columns(t, h.shape[1], *spans) for t in (gates, _room(d, memory)))
        rooms = carry, memory, torch.empty_like(memory), _there(gradients[0], h[-len(x) :]), squashed, d
        blocks = layout.before(c), opened, slopes, *map(layout.steps, rooms)
        for c_b, (_, i_f, i, f, g, o), (e, d_if, d_i, d_f, d_g, d_o), later, dc, dh, above, s, d_t in _from_the_end(
            *blocks
        ):
            torch.add(above, later, out=dh)
            torch.mul(dh, s, out=d_o)
            dc.add_(tanh_backward(dh.mul_(o), s, grad_input=dh))
            torch.mul(dc, g, out=d_i)
            torch.mul(dc, c_b, out=d_f)
            torch.mul(dc, i, out=d_g)
            dc.mul_(f)
            sigmoid_backward(d_if, i_f, grad_input=d_if)
            tanh_backward(d_g, g, grad_input=d_g)
            sigmoid_backward(d_o, o, grad_input=d_o)
            if e.dtype != d.dtype:
                d_t.copy_(e)
            torch.mm(d_t, w_hh, out=later)
        return None, *_of_weights(ctx, d, d, x, w_ih, layout.all_before(h)), carry, memory


def _tanh_(numbers: Tensor) -> Tensor:
    """In place, by 2 σ(2x) − 1: torch's own takes eight times as long as its σ."""
    return numbers.mul_(2).sigmoid_().mul_(2).sub_(1)


def _room(d: Tensor, state: Tensor) -> Tensor:
    """Where the gradients of a step are computed: in their own place if they have the type of the state [B, H], else in
    a room that is used again at each step and stays in the cache."""
    return d if d.dtype == state.dtype else d.new_empty(len(state), d.shape[1], dtype=state.dtype)


def _wide(numbers: Tensor, dtype: torch.dtype) -> Tensor:
    """The tensor itself if it has this type, else room for it."""
    return numbers if numbers.dtype == dtype else torch.empty_like(numbers, dtype=dtype)


def _states(initial: Tensor, x: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """A buffer [B + P, H] that begins with the initial states [B, H], and its part that is still to be filled."""
    states = initial.new_empty(len(initial) + len(x), initial.shape[1], dtype=dtype)
    states[: len(initial)] = initial
    return states, states[len(initial) :]


def _keep(ctx: Any, layout: Layout, *tensors: Tensor) -> None:
    ctx.save_for_backward(*tensors)
    ctx.layout = layout
    ctx.set_materialize_grads(False)


def _begun(gradient: Tensor | None, like: Tensor) -> Tensor:
    """The gradient of the last states as the first that is carried back. Sequences of unlike length need no more
    care: the row of one that ends early is first read at its own last step."""
    return torch.zeros_like(like) if gradient is None else gradient.to(like.dtype, copy=True)


def _there(gradient: Tensor | None, like: Tensor) -> Tensor:
    return like.new_zeros(1, 1).expand_as(like) if gradient is None else gradient


def _from_the_end(*blocks: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    return zip(*map(reversed, blocks), strict=True)


def _of_weights(
    ctx: Any, d_x: Tensor, d_h: Tensor, x: Tensor, w_ih: Tensor, before: Tensor
) -> tuple[Tensor | None, ...]:
    """Gradients of x, W_ih, W_hh, b_ih and b_hh, from those of W_ih x + b_ih and of W_hh h + b_hh, [P, G·H] each."""
    inputs = d_x @ w_ih if ctx.needs_input_grad[1] else None
    ones = x.new_ones(1, len(x))  # the quickest sum over rows, which a product adds up in float32
    of_b_ih = (ones @ d_x)[0]
    of_b_hh = of_b_ih if d_x is d_h else (ones @ d_h)[0]
    return inputs, d_x.t() @ x, d_h.t() @ before, of_b_ih, of_b_hh
