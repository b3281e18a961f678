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

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from flori.layers.packed import Layout

Gradients = tuple[Tensor | None, ...]

sigmoid_backward = torch.ops.aten.sigmoid_backward.grad_input
tanh_backward = torch.ops.aten.tanh_backward.grad_input


class Plain(torch.autograd.Function):
    """h ← tanh(W_ih x + b_ih + W_hh h + b_hh)."""

    @staticmethod
    def forward(ctx: Any, layout: Layout, x: Tensor, w_ih: Tensor, w_hh: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        b_ih, b_hh, h0 = rest
        z, w = torch.addmm((b_ih + b_hh).to(x.dtype), x, w_ih.t()), w_hh.t()
        h, now = _states(h0, x, x.dtype)
        for before, (z_t, h_t) in zip(layout.before(h), layout.steps(z, now), strict=True):
            torch.tanh(z_t.addmm_(before, w), out=h_t)
        _keep(ctx, layout, x, w_ih, w_hh, h)
        return now, layout.after(h).to(h0.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> Gradients:
        (x, w_ih, w_hh, h), layout = ctx.saved_tensors, ctx.layout
        d = torch.empty_like(h[-len(x) :])
        carry = _begun(gradients[1], h[: -len(x)])
        for above, h_t, d_t in _from_the_end(layout, _there(gradients[0], d), h[-len(x) :], d):
            later = carry[: len(d_t)]
            tanh_backward(torch.add(above, later), h_t, grad_input=d_t)
            torch.mm(d_t, w_hh, out=later)
        return None, *_of_weights(ctx, d, d, x, w_ih, layout.all_before(h)), carry


class Gated(torch.autograd.Function):
    """GRU: r and z = σ(W_ih x + b_ih + W_hh h + b_hh), n = tanh(W_in x + b_in + r ⊙ (W_hn h + b_hn)),
    h ← n + z ⊙ (h − n)."""

    @staticmethod
    def forward(ctx: Any, layout: Layout, x: Tensor, w_ih: Tensor, w_hh: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        b_ih, b_hh, h0 = rest
        units, w, bias = h0.shape[1], w_hh.t(), b_hh.to(x.dtype)
        a = torch.addmm(b_ih.to(x.dtype), x, w_ih.t())
        gates = _wide(a, h0.dtype)
        h, now = _states(h0, x, h0.dtype)
        factors, factors_now = (h, now) if h.dtype == x.dtype else _states(h0, x, x.dtype)
        inner = torch.empty_like(now)
        product = x.new_empty(len(h0), 3 * units)
        blocks = layout.steps(a, gates, inner, now, factors_now)
        for h_b, x_b, (a_t, g_t, i_t, h_t, x_t) in zip(layout.before(h), layout.before(factors), blocks, strict=True):
            p = torch.addmm(bias, x_b, w, out=product[: len(a_t)])
            r, z, n = g_t.split(units, 1)
            torch.add(a_t[:, : 2 * units], p[:, : 2 * units], out=g_t[:, : 2 * units]).sigmoid_()
            i_t.copy_(p[:, 2 * units :])
            n.copy_(a_t[:, 2 * units :]).addcmul_(r, i_t).tanh_()
            torch.lerp(n, h_b, z, out=h_t)
            if factors is not h:
                x_t.copy_(h_t)
        _keep(ctx, layout, x, w_ih, w_hh, gates, inner, h, factors)
        return factors_now, layout.after(h)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> Gradients:
        (x, w_ih, w_hh, gates, inner, h, factors), layout = ctx.saved_tensors, ctx.layout
        units = h.shape[1]
        # Four columns of blocks, n r z m: the first three are the gradients of W_ih x, the last three of W_hh h.
        d = x.new_empty(len(x), 4 * units)
        room = _wide(d[: len(h) - len(x)], h.dtype)
        carry = _begun(gradients[1], h[: -len(x)])
        kept, product = torch.empty_like(carry), torch.empty_like(factors[: len(carry)])
        blocks = _from_the_end(layout, _there(gradients[0], inner), gates, inner, d)
        for h_b, (above, g_t, i_t, d_t) in zip(reversed(layout.before(h)), blocks, strict=True):
            rows = len(d_t)
            e = d_t if d.dtype == h.dtype else room[:rows]
            (r, z, n), (e_n, _, e_z, e_m) = g_t.split(units, 1), e.split(units, 1)
            later = carry[:rows].add_(above)
            torch.mul(later, z, out=kept[:rows])
            tanh_backward(torch.sub(later, kept[:rows]), n, grad_input=e_n)
            torch.mul(e_n, i_t, out=e[:, units : 2 * units])
            torch.sub(h_b, n, out=e_z).mul_(later)
            sigmoid_backward(e[:, units : 3 * units], g_t[:, : 2 * units], grad_input=e[:, units : 3 * units])
            torch.mul(e_n, r, out=e_m)
            if e is not d_t:
                d_t.copy_(e)
            torch.add(kept[:rows], torch.mm(d_t[:, units:], w_hh, out=product[:rows]), out=later)
        # The order n r z becomes r z n.
        d_x = torch.cat((d[:, units : 3 * units], d[:, :units]), 1)
        return None, *_of_weights(ctx, d_x, d[:, units:], x, w_ih, layout.all_before(factors)), carry


class LongShortTerm(torch.autograd.Function):
    """LSTM: i, f and o = σ(…), g = tanh(…) of W_ih x + b_ih + W_hh h + b_hh; c ← f ⊙ c + i ⊙ g, h ← o ⊙ tanh(c)."""

    @staticmethod
    def forward(ctx: Any, layout: Layout, x: Tensor, w_ih: Tensor, w_hh: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        b_ih, b_hh, h0, c0 = rest
        units, w = h0.shape[1], w_hh.t()
        a = torch.addmm((b_ih + b_hh).to(x.dtype), x, w_ih.t())
        gates = _wide(a, c0.dtype)
        (h, h_now), (c, c_now) = _states(h0, x, x.dtype), _states(c0, x, c0.dtype)
        squashed = torch.empty_like(c_now)
        blocks = layout.steps(a, gates, h_now, c_now, squashed)
        for h_b, c_b, (a_t, g_t, h_t, c_t, s_t) in zip(layout.before(h), layout.before(c), blocks, strict=True):
            a_t.addmm_(h_b, w)
            if gates is not a:
                g_t.copy_(a_t)
            i, f, g, o = g_t.split(units, 1)
            g_t[:, : 2 * units].sigmoid_()
            g.tanh_()
            o.sigmoid_()
            torch.mul(f, c_b, out=c_t).addcmul_(i, g)
            torch.mul(o, torch.tanh(c_t, out=s_t), out=h_t)
        _keep(ctx, layout, x, w_ih, w_hh, gates, h, c, squashed)
        return h_now, layout.after(h).to(h0.dtype), layout.after(c)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> Gradients:
        (x, w_ih, w_hh, gates, h, c, squashed), layout = ctx.saved_tensors, ctx.layout
        units = h.shape[1]
        d = torch.empty_like(gates, dtype=x.dtype)
        room = _wide(d[: len(h) - len(x)], c.dtype)
        carry, d_c = _begun(gradients[1], h[: -len(x)]), _begun(gradients[2], c[: -len(x)])
        d_h = torch.empty_like(d_c)
        blocks = _from_the_end(layout, _there(gradients[0], h[-len(x) :]), gates, squashed, d)
        for c_b, (above, g_t, s_t, d_t) in zip(reversed(layout.before(c)), blocks, strict=True):
            rows = len(d_t)
            e = d_t if d.dtype == c.dtype else room[:rows]
            (i, f, g, o), (e_i, e_f, e_g, e_o) = g_t.split(units, 1), e.split(units, 1)
            memory, later = d_c[:rows], carry[:rows]
            output = torch.add(above, later, out=d_h[:rows])
            torch.mul(output, s_t, out=e_o)
            memory.add_(tanh_backward(output.mul_(o), s_t, grad_input=output))
            torch.mul(memory, g, out=e_i)
            torch.mul(memory, c_b, out=e_f)
            torch.mul(memory, i, out=e_g)
            memory.mul_(f)
            sigmoid_backward(e[:, : 2 * units], g_t[:, : 2 * units], grad_input=e[:, : 2 * units])
            tanh_backward(e_g, g, grad_input=e_g)
            sigmoid_backward(e_o, o, grad_input=e_o)
            if e is not d_t:
                d_t.copy_(e)
            torch.mm(d_t, w_hh, out=later)
        return None, *_of_weights(ctx, d, d, x, w_ih, layout.all_before(h)), carry, d_c


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


def _from_the_end(layout: Layout, *tensors: Tensor) -> list[tuple[Tensor, ...]]:
    return list(layout.steps(*tensors))[::-1]


def _of_weights(
    ctx: Any, d_x: Tensor, d_h: Tensor, x: Tensor, w_ih: Tensor, before: Tensor
) -> tuple[Tensor | None, ...]:
    """Gradients of x, W_ih, W_hh, b_ih and b_hh, from those of W_ih x + b_ih and of W_hh h + b_hh, [P, G·H] each."""
    inputs = d_x @ w_ih if ctx.needs_input_grad[1] else None
    exact = torch.promote_types(x.dtype, torch.float32)
    of_b_ih = d_x.sum(0, dtype=exact)
    of_b_hh = of_b_ih if d_x is d_h else d_h.sum(0, dtype=exact)
    return inputs, d_x.t() @ x, d_h.t() @ before, of_b_ih, of_b_hh
