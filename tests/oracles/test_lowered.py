"""Networks made ready to say token after token: what they say is what they say under autocast."""

import pytest
import torch

from flori.models.recurrent_language import lstm
from flori.models.transformer_lm import transformer_lm
from flori.prediction.lowered import lowered


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("build", [lstm, transformer_lm])
def test_as_under_autocast(build, tied):
    torch.manual_seed(0)
    model, tokens = build(31, width=32, layers=2, dropout=0.0, tied=tied), torch.randint(31, (3, 7))
    low = lowered(model, "bfloat16")
    weights = {name: t.clone() for name, t in model.state_dict().items()}
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        expected, _ = model(tokens)
        found, _ = low(tokens)
    torch.testing.assert_close(found.float(), expected.float(), rtol=0, atol=0.01 * expected.abs().max().item())
    assert all(t.dtype == torch.float32 and torch.equal(t, weights[name]) for name, t in model.state_dict().items())
    assert any(p.dtype == torch.bfloat16 for p in low.parameters())


def test_in_float32_it_is_the_network_itself():
    model = transformer_lm(31, width=32, layers=1)
    assert lowered(model, "float32") is model and not model.training
