"""Kernel regression: equal to its equations, leaving one out while it learns, and at ease with ties and far queries."""

from importlib import import_module

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch.utils._python_dispatch import TorchDispatchMode

import flori
from flori import models
from flori.core.errors import UserError
from flori.data.batches import Batch
from flori.objectives.leave_one_out import leave_one_out
from flori.reference import nadaraya_watson as oracle

N, M, D = 7, 13, 3
SIGMA = np.array([0.3, 0.7, 1.9])
rng = np.random.default_rng(7)
KEYS, VALUES, QUERIES = rng.normal(size=(M, D)), rng.normal(size=M), rng.normal(size=(N, D))
X, Y = torch.tensor(KEYS), torch.tensor(VALUES)


def network(keys=KEYS, values=VALUES, sigma=SIGMA, **options):
    model = models.nadaraya_watson(1, (keys.shape[1],), **options).double()
    model.remember(torch.tensor(keys), torch.tensor(values))
    if sigma is not None:
        model.kernel.log_width.data = torch.tensor(np.log(sigma))
    return model


def answers(model, queries):
    return model(torch.tensor(queries)).detach().numpy()


def test_weights_and_answers_equal_the_equations():
    model = network()
    weights = [oracle.weights(x, KEYS, SIGMA) for x in QUERIES]
    np.testing.assert_allclose(model.attention(torch.tensor(QUERIES)).detach(), weights, rtol=0, atol=1e-13)
    expected = [oracle.predict(x, KEYS, VALUES, SIGMA) for x in QUERIES]
    np.testing.assert_allclose(answers(model, QUERIES), expected, rtol=0, atol=1e-13)


def test_it_is_scaled_dot_product_attention_with_the_size_of_the_keys_as_a_mask():
    q, k = torch.tensor(QUERIES / SIGMA)[None], torch.tensor(KEYS / SIGMA)[None]
    theirs = F.scaled_dot_product_attention(q, k, Y[None, :, None], -0.5 * k.square().sum(2)[:, None], scale=1.0)
    np.testing.assert_allclose(answers(network(), QUERIES), theirs[0, :, 0], rtol=0, atol=1e-13)


def test_average_pooling_is_the_mean_and_the_limit_of_wide_kernels():
    mean = oracle.average(VALUES)
    np.testing.assert_allclose(answers(network(sigma=None, kernel="average"), QUERIES), mean, rtol=0, atol=1e-15)
    errors = [np.abs(answers(network(sigma=None, width=w), QUERIES) - mean).max() for w in (1e1, 1e2, 1e3)]
    assert errors[1] < 0.02 * errors[0] and errors[2] < 0.02 * errors[1]  # as 1/σ²


def test_the_limit_of_narrow_kernels_is_the_nearest_row():
    nearest = ((QUERIES[:, None] - KEYS) ** 2).sum(2).argmin(1)
    np.testing.assert_allclose(answers(network(sigma=None, width=1e-3), QUERIES), VALUES[nearest], rtol=0, atol=1e-12)


def test_a_fixed_kernel_has_its_width_and_nothing_to_learn():
    model = network(sigma=None, kernel="fixed", width=0.7, per_feature=False)
    expected = [oracle.predict(x, KEYS, VALUES, [0.7] * D) for x in QUERIES]
    np.testing.assert_allclose(answers(model, QUERIES), expected, rtol=0, atol=1e-7)  # ln 0.7 begins as float32
    assert not any(p.requires_grad for p in model.parameters())


def test_leaving_one_out_answers_each_row_from_the_others():
    order = [11, 2, 5, 3, 7]
    found = network()(X[order], torch.tensor(order)).detach()
    expected = [oracle.predict(KEYS[n], *oracle.others(KEYS, VALUES, n), SIGMA) for n in order]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)
    assert not np.allclose(found, answers(network(), KEYS[order]), rtol=0, atol=1e-2)


def objective_and_gradient(model, order):
    loss = leave_one_out(model.keys, model.values).losses(model, Batch(X[order], Y[order]))["loss"]
    loss.backward()
    return float(loss.detach()), model.kernel.log_width.grad.numpy()


def test_loss_and_gradient_equal_the_equations_in_any_order():
    loss, gradient = objective_and_gradient(network(), torch.randperm(M, generator=torch.Generator().manual_seed(1)))
    assert loss == pytest.approx(oracle.loss(KEYS, VALUES, SIGMA), abs=1e-14)
    np.testing.assert_allclose(gradient, oracle.gradient(KEYS, VALUES, SIGMA) * SIGMA, rtol=0, atol=1e-13)


def test_the_equation_of_the_gradient_equals_finite_differences():
    numeric = np.zeros(D)
    for j, step in enumerate(1e-6 * np.eye(D)):
        numeric[j] = (oracle.loss(KEYS, VALUES, SIGMA + step) - oracle.loss(KEYS, VALUES, SIGMA - step)) / 2e-6
    np.testing.assert_allclose(oracle.gradient(KEYS, VALUES, SIGMA), numeric, rtol=0, atol=1e-8)
    assert np.abs(numeric).min() > 1e-3


def test_one_width_for_all_features_has_the_sum_of_their_gradients():
    model = network(sigma=np.array([0.7]), per_feature=False)
    _, gradient = objective_and_gradient(model, torch.arange(M))
    expected = (oracle.gradient(KEYS, VALUES, np.full(D, 0.7)) * 0.7).sum()
    np.testing.assert_allclose(gradient, [expected], rtol=0, atol=1e-13)


def test_rows_of_equal_features_leave_out_only_themselves():
    keys, values = KEYS.copy(), VALUES.copy()
    keys[[2, 5]] = keys[11]  # three places of one kind, of which two have the same number too
    values[5] = values[11]
    model, order = network(keys, values), [11, 2, 5]
    x, y = torch.tensor(keys[order]), torch.tensor(values[order])
    loss = leave_one_out(model.keys, model.values).losses(model, Batch(x, y))["loss"]
    expected = [oracle.predict(keys[n], *oracle.others(keys, values, n), SIGMA) - values[n] for n in order]
    assert float(loss.detach()) == pytest.approx(0.5 * np.square(expected).mean(), abs=1e-14)


def test_ties_are_shared_evenly_however_narrow_the_kernel():
    model = network(np.array([[-1.0], [1.0], [5.0]]), np.array([2.0, 7.0, 11.0]), np.array([1e-3]))
    assert answers(model, np.array([[0.0]])) == pytest.approx([4.5], abs=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("far", [1e3, 1e5, 1e30, float("inf")])
def test_a_query_far_away_is_answered_by_the_outermost_row(dtype, far):
    model = network(np.array([[-1.3, 0.1], [0.2, 0.7], [1.1, -0.4]]), np.array([2.0, 7.0, 11.0]), np.full(2, 0.1))
    found = model.to(dtype)(torch.tensor([[far, 0.0], [-far, 0.0]], dtype=dtype))
    assert found.tolist() == pytest.approx([11.0, 2.0], abs=1e-5)


def test_an_outlier_that_must_not_answer_itself_has_a_finite_gradient():
    keys = np.array([[0.0], [0.01], [30.0]])
    model = network(keys, np.array([2.0, 3.0, 11.0]), np.array([1e-2])).float()
    leave_one_out(model.keys, model.values).losses(model, Batch(model.keys, model.values))["loss"].backward()
    assert model.kernel.log_width.grad.isfinite().all()
    assert model(model.keys[2:], torch.tensor([2])).tolist() == [3]


class Largest(TorchDispatchMode):
    """Notes how many numbers the largest tensor that is made has."""

    def __init__(self):
        super().__init__()
        self.numbers = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        found = function(*args, **(kwargs or {}))
        if isinstance(found, torch.Tensor):
            self.numbers = max(self.numbers, found.numel())
        return found


def test_blocks_hold_few_weights_at_once_and_change_nothing(monkeypatch):
    order = torch.arange(M)
    whole, expected = network(), objective_and_gradient(network(), order)
    monkeypatch.setattr(import_module("flori.models.nadaraya_watson"), "BLOCK", 5 * M)
    with Largest() as largest:
        found = objective_and_gradient(network(), order)
    assert largest.numbers == 5 * M < M * M
    assert found[0] == pytest.approx(expected[0], abs=1e-15)
    np.testing.assert_allclose(found[1], expected[1], rtol=0, atol=1e-14)
    np.testing.assert_allclose(answers(whole, QUERIES), answers(network(), QUERIES), rtol=0, atol=1e-15)


def test_autocast_leaves_distances_alone():
    model, queries = network().float(), torch.tensor(QUERIES).float()
    with torch.autocast("cpu", torch.bfloat16):
        found = model(queries)
    assert torch.equal(found, model(queries))


def test_what_does_not_suit_is_refused():
    with pytest.raises(ValueError, match="predicts one number, not 2"):
        models.nadaraya_watson(2, (D,))
    with pytest.raises(ValueError, match="two rows or more"):
        models.nadaraya_watson(1, (D,)).remember(X[:1], Y[:1])


@pytest.fixture
def wave(own_folder):
    """211 rows of y = sin(x) with noise, of one feature."""
    x = np.sort(np.random.default_rng(3).uniform(0, 10, 211))
    y = np.sin(x) + np.random.default_rng(4).normal(size=211) / 10
    np.savetxt(own_folder / "wave.csv", np.column_stack([x, y]), delimiter=",", header="x,y", comments="")
    return {"data": "wave.csv", "target": "y", "steps": 100, "lr": 0.1}


def test_learns_a_wave_and_is_saved_with_its_rows(wave, own_folder):
    run = flori.train("nadaraya-watson", **wave)
    assert run.summary["scores"]["test"]["r2"] > 0.93
    (own_folder / "wave.csv").unlink()
    (own_folder / "ask.csv").write_text("x\n2.5\n7.25\n1e99\n")
    found = [answer["value"] for answer in run.predict("ask.csv")]
    saved = {name: t.double().numpy() for name, t in load_file(run.path / "model" / "model.safetensors").items()}
    codec = run.predictor().codec
    (column,) = codec.preparation.columns
    sigma = np.exp(saved["kernel.log_width"])
    queries = [[(x - column.mean) / column.std] for x in (2.5, 7.25, 10.0)]
    expected = [oracle.predict(x, saved["keys"], saved["values"], sigma) for x in queries]
    assert found[:2] == pytest.approx(codec.scale.invert(torch.tensor(expected[:2])).tolist(), abs=1e-4)
    last = codec.scale.invert(torch.tensor([saved["values"][saved["keys"][:, 0].argmax()]]).double())
    assert found[2] == pytest.approx(float(last), abs=1e-4)


def test_its_report_shows_curve_weights_and_widths(wave):
    run = flori.train("nadaraya-watson", **wave)
    page, model = (run.path / "report.html").read_text(), run.predictor()
    assert '<img src="curve.png"' in page and '<img src="weights.png"' in page
    width = float(model.model.kernel.log_width.detach().exp())
    cells = (f"{width:.3g}", f"{width * model.codec.preparation.columns[0].std:.3g}")
    assert "<td>x</td>" + "".join(f'<td class="number">{cell}</td>' for cell in cells) in page


def test_its_report_says_how_many_rows_an_answer_rests_on(wave):
    run = flori.train("nadaraya-watson", **wave, **{"model.kernel": "average"})
    assert "as many as 190.0 training rows" in (run.path / "report.html").read_text()


@pytest.mark.parametrize("options", [{}, {"training.average": 0.9}, {"patience": 3}])
def test_what_is_judged_has_the_memory_too(wave, options):
    run = flori.train("nadaraya-watson", **{**wave, "steps": 10}, **options)
    saved = load_file(run.path / "model" / "model.safetensors")
    assert saved["keys"].shape == (171 if "patience" in options else 190, 1)
    assert run.evaluate()["scores"] == run.summary["scores"]["test"]


@pytest.mark.parametrize(("kernel", "r2"), [("average", (-0.2, 0.0)), ("fixed", (0.5, 0.99))])
def test_a_kernel_that_does_not_learn_is_done_in_a_step(wave, kernel, r2):
    run = flori.train("nadaraya-watson", **wave, **{"model.kernel": kernel, "model.width": 0.3})
    assert run.summary["steps"] == 1
    assert r2[0] <= run.summary["scores"]["test"]["r2"] <= r2[1]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"optimizer": "closed-form"}, "closed-form solves linear-regression only"),
        ({"freeze": "backbone"}, "no layer below its last"),
        ({"model.kernel": "box"}, "must be one of learned, fixed, average"),
        ({"model.width": 0}, "must be at least 0.001"),
    ],
)
def test_wrong_settings_are_the_users_to_mend(wave, settings, says):
    with pytest.raises(UserError, match=says):
        flori.train("nadaraya-watson", **wave, **settings)


@pytest.mark.parametrize("name", ["keys", "values"])
def test_a_memory_that_is_not_whole_is_refused(wave, name):
    run = flori.train("nadaraya-watson", **{**wave, "steps": 1})
    path = run.path / "model" / "model.safetensors"
    save_file({**(saved := load_file(path)), name: saved[name][:-1].clone()}, path)
    with pytest.raises(UserError, match="does not hold a whole model"):
        run.predict("wave.csv")


def test_learns_the_airfoil(real_data):
    run = flori.train("nadaraya-watson", data="airfoil", steps=100)
    assert run.summary["scores"]["test"]["r2"] > 0.7
