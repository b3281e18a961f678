"""Equal to torch.nn.Transformer and torch.nn.MultiheadAttention, given their weights."""

from __future__ import annotations

import warnings

import pytest
import torch
import torch.nn.functional as F

from flori.layers.attention import CrossAttention, SelfAttention, Watched, causal, fused, within
from flori.layers.positions import sinusoids
from flori.models.transformer import transformer
from flori.models.transformer_lm import transformer_lm


def ours(theirs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """torch.nn.Transformer's state dictionary under our names: projections are layers here, and where a sequence looks
    at another its queries' projection is apart."""
    found = {}
    for name, tensor in theirs.items():
        if "multihead_attn.in_proj_" in name:
            third = len(tensor) // 3
            for part, rows in (("q_proj.", tensor[:third]), ("kv_proj.", tensor[third:])):
                found[name.replace("in_proj_", part)] = rows
        else:
            found[name.replace("in_proj_", "in_proj.")] = tensor
    return found


def noise(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def unsettled(model):
    """In float64, with no bias zero and no scale one."""
    for p in model.double().parameters():
        p.data += 0.2 * torch.randn_like(p)
    return model


def embedded(table, tokens):
    return table.weight[tokens] * 15**0.5 + sinusoids(0, tokens.shape[1], 15)


@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("norm", ["pre", "post"])
def test_transformer_equals_torchs(norm, activation):
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a quicker way that torch does not take with the norm first
        theirs = torch.nn.Transformer(
            *(15, 3, 2, 2, 11), dropout=0.0, activation=activation, norm_first=norm == "pre", batch_first=True
        )
    unsettled(theirs)
    model = transformer(
        17, 13, width=15, heads=3, layers=2, hidden=11, dropout=0.0, norm=norm, activation=activation
    ).double()
    own = {f"{side}_embedding.weight": noise(words, 15) for side, words in (("source", 17), ("target", 13))}
    model.load_state_dict(ours(theirs.state_dict()) | own)
    source, lengths, target = torch.randint(0, 17, (3, 7)), torch.tensor([5, 7, 2]), torch.randint(0, 13, (3, 5))
    padding = ~within(lengths, 7)
    hidden = theirs(
        embedded(model.source_embedding, source),
        embedded(model.target_embedding, target),
        tgt_mask=~causal(5, 5),
        src_key_padding_mask=padding,
        memory_key_padding_mask=padding,
    )
    expected = F.linear(hidden, model.target_embedding.weight)
    torch.testing.assert_close(model(source, lengths, target), expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_language_model_equals_torchs_encoder_with_a_causal_mask(norm):
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(15, 3, 11, dropout=0.0, norm_first=norm == "pre", batch_first=True)
    theirs = torch.nn.TransformerEncoder(layer, 2, torch.nn.LayerNorm(15), enable_nested_tensor=False)
    unsettled(theirs)
    shape = {"width": 15, "heads": 3, "layers": 2, "hidden": 11, "dropout": 0.0, "norm": norm}
    model = transformer_lm(13, **shape, activation="relu", positions="sinusoidal", grams=1).double()
    own = {"embedding.weight": noise(13, 15)}
    model.load_state_dict({f"decoder.{name}": t for name, t in ours(theirs.state_dict()).items()} | own)
    tokens = torch.randint(0, 13, (3, 7))
    hidden = theirs(embedded(model.embedding, tokens), mask=~causal(7, 7))
    expected = F.linear(hidden, model.embedding.weight)
    torch.testing.assert_close(model(tokens)[0], expected, rtol=0, atol=1e-11)


def test_self_attention_equals_torchs():
    torch.manual_seed(0)
    theirs = unsettled(torch.nn.MultiheadAttention(15, 3, batch_first=True))
    layer = SelfAttention(15, 3).double()
    layer.load_state_dict(ours(theirs.state_dict()))
    x, watched = noise(2, 7, 15), Watched(causal(7, 7))
    expected, weights = theirs(x, x, x, attn_mask=~causal(7, 7), average_attn_weights=False)
    torch.testing.assert_close(layer(x, fused(is_causal=True)), expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(layer(x, watched), expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(watched.weights[0], weights, rtol=0, atol=1e-12)


def test_cross_attention_equals_torchs():
    torch.manual_seed(0)
    theirs = unsettled(torch.nn.MultiheadAttention(15, 3, batch_first=True))
    layer = CrossAttention(15, 3).double()
    named = ours({f"multihead_attn.{name}": t for name, t in theirs.state_dict().items()})
    layer.load_state_dict({name.removeprefix("multihead_attn."): t for name, t in named.items()})
    x, other, seen = noise(2, 5, 15), noise(2, 7, 15), within(torch.tensor([7, 3]), 7)
    expected, _ = theirs(x, other, other, key_padding_mask=~seen)
    found = layer(x, layer.remember(other), fused(seen[:, None, None]))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
