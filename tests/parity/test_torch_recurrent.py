"""Our loops over time against torch's own modules: the same weights, numbers and gradients; and torch's conventions."""

import pytest
import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from flori.layers.meeting import Looked
from flori.layers.recurrent import CELLS, Carried, recur
from flori.models.recurrent_language import lstm

B, T, D, H = 3, 5, 2, 7
LENGTHS = torch.tensor([2, 5, 3])


@pytest.fixture(autouse=True)
def same_draws():
    torch.manual_seed(0)


def pair(cell, bidirectional, layers=2):
    """Two copies of torch's module with its own initial weights."""
    one, other = (CELLS[cell](D, H, layers, batch_first=True, bidirectional=bidirectional).double() for _ in range(2))
    other.load_state_dict(one.state_dict())
    return one, other


def start(cell, places):
    return [torch.randn(places, B, H, dtype=torch.float64, requires_grad=True) for _ in range(1 + (cell == "lstm"))]


def theirs(module, x, begun, lengths):
    state = tuple(begun) if len(begun) == 2 else begun[0]
    if lengths is None:
        h, after = module(x, state)
    else:
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        h, after = module(packed, state)
        h, _ = pad_packed_sequence(h, batch_first=True, total_length=T)
    return h, after if isinstance(after, tuple) else (after,)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
@pytest.mark.parametrize("exported", [False, True])
def test_outputs_states_and_gradients(cell, bidirectional, lengths, exported, monkeypatch):
    ours, other = pair(cell, bidirectional)
    x = torch.randn(B, T, D, dtype=torch.float64)
    begun = start(cell, 4 if bidirectional else 2)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: exported)
    found = []
    for module, run in ((ours, lambda *a: recur(a[0], a[1], Carried(tuple(a[2])), a[3])), (other, theirs)):
        inputs = [x.clone().requires_grad_(), *(t.detach().clone().requires_grad_() for t in begun)]
        h, after = run(module, inputs[0], inputs[1:], lengths)
        after = after.tensors if isinstance(after, Carried) else after
        loss = h.square().sum() + sum((t * torch.arange(1.0, 1 + t.numel()).view_as(t)).sum() for t in after)
        loss.backward()
        found.append([h, *after, *(t.grad for t in inputs), *(p.grad for p in module.parameters())])
    for mine, expected in zip(*found, strict=True):
        torch.testing.assert_close(mine, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_rows_of_a_table_are_an_embedding(cell, bidirectional, lengths):
    ours, other = pair(cell, bidirectional)
    table, tokens = torch.randn(4, D, dtype=torch.float64), torch.randint(4, (B, T))
    begun, found = start(cell, 4 if bidirectional else 2), []
    for module, run in (
        (ours, lambda *a: recur(a[0], Looked(a[1], tokens), Carried(tuple(a[2])), lengths)[0]),
        (other, lambda *a: theirs(a[0], F.embedding(tokens, a[1]), a[2], lengths)[0]),
    ):
        rows = table.clone().requires_grad_()
        h = run(module, rows, begun)
        h.square().sum().backward()
        found.append([h, rows.grad, *(p.grad for p in module.parameters())])
    for mine, expected in zip(*found, strict=True):
        torch.testing.assert_close(mine, expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("cell", CELLS)
def test_from_nothing_is_from_zeros(cell):
    ours, other = pair(cell, bidirectional=True)
    x = torch.randn(B, T, D, dtype=torch.float64)
    torch.testing.assert_close(recur(ours, x)[0], other(x)[0], rtol=0, atol=1e-12)
    zeros = Carried(tuple(torch.zeros_like(t) for t in start(cell, 4)))
    assert torch.equal(recur(ours, x)[0], recur(ours, x, zeros)[0])


def test_dropout_is_between_layers_in_training_alone():
    module = torch.nn.GRU(D, H, 2, batch_first=True, dropout=0.5)
    x = torch.randn(B, T, D)
    torch.manual_seed(1)
    first, _ = recur(module, x)
    torch.manual_seed(1)
    assert torch.equal(recur(module, x)[0], first)
    assert not torch.equal(recur(module, x)[0], first)
    module.eval()
    torch.testing.assert_close(recur(module, x)[0], module(x)[0], rtol=0, atol=1e-6)


def test_weights_of_torchs_module_fit_by_name():
    other = torch.nn.LSTM(D, H, 2)
    model = lstm(11, width=D, hidden=H, layers=2)
    model.rnn.load_state_dict(other.state_dict(), strict=True)


def test_the_forget_gate_is_the_second_quarter():
    """With all weights zero and this gate open, the memory stays; h is half of its tanh, for the output gate is ½."""
    module = torch.nn.LSTM(D, H, batch_first=True).double()
    for p in module.parameters():
        torch.nn.init.zeros_(p)
    module.bias_ih_l0.data[H : 2 * H] = 1e3
    h0, c0 = start("lstm", 1)
    h, after = recur(module, torch.randn(B, T, D, dtype=torch.float64), Carried((h0, c0)))
    torch.testing.assert_close(after.tensors[1], c0, rtol=0, atol=1e-12)
    torch.testing.assert_close(h[:, -1], 0.5 * c0[0].tanh(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_two_biases_of_which_only_the_sum_matters_but_for_the_gru(cell):
    ours, other = pair(cell, bidirectional=False, layers=1)
    x = torch.randn(B, T, D, dtype=torch.float64)
    other.bias_ih_l0.data, other.bias_hh_l0.data = ours.bias_hh_l0.data, ours.bias_ih_l0.data
    difference = (recur(ours, x)[0] - recur(other, x)[0]).abs().max()
    assert difference > 1e-3 if cell == "gru" else difference < 1e-12


def test_the_grus_update_gate_keeps_the_old_state():
    """torch's z weighs the old state: with z = 1 nothing changes."""
    module = torch.nn.GRU(D, H, batch_first=True).double()
    module.bias_ih_l0.data[H : 2 * H] = 1e3
    (h0,) = start("gru", 1)
    h, _ = recur(module, torch.randn(B, T, D, dtype=torch.float64), Carried((h0,)))
    torch.testing.assert_close(h, h0[0][:, None].expand(B, T, H), rtol=0, atol=1e-12)
