"""What torch lacks around its RNN, GRU and LSTM: a memory to carry on, initial weights, and speed on a processor.

torch's conventions, where the books have others: two biases, of which only the sum matters but for the GRU's new state;
the GRU's reset gate comes after its product with W_hh; the gates lie in the order r, z, n and i, f, g, o.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.forward_ad import unpack_dual
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from flori.layers.dropout import dropout
from flori.layers.meeting import Looked, Product, Rows
from flori.layers.packed import Layout
from flori.layers.scan import Gated, LongShortTerm, Plain

CELLS: dict[str, Callable[..., nn.RNNBase]] = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
SCANS: dict[str, type[torch.autograd.Function]] = {"RNN_TANH": Plain, "GRU": Gated, "LSTM": LongShortTerm}


@dataclass(frozen=True)
class Carried:
    """What recurrent layers know after what they have read: h [layers·directions, B, H], and of an LSTM also c."""

    tensors: tuple[Tensor, ...]

    def __len__(self) -> int:
        return self.tensors[0].shape[1]

    def select(self, rows: Tensor) -> Carried:
        """The memories of these sequences, int64 [N]: in another order, or some several times."""
        return Carried(tuple(t.index_select(1, rows) for t in self.tensors))

    def detached(self) -> Carried:
        """The same numbers, which no gradient flows back from: truncated back-propagation through time."""
        return Carried(tuple(t.detach() for t in self.tensors))


def recurrent(
    cell: str, width: int, hidden: int, layers: int = 1, dropout: float = 0.0, bidirectional: bool = False
) -> nn.RNNBase:
    """torch's module of a cell ("rnn", "gru" or "lstm") with the initial weights of `initialise`, batch first."""
    between = dropout if layers > 1 else 0.0
    rnn = CELLS[cell](width, hidden, layers, batch_first=True, dropout=between, bidirectional=bidirectional)
    initialise(rnn)
    return rnn


def initialise(rnn: nn.RNNBase) -> None:
    """Weights that keep what goes through time as large as it is.

    Each gate's square of W_hh is orthogonal (Saxe, McClelland and Ganguli 2014), each gate's part of W_ih Xavier's for
    its own D and H (Glorot and Bengio 2010), and the biases are zero, but 1 for the LSTM's forget gate, which begins
    by remembering (Gers, Schmidhuber and Cummins 2000; Jozefowicz, Zaremba and Sutskever 2015).
    """
    for w_ih, w_hh, *biases in rnn.all_weights:
        for gate in range(len(w_hh) // rnn.hidden_size):
            rows = slice(gate * rnn.hidden_size, (gate + 1) * rnn.hidden_size)
            nn.init.xavier_uniform_(w_ih[rows])
            nn.init.orthogonal_(w_hh[rows])
        for bias in biases:
            nn.init.zeros_(bias)
        if rnn.mode == "LSTM":
            nn.init.ones_(biases[0][rnn.hidden_size : 2 * rnn.hidden_size])


def recur(
    rnn: nn.RNNBase, x: Tensor | Looked, memory: Carried | None = None, lengths: Tensor | None = None
) -> tuple[Tensor, Carried]:
    """Run a module of `recurrent` over x [B, T, D], or over rows of a table by numbers [B, T], from a memory or from
    zeros → h of the top layer [B, T, H·directions] and the memory after it.

    With lengths, int64 [B], each at least 1, no state is read at a padded step: the memory is that after each
    sequence's own last step, the backward direction begins there, and h is zero beyond it.

    Equal to torch's module, which does it itself elsewhere than on a processor, where the graph is exported, and in
    forward mode, which the loop by hand does not know.
    """
    numbers = x.table if isinstance(x, Looked) else x
    here = numbers.device.type == "cpu" and not torch.compiler.is_compiling()
    by_hand = here and not _in_forward_mode(numbers, *rnn.parameters())
    if isinstance(x, Looked) and by_hand and lengths is None:
        table = x.table.to(_product_type(x.table))
        return _side_by_side(rnn, Looked(table, x.index.t().flatten()), x.index.shape, memory)
    x = x.rows() if isinstance(x, Looked) else x
    return _by_hand(rnn, x.to(_product_type(x)), memory, lengths) if by_hand else _by_torch(rnn, x, memory, lengths)


def _in_forward_mode(*tensors: Tensor) -> bool:
    """Whether a derivative is carried along with any of these (jvp)."""
    return any(unpack_dual(t).tangent is not None for t in tensors)


def _by_torch(rnn: nn.RNNBase, x: Tensor, memory: Carried | None, lengths: Tensor | None) -> tuple[Tensor, Carried]:
    start = None if memory is None else tuple(t.to(x.dtype) for t in memory.tensors)
    one = rnn.mode != "LSTM"
    h, after = rnn(x if lengths is None else _pack(x, lengths), start[0] if one and start else start)
    if lengths is not None:
        h, _ = pad_packed_sequence(h, batch_first=True, total_length=x.shape[1])
    return h, Carried((after,) if one else after)


def _by_hand(rnn: nn.RNNBase, x: Tensor, memory: Carried | None, lengths: Tensor | None) -> tuple[Tensor, Carried]:
    if lengths is None:
        return _side_by_side(rnn, x.transpose(0, 1).flatten(0, 1), x.shape[:2], memory)
    memory = _nothing(rnn, x, len(x)) if memory is None else memory
    data, sizes, order, back = _pack(x, lengths)
    assert order is not None and back is not None  # for it sorts
    rows, after = _scan(rnn, data, Layout(tuple(sizes.tolist())), memory.select(order))
    h, _ = pad_packed_sequence(PackedSequence(rows, sizes, order, back), batch_first=True, total_length=x.shape[1])
    return h, after.select(back)


def _side_by_side(
    rnn: nn.RNNBase, x: Tensor | Looked, shape: Sequence[int], memory: Carried | None
) -> tuple[Tensor, Carried]:
    """Sequences of one length, `shape` [B, T], their rows x [T·B, D] step by step."""
    (b, t), like = shape, x.table if isinstance(x, Looked) else x
    rows, after = _scan(rnn, x, Layout((b,) * t), _nothing(rnn, like, b) if memory is None else memory)
    return rows.unflatten(0, (t, b)).transpose(0, 1), after


def _pack(x: Tensor, lengths: Tensor) -> PackedSequence:
    if _in_forward_mode(x):  # which torch's own packing does not know: it packs places instead
        places = torch.arange(x.shape[0] * x.shape[1]).view(x.shape[:2])
        rows, *layout = pack_padded_sequence(places, lengths.cpu(), batch_first=True, enforce_sorted=False)
        return PackedSequence(x.flatten(0, 1).index_select(0, rows), *layout)
    return pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)


def _nothing(rnn: nn.RNNBase, like: Tensor, b: int) -> Carried:
    layers = rnn.num_layers * (2 if rnn.bidirectional else 1)
    return Carried((like.new_zeros(layers, b, rnn.hidden_size),) * (2 if rnn.mode == "LSTM" else 1))


def _product_type(x: Tensor) -> torch.dtype:
    lowered = torch.is_autocast_enabled("cpu") and x.dtype != torch.float64
    return torch.get_autocast_dtype("cpu") if lowered else x.dtype


def _scan(rnn: nn.RNNBase, x: Tensor | Looked, layout: Layout, memory: Carried) -> tuple[Tensor, Carried]:
    """All layers over packed rows x [P, D] → h of the top one [P, H·directions] and the memory after it."""
    ways, ends = 2 if rnn.bidirectional else 1, []
    parts = list(zip(rnn.all_weights, *(t.unbind() for t in memory.tensors), strict=True))
    with torch.autocast("cpu", enabled=False):
        for layer in range(rnn.num_layers):
            x = dropout(x, rnn.dropout, rnn.training) if isinstance(x, Tensor) and layer else x
            found = []
            for way in range(ways):
                weights, *start = parts[ways * layer + way]
                h, *end = _one_way(rnn.mode, x, layout, weights, start, backwards=way == 1)
                found.append(h)
                ends.append(end)
            x = torch.cat(found, 1) if ways == 2 else found[0]
    assert isinstance(x, Tensor)
    return x, Carried(tuple(torch.stack(states) for states in zip(*ends, strict=True)))


def _one_way(
    mode: str, x: Tensor | Looked, layout: Layout, weights: list[Tensor], start: list[Tensor], backwards: bool
) -> tuple[Tensor, ...]:
    w_ih, w_hh, b_ih, b_hh = weights
    apart = mode == "GRU"  # where b_hh goes through the reset gate
    a = _met(x, w_ih, b_ih if apart else b_ih + b_hh)
    a = _Turned.apply(a, layout.backwards) if backwards else a
    wide = (t.to(torch.promote_types(a.dtype, torch.float32)) for t in start)
    h, *end = SCANS[mode].apply(layout, a, w_hh.to(a.dtype), *((b_hh,) if apart else ()), *wide)
    return _Turned.apply(h, layout.backwards) if backwards else h, *end


def _met(x: Tensor | Looked, weight: Tensor, bias: Tensor) -> Tensor:
    """W x + b of all rows: [P, K]."""
    if isinstance(x, Looked):
        return Rows.apply(_met(x.table, weight, bias), x.index)
    return Product.apply(x, weight.to(x.dtype), bias)


class _Turned(torch.autograd.Function):
    """Rows in the order of `Layout.backwards`, which undoes itself: its gradient is the same step again, and needs no
    adding up as that of an index does."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, order: Tensor) -> Tensor:
        ctx.order = order
        return rows.index_select(0, order)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0].index_select(0, ctx.order), None
