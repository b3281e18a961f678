"""A recurrent layer over a packed batch as one operation: the loop over time by hand, forwards and backwards.

On a processor torch takes RNN and GRU through time one small operation after the other, and autograd adds up a
gradient of the weights for each step. Here all inputs have met W_ih before the loop (`flori.layers.meeting`). A step is
one product with W_hh, in place, and the gates, in buffers that were made once. Backwards the loop finds only the
gradients of what the gates are functions of, D; that of W_hh is then one product, DᵀH.

Products are computed in the type of a, in which the gates and their gradients are kept. The gates are computed, and
what the states add up over hundreds of steps is kept, in the type of the initial states: float32 where the products are
of bfloat16.

Letters: B sequences, P rows in all, as `Layout` has them; H units. Equations and the order of the gates are torch's:
`flori.reference` has them. The arguments are the layout, a [P, G·H] for G gates, which is what the inputs and biases
come to and is overwritten, W_hh [G·H, H] and the initial states [B, H]; the results are h of every step [P, H] and the
last states.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from flori.layers.meeting import sum_of_rows
from flori.layers.packed import Layout

Gradients = tuple[Tensor | None, ...]
QUARTERS = (0, 1), (1, 2), (2, 3), (3, 4)

sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
tanh_backward = torch.ops.aten.tanh_backward.grad_input


class Plain(torch.autograd.Function):
    """h ← tanh(W_ih x + b_ih + W_hh h + b_hh)."""

    @staticmethod
    def forward(ctx: Any, layout: Layout, a: Tensor, w_hh: Tensor, h0: Tensor) -> tuple[Tensor, ...]:
        w = w_hh.t()
        h, now = _states(h0, a, a.dtype)
        for before, a_t, h_t in zip(layout.before(h), layout.steps(a), layout.steps(now), strict=True):
            torch.tanh(a_t.addmm_(before, w), out=h_t)
        _keep(ctx, layout, w_hh, h)
        return now, layout.after(h).to(h0.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> Gradients:
        (w_hh, h), layout = ctx.saved_tensors, ctx.layout
        now, carry = h[layout.sizes[0] :], _begun(gradients[1], h[: layout.sizes[0]])
        d = torch.empty_like(now)
        blocks = map(layout.steps, (carry, _there(gradients[0], d), now, d))
        for later, above, h_t, d_t in _from_the_end(*blocks):
            tanh_backward(later.add_(above), h_t, grad_input=d_t)
            torch.mm(d_t, w_hh, out=later)
        return None, d, d.t() @ layout.all_before(h), carry


class Gated(torch.autograd.Function):
    """GRU: r and z = σ(a + W_hh h + b_hh), n = tanh(a + r ⊙ m) with m = W_hn h + b_hn, h ← n + z ⊙ (h − n). Its b_hh
    [3·H] stands before the states among the arguments."""

    @staticmethod
    def forward(ctx: Any, layout: Layout, a: Tensor, w_hh: Tensor, b_hh: Tensor, h0: Tensor) -> tuple[Tensor, ...]:
        units, w, bias = h0.shape[1], w_hh.t(), b_hh.to(a.dtype)
        gates = _room(a, h0)
        h, now = _states(h0, a, h0.dtype)
        factors, factors_now = (h, now) if h.dtype == a.dtype else _states(h0, a, a.dtype)
        inner, product = torch.empty_like(now), a.new_empty(len(h0), 3 * units)
        befores = layout.before(h), layout.before(factors)
        spans = (0, 3), (0, 2), (2, 3)
        products, sums = (layout.columns(t, units, *spans) for t in (product, a))
        opened = layout.columns(gates, units, (0, 3), (0, 2), (0, 1), (1, 2), (2, 3))
        blocks = *befores, products, sums, opened, *map(layout.steps, (inner, now, factors_now))
        for h_b, f_b, (p, p_rz, p_n), (a_t, a_rz, a_n), (every, rz, r, z, n), m, h_t, f_t in zip(*blocks, strict=True):
            torch.addmm(bias, f_b, w, out=p)
            torch.add(a_rz, p_rz, out=rz).sigmoid_()
            m.copy_(p_n)
            _tanh_(n.copy_(a_n).addcmul_(r, m))
            torch.lerp(n, h_b, z, out=h_t)
            if gates is not a:
                a_t.copy_(every)
                f_t.copy_(h_t)
        _keep(ctx, layout, w_hh, a, inner, h, factors)
        return factors_now, layout.after(h)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> Gradients:
        (w_hh, a, inner, h, factors), layout = ctx.saved_tensors, ctx.layout
        units, carry = h.shape[1], _begun(gradients[1], h[: layout.sizes[0]])
        # Four columns of blocks, n r z m: the first three are the gradients of W_ih x, the last three of W_hh h.
        d = a.new_empty(len(a), 4 * units)
        e, gates = _room(d, carry), _room(a, carry)
        rooms = carry, torch.empty_like(carry), factors.new_empty(carry.shape), _there(gradients[0], inner), inner
        opened = layout.columns(gates, units, (0, 3), (0, 2), (0, 1), (1, 2), (2, 3))
        slopes = layout.columns(e, units, (0, 4), (1, 3), (0, 1), (1, 2), (2, 3), (3, 4))
        columns = layout.columns(d, units, (0, 4), (1, 4))
        blocks = layout.before(h), *map(layout.steps, (a, *rooms)), opened, slopes, columns
        for h_b, a_t, later, keep, p, above, m, gate, (e, d_rz, d_n, d_r, d_z, d_m), (d_t, d_h) in _from_the_end(
            *blocks
        ):
            every, rz, r, z, n = gate
            if gates is not a:
                every.copy_(a_t)
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
        d_h = d[:, units:]
        return None, d_x, d_h.t() @ layout.all_before(factors), sum_of_rows(d_h), carry


class LongShortTerm(torch.autograd.Function):
    """LSTM: i, f and o = σ(…), g = tanh(…) of a + W_hh h; c ← f ⊙ c + i ⊙ g, h ← o ⊙ tanh(c)."""

    @staticmethod
    def forward(ctx: Any, layout: Layout, a: Tensor, w_hh: Tensor, h0: Tensor, c0: Tensor) -> tuple[Tensor, ...]:
        w, gates = w_hh.t(), _room(a, c0)
        (h, h_now), (c, c_now) = _states(h0, a, a.dtype), _states(c0, a, c0.dtype)
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
            if gates is not a:
                a_t.copy_(every)
        _keep(ctx, layout, w_hh, a, h, c, squashed)
        return h_now, layout.after(h).to(h0.dtype), layout.after(c)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> Gradients:
        (w_hh, a, h, c, squashed), (sizes, layout) = ctx.saved_tensors, (ctx.layout.sizes, ctx.layout)
        carry, memory = _begun(gradients[1], h[: sizes[0]]), _begun(gradients[2], c[: sizes[0]])
        d, gates = torch.empty_like(a), _room(a, memory)
        spans = (0, 4), (0, 2), *QUARTERS
        opened, slopes = (layout.columns(t, h.shape[1], *spans) for t in (gates, _room(d, memory)))
        rooms = carry, memory, torch.empty_like(memory), _there(gradients[0], h[sizes[0] :]), squashed, d
        blocks = layout.before(c), opened, slopes, *map(layout.steps, (a, *rooms))
        for c_b, gate, (e, d_if, d_i, d_f, d_g, d_o), a_t, later, dc, dh, above, s, d_t in _from_the_end(*blocks):
            every, i_f, i, f, g, o = gate
            if gates is not a:
                every.copy_(a_t)
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
        return None, d, d.t() @ layout.all_before(h), carry, memory


def _tanh_(numbers: Tensor) -> Tensor:
    """In place, by 2 σ(2x) − 1: torch's own takes eight times as long as its σ."""
    return numbers.mul_(2).sigmoid_().mul_(2).sub_(1)


def _room(kept: Tensor, state: Tensor) -> Tensor:
    """Where the gates of a step, or their gradients, are computed: in the place where they are kept [P, …] if that has
    the type of the state [B, H], else in a room that is used again at each step and stays in the cache."""
    return kept if kept.dtype == state.dtype else kept.new_empty(len(state), kept.shape[1], dtype=state.dtype)


def _states(initial: Tensor, a: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """A buffer [B + P, H] that begins with the initial states [B, H], and its part that is still to be filled."""
    states = initial.new_empty(len(initial) + len(a), initial.shape[1], dtype=dtype)
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
