"""Recurrent layers and language models: equal to the equations in float64, on padded batches and from a memory on."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from flori.layers.packed import Layout
from flori.layers.recurrent import CELLS, Carried, recur, recurrent
from flori.models.recurrent_language import gru, lstm, rnn
from flori.reference import gru as gru_equations
from flori.reference import lstm as lstm_equations
from flori.reference import rnn as rnn_equations

STEPS = {"rnn": rnn_equations.step, "gru": gru_equations.step, "lstm": lstm_equations.step}
BUILDERS = {"rnn": rnn, "gru": gru, "lstm": lstm}
B, T, D, H = 3, 5, 2, 7
LENGTHS = torch.tensor([2, 5, 3])


def array(tensor):
    return tensor.detach().numpy()


def noise(*shape, seed=1):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def stirred(module):
    """The module in float64, with every weight and bias at random."""
    for i, p in enumerate(module.double().parameters()):
        p.data = 0.5 * noise(*p.shape, seed=i)
    return module


def built(cell, layers=2, bidirectional=False):
    return stirred(recurrent(cell, D, H, layers, bidirectional=bidirectional))


def weights(module):
    """The weights as the equations take them: one tuple for each layer and direction."""
    return [tuple(array(w) for w in place) for place in module.all_weights]


def starting(cell, places, seed=7):
    tensors = tuple(noise(places, B, H, seed=seed + i) for i in range(2 if cell == "lstm" else 1))
    return Carried(tensors)


def states(memory, row):
    """A memory of one sequence as the equations have it: a tuple of states for each layer and direction."""
    return [tuple(array(t[place, row]) for t in memory.tensors) for place in range(len(memory.tensors[0]))]


def same(found, expected, atol=1e-12):
    np.testing.assert_allclose(array(found) if torch.is_tensor(found) else found, expected, rtol=0, atol=atol)


@pytest.mark.parametrize("cell", STEPS)
def test_deep_layers_equal_the_equations(cell):
    module, x, memory = built(cell), noise(B, T, D), starting(cell, 2)
    h, after = recur(module, x, memory)
    assert h.shape == (B, T, H)
    for row in range(B):
        expected, ends = rnn_equations.deep(STEPS[cell], array(x[row]), states(memory, row), weights(module))
        same(h[row], expected)
        same(states(after, row), ends)


@pytest.mark.parametrize("cell", STEPS)
def test_both_directions_end_where_each_sequence_does(cell):
    module, x, memory = built(cell, bidirectional=True), noise(B, T, D), starting(cell, 4)
    h, after = recur(module, x, memory, LENGTHS)
    assert h.shape == (B, T, 2 * H)
    pairs = list(zip(weights(module)[::2], weights(module)[1::2], strict=True))
    for row, length in enumerate(LENGTHS.tolist()):
        begun = states(memory, row)
        starts = list(zip(begun[::2], begun[1::2], strict=True))
        expected, ends = rnn_equations.both_ways(STEPS[cell], array(x[row, :length]), starts, pairs)
        same(h[row, :length], expected)
        same(h[row, length:], 0)
        same(states(after, row), [state for pair in ends for state in pair])


class Recurring(torch.nn.Module):
    """`recur` as a module, so that its weights can be given as arguments."""

    def __init__(self, rnn):
        super().__init__()
        self.rnn = rnn

    def forward(self, x, begun, lengths):
        h, after = recur(self.rnn, x, Carried(tuple(begun)), lengths)
        return h, *after.tensors


@pytest.mark.parametrize("cell", STEPS)
@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_gradients_equal_finite_differences(cell, lengths):
    module, x = Recurring(built(cell, bidirectional=True)), noise(B, T, D).requires_grad_()
    names, values = zip(*module.named_parameters(), strict=True)
    starts = [t.requires_grad_() for t in starting(cell, 4).tensors]

    def function(x, *rest):
        begun, held = rest[: len(starts)], dict(zip(names, rest[len(starts) :], strict=True))
        return torch.func.functional_call(module, held, (x, begun, lengths))

    assert torch.autograd.gradcheck(function, (x, *starts, *values), fast_mode=True)


@pytest.mark.parametrize("cell", STEPS)
def test_a_carried_state_goes_on_as_one_long_run(cell):
    model = stirred(BUILDERS[cell](11, width=D, hidden=H)).eval()
    tokens = torch.arange(B * T).view(B, T) % 11
    whole, end = model(tokens)
    memory, parts = None, []
    for part in tokens.split([1, 3, 1], dim=1):
        logits, memory = model(part, memory)
        parts.append(logits)
    same(torch.cat(parts, 1), array(whole))
    for mine, expected in zip(memory.tensors, end.tensors, strict=True):
        same(mine, array(expected))


def test_a_memory_is_reordered_repeated_and_detached():
    model = stirred(lstm(11, width=D, hidden=H)).eval()
    tokens = torch.arange(B * T).view(B, T) % 11
    rows = torch.tensor([2, 0, 0, 1, 2])
    _, memory = model(tokens[:, :3])
    expected, _ = model(tokens[rows])
    picked = memory.select(rows)
    assert len(memory) == B and len(picked) == 5
    same(model(tokens[rows, 3:], picked)[0], array(expected[:, 3:]))
    assert all(t.requires_grad for t in memory.tensors)
    assert not any(t.requires_grad for t in memory.detached().tensors)
    restored = Carried(tuple(t.clone() for t in memory.tensors))
    same(model(tokens[:, 3:], restored)[0], array(model(tokens[:, 3:], memory)[0]))


def test_no_gradient_goes_back_beyond_a_detached_memory():
    model = stirred(gru(11, width=D, hidden=H)).eval()
    tokens = torch.arange(B * T).view(B, T) % 11
    gradients = []
    for cut in (Carried.detached, lambda memory: Carried(tuple(t.detach().clone() for t in memory.tensors)), None):
        model.zero_grad()
        _, memory = model(tokens[:, :3])
        model(tokens[:, 3:], memory if cut is None else cut(memory))[0].square().sum().backward()
        gradients.append(array(model.rnn.weight_hh_l0.grad.clone()))
    same(gradients[0], gradients[1])
    assert np.abs(gradients[0] - gradients[2]).max() > 1e-3


@pytest.mark.parametrize("cell", STEPS)
@pytest.mark.parametrize("tied", [False, True])
def test_language_models_equal_the_equations(cell, tied):
    model = stirred(BUILDERS[cell](11, width=D, hidden=H, tied=tied)).eval()
    tokens = torch.tensor([[3, 1, 4, 1, 5], [9, 2, 6, 5, 3]])
    logits, _ = model(tokens)
    embedding, bias = array(model.embedding.weight), array(model.output.bias)
    last = embedding @ array(model.projection.weight) if tied else array(model.output.weight)
    zeros = [tuple(np.zeros(H) for _ in range(2 if cell == "lstm" else 1))] * 2
    read = embedding * math.sqrt(D) if tied else embedding
    for row, found in zip(tokens.tolist(), logits, strict=True):
        expected, _ = rnn_equations.language(STEPS[cell], row, read, weights(model.rnn), zeros, last, bias)
        same(found, expected)


@pytest.mark.parametrize("cell", STEPS)
def test_a_new_language_model_is_uniform(cell):
    torch.manual_seed(0)
    model = BUILDERS[cell](13, width=D, hidden=H)
    tokens = torch.randint(13, (B, T + 1))
    logits, _ = model(tokens[:, :-1])
    loss = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
    assert loss.item() == pytest.approx(math.log(13), abs=1e-6)


def test_a_tied_model_has_one_matrix_for_both_and_a_projection_where_it_must():
    names = {name for name, _ in lstm(11, width=D, hidden=H, layers=1, tied=True).named_parameters()}
    recurrent_names = {f"rnn.{kind}_{side}_l0" for kind in ("weight", "bias") for side in ("ih", "hh")}
    assert names == {"embedding.weight", "projection.weight", "output.bias", *recurrent_names}
    assert "projection.weight" not in dict(lstm(11, width=H, hidden=H, tied=True).named_parameters())


@pytest.mark.parametrize("cell", STEPS)
def test_autocast_multiplies_in_bfloat16_and_adds_up_in_float32(cell):
    torch.manual_seed(0)
    module = recurrent(cell, 13, 31, 2)
    x = torch.randn(B, 101, 13)
    results, slopes = [], []
    for lowered in (False, True):
        module.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=lowered):
            h, after = recur(module, x)
        assert h.dtype == (torch.bfloat16 if lowered else torch.float32)
        assert all(t.dtype == torch.float32 for t in after.tensors)
        h.float().square().mean().backward()
        results.append(h.float())
        slopes.append(torch.cat([p.grad.flatten() for p in module.parameters()]))
        assert all(p.grad.dtype == torch.float32 for p in module.parameters())
    torch.testing.assert_close(results[1], results[0], rtol=0, atol=0.03)
    assert F.cosine_similarity(*slopes, dim=0) > 0.999
    assert not torch.equal(*results)


def test_the_books_gru_differs_but_for_diagonal_weights():
    """r ⊙ (W h) = W (r ⊙ h) for every r only if W is diagonal and its bias zero."""
    p = list(weights(built("gru", 1))[0])
    x, h = array(noise(D)), (array(noise(H, seed=3)),)
    ours, books = (gru_equations.step(x, h, p, reset)[0] for reset in ("after", "before"))
    assert np.abs(ours - books).max() > 0.01
    p[1], p[3] = p[1].copy(), p[3].copy()
    p[1][2 * H :], p[3][2 * H :] = np.diag(np.diag(p[1][2 * H :])), 0
    ours, books = (gru_equations.step(x, h, p, reset)[0] for reset in ("after", "before"))
    same(ours, books)


@pytest.mark.parametrize("cell", CELLS)
def test_initial_weights_turn_states_without_stretching_them(cell):
    module = recurrent(cell, 13, 11, 2, bidirectional=True)
    for w_ih, w_hh, b_ih, b_hh in module.all_weights:
        gates = w_hh.unflatten(0, (-1, 11)).double()
        same(gates @ gates.mT, np.broadcast_to(np.eye(11), gates.shape), atol=1e-5)
        assert w_ih.abs().max() <= math.sqrt(6 / (w_ih.shape[1] + 11))
        expected = torch.zeros(len(gates), 11)
        if cell == "lstm":
            expected[1] = 1  # of the gates i, f, g, o
        assert torch.equal((b_ih + b_hh).view(-1, 11), expected)


def test_a_packed_batch_by_hand():
    """Three sequences a, b, c of 3, 2 and 1 steps lie as a0 b0 c0 a1 b1 a2."""
    layout = Layout((3, 2, 1))
    rows = torch.arange(6)
    assert [block.tolist() for block in layout.steps(rows)] == [[0, 1, 2], [3, 4], [5]]
    assert [block.tolist() for block in layout.steps(rows[:3])] == [[0, 1, 2], [0, 1], [0]]
    split = layout.columns(rows[:, None] + torch.tensor([0, 10, 20, 30]), 2, (0, 2), (1, 2))
    assert [last.tolist() for _, last in split] == [[[20, 30], [21, 31], [22, 32]], [[23, 33], [24, 34]], [[25, 35]]]
    assert layout.backwards.tolist() == [5, 4, 2, 3, 1, 0]
    states = torch.arange(9)[:, None] - 3  # of which -3, -2 and -1 are the initial ones
    assert [block.flatten().tolist() for block in layout.before(states)] == [[-3, -2, -1], [0, 1], [3]]
    assert layout.all_before(states).flatten().tolist() == [-3, -2, -1, 0, 1, 3]
    assert layout.after(states).flatten().tolist() == [5, 4, 2]
