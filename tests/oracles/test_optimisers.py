"""Every optimiser by name takes the steps of its rule, written out in `flori.reference.optimisers`."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from flori import models
from flori.core.recipe import Training
from flori.data.batches import Batch
from flori.objectives.objective import Objective
from flori.reference import optimisers as rules
from flori.reference.schedules import share
from flori.training import optimizers
from flori.training.clipping import clip
from flori.training.state import State
from flori.training.updates import descent

STEPS, RATE, DECAY = 10, 0.03, 0.07
CASES = {
    "gd": (rules.gradient_descent, {}, {}),
    "sgd": (rules.gradient_descent, {"momentum": 0.0}, {}),
    "momentum": (rules.momentum, {"momentum": 0.8}, {"beta": 0.8}),
    "nesterov": (rules.nesterov, {"momentum": 0.8}, {"beta": 0.8}),
    "adagrad": (rules.adagrad, {}, {}),
    "rmsprop": (rules.rmsprop, {"momentum": 0.0}, {}),
    "adam": (rules.adam, {}, {}),
    "adamw": (rules.adamw, {}, {}),
}
BY_NAME = [(name, *case) for name, case in CASES.items()]
BY_NAME += [
    ("sgd", rules.momentum, {"momentum": 0.9}, {"beta": 0.9}),
    ("sgd", rules.nesterov, {"momentum": 0.9, "nesterov": True}, {"beta": 0.9}),
    ("rmsprop", rules.rmsprop, {"momentum": 0.7}, {"beta": 0.7}),
]


class Bowl(nn.Module):
    """½(w − c)ᵀA(w − c) + ½(b − d)ᵀ(b − d) of weights w, here a matrix [3, 1], which decay, and biases b [2], which do
    not."""

    heads = ()

    def __init__(self):
        super().__init__()
        draw = np.random.default_rng(0)
        half = draw.normal(size=(3, 3))
        self.A, self.c = half @ half.T + np.eye(3), draw.normal(size=3)
        self.w = nn.Parameter(torch.tensor(draw.normal(size=(3, 1))))
        self.b = nn.Parameter(torch.tensor(draw.normal(size=2)))

    def forward(self, batch):
        away = self.w[:, 0] - torch.tensor(self.c)
        return 0.5 * away @ torch.tensor(self.A) @ away + 0.5 * (self.b - 2).square().sum()

    def gradient(self, w):
        """By hand, of w and b one after the other."""
        return np.concatenate([self.A @ (w[:3] - self.c), w[3:] - 2])


class Network(nn.Module):
    """A perceptron 3-5-2 with biases, and the square of its errors on seven examples."""

    heads = ()

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.layers = models.mlp(2, (3,), hidden=(5,), activation="tanh").double()
            self.x, self.y = torch.randn(7, 3).double(), torch.randn(7, 2).double()

    def forward(self, batch):
        return 0.5 * (self.layers(self.x) - self.y).square().mean()

    def gradient(self, w):
        """By the chain rule, written out."""
        parts, tanh = np.split(w, [15, 20, 30]), np.tanh
        W1, b1, W2, b2 = parts[0].reshape(5, 3), parts[1], parts[2].reshape(2, 5), parts[3]
        x, y = self.x.numpy(), self.y.numpy()
        h = tanh(x @ W1.T + b1)
        error = (h @ W2.T + b2 - y) / y.size
        back = error @ W2 * (1 - h**2)
        return np.concatenate([(back.T @ x).ravel(), back.sum(0), (error.T @ h).ravel(), error.sum(0)])


def flat(model):
    return np.concatenate([p.detach().numpy().ravel() for p in model.parameters()])


def decays(model):
    return np.concatenate([np.full(p.numel(), DECAY if p.dim() > 1 else 0.0) for p in model.parameters()])


def path(model, **options):
    """The weights after each of the steps that flori takes."""
    training = Training(lr=RATE, weight_decay=DECAY, **options)
    objective = Objective(lambda model, batch: {"loss": model(batch)}, count=len)
    state = State(model, optimizers.build(model, training))
    update = descent(objective, training, STEPS, torch.device("cpu"), "float64")
    batch, found = Batch(torch.zeros(7, 1), torch.zeros(7)), []
    for _ in range(STEPS):
        update(state, batch)
        state.step += 1
        found.append(flat(model))
    return np.array(found)


@pytest.mark.parametrize(("name", "rule", "options", "constants"), BY_NAME)
@pytest.mark.parametrize("surface", [Bowl, Network])
def test_ten_steps_are_those_of_the_rule(name, rule, options, constants, surface):
    model = surface()
    expected = list(rule(flat(model), model.gradient, [RATE] * STEPS, decays(model), **constants))
    found = path(model, optimizer=name, **options)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)
    assert np.abs(found[-1] - found[0]).max() > 1e-3


@pytest.mark.parametrize("shape", [(3, 5), (5, 2)])
def test_muon_takes_its_own_steps_on_matrices(shape):
    draw = np.random.default_rng(1)
    start, target = draw.normal(size=(2, *shape))
    layer = nn.Linear(shape[1], shape[0], bias=False).double()
    layer.heads = ()
    layer.weight.data = torch.tensor(start)
    training = Training(lr=RATE, optimizer="muon", momentum=0.9, weight_decay=DECAY)
    optimizer, found = optimizers.build(layer, training), []
    for _ in range(STEPS):
        layer.weight.grad = layer.weight.detach() - torch.tensor(target)
        optimizer.step()
        found.append(layer.weight.detach().numpy().copy())
    expected = list(rules.muon(start, lambda W: W - target, [RATE] * STEPS, DECAY, beta=0.9))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


def test_muon_takes_steps_of_adamw_on_biases():
    bias = nn.ParameterDict({"bias": nn.Parameter(torch.tensor([3.0, -2.0]).double())})
    bias.heads = ()
    optimizer, found = optimizers.build(bias, Training(lr=RATE, optimizer="muon", weight_decay=DECAY)), []
    for _ in range(STEPS):
        bias["bias"].grad = bias["bias"].detach() ** 3
        optimizer.step()
        found.append(bias["bias"].detach().numpy().copy())
    steps = rules.adamw(np.array([3.0, -2.0]), lambda w: w**3, [RATE] * STEPS, np.zeros(2), beta2=0.95)
    np.testing.assert_allclose(found, list(steps), rtol=0, atol=1e-10)


def test_nesterov_is_the_books_path_seen_from_where_it_looks():
    bowl, nothing = Bowl(), np.zeros(5)
    ours = list(rules.nesterov(flat(bowl), bowl.gradient, [RATE] * STEPS, nothing))
    books = list(rules.nesterov_looking_ahead(flat(bowl), bowl.gradient, [RATE] * STEPS))
    np.testing.assert_allclose(ours, books, rtol=0, atol=1e-12)


def test_decay_equals_the_penalty_without_momentum_and_differs_with_it():
    """(1 − ηλ)w − ηg is the step along g + λw; what is remembered of λw makes the difference."""
    bowl = Bowl()
    start, decay, rates = flat(bowl), decays(bowl), [RATE] * STEPS

    def penalised(w):
        return bowl.gradient(w) + decay * w

    apart = list(rules.gradient_descent(start, bowl.gradient, rates, decay))
    np.testing.assert_allclose(apart, list(rules.gradient_descent(start, penalised, rates, 0 * decay)), atol=1e-14)
    added = list(rules.adam(start, bowl.gradient, rates, decay))[-1]
    assert np.abs(added - list(rules.adamw(start, bowl.gradient, rates, decay))[-1]).max() > 1e-3


def test_decay_ends_where_the_notes_say_on_a_quadratic():
    """w̃ = (H + αI)⁻¹Hw* = Q(Λ + αI)⁻¹ΛQᵀw*: components along small eigenvalues shrink most."""
    bowl = Bowl()
    *_, last = rules.gradient_descent(flat(bowl), bowl.gradient, [0.1] * 2000, decays(bowl))
    values, Q = np.linalg.eigh(bowl.A)
    np.testing.assert_allclose(last[:3], Q @ (values / (values + DECAY) * (Q.T @ bowl.c)), atol=1e-10)
    np.testing.assert_allclose(last[3:], 2, atol=1e-10)  # biases are not pulled


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_the_rate_of_each_step_is_the_schedules(schedule):
    bowl = Bowl()
    rates = [RATE * share(schedule, k, 2, 8, 0.25) for k in range(STEPS)]
    expected = list(rules.momentum(flat(bowl), bowl.gradient, rates, decays(bowl)))
    found = path(bowl, optimizer="momentum", schedule=schedule, warmup=0.2, until=0.8, floor=0.25)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("theta", [1e-3, 0.5, 1e3])
def test_clipping_is_the_formula_over_all_weights_together(theta):
    bowl = Bowl()
    frozen = nn.Parameter(torch.ones(11).double(), requires_grad=False)
    bowl.w.grad, bowl.b.grad = torch.randn(3, 1).double(), torch.randn(2).double()
    before = np.concatenate([bowl.w.grad.numpy().ravel(), bowl.b.grad.numpy()])
    norm = clip([bowl.w, frozen, bowl.b], theta)
    after = np.concatenate([bowl.w.grad.numpy().ravel(), bowl.b.grad.numpy()])
    np.testing.assert_allclose(after, rules.clipped(before, theta), rtol=1e-14)
    assert float(norm) == pytest.approx(np.linalg.norm(before)) and frozen.grad is None


def test_clipping_leaves_no_gradient_and_gradients_of_zero_alone():
    p = nn.Parameter(torch.ones(3))
    assert clip([p], 1.0) is None
    p.grad = torch.zeros(3)
    clip([p], 1.0)
    assert p.grad.tolist() == [0, 0, 0]
