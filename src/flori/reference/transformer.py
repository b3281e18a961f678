"""The Transformer, literally, for one sentence and its translation (Vaswani et al. 2017).

embedding   x_i = √H E_token + P_i
sublayer    x ← LN(x + f(x)) with the norm after it, as in the paper; x ← x + f(LN(x)) with the norm before it
layer       f is attention to the own sentence, then to the source's (decoder), then W₂ σ(W₁ x + b₁) + b₂ of each place
σ           relu(z) = max(z, 0),   gelu(z) = z Φ(z) with the normal distribution's Φ,   relu2(z) = max(z, 0)²
network     encoder: layers, LN; decoder: layers that look at no later place, LN; logits_i,w = Σ_c E_w,c x_i,c

p holds the parameters by the network's names; queries, keys and values of a place are one product, cut in three.
"""

import math

import numpy as np

from flori.reference.attention import causal, multi_head
from flori.reference.layer_norm import layer_norm
from flori.reference.mlp import dense, relu
from flori.reference.positions import sinusoid

ACTIVATIONS = {
    "relu": relu,
    "gelu": lambda z: z * (1 + math.erf(z / math.sqrt(2))) / 2,
    "relu2": lambda z: relu(z) ** 2,
}


def cut(W, letters):
    """Rows of a matrix, or a bias, that belong to queries, keys or values, by letter."""
    return dict(zip(letters, np.split(W, len(letters))))


def projections(p, name):
    """W_q to b_o of an attention; one that looks at another sentence has its queries apart."""
    cuts = {"in_proj": "qkv"} if f"{name}.in_proj.weight" in p else {"q_proj": "q", "kv_proj": "kv"}
    found = {"W_o": p[f"{name}.out_proj.weight"], "b_o": p[f"{name}.out_proj.bias"]}
    for part, letters in cuts.items():
        found |= {f"W_{s}": W for s, W in cut(p[f"{name}.{part}.weight"], letters).items()}
        found |= {f"b_{s}": b for s, b in cut(p[f"{name}.{part}.bias"], letters).items()}
    return found


def norm(X, p, name):
    return np.array([layer_norm(x, p[f"{name}.weight"], p[f"{name}.bias"]) for x in X])


def feed_forward(X, p, name, activation):
    Y = []
    for x in X:
        hidden = [ACTIVATIONS[activation](z) for z in dense(x, p[f"{name}.linear1.weight"], p[f"{name}.linear1.bias"])]
        Y.append(dense(hidden, p[f"{name}.linear2.weight"], p[f"{name}.linear2.bias"]))
    return np.array(Y)


def layer(X, p, name, options, allowed, memory=None, turn=None):
    """X [n, H] → [n, H]; with a memory [m, H] of the source, to which all of it is open, a decoder's."""

    def own(X):
        return multi_head(X, X, projections(p, f"{name}.self_attn"), options["heads"], allowed, turn)[0]

    def other(X):
        everywhere = np.ones((len(X), len(memory)), bool)
        return multi_head(X, memory, projections(p, f"{name}.multihead_attn"), options["heads"], everywhere)[0]

    def forward(X):
        return feed_forward(X, p, name, options["activation"])

    for number, sublayer in enumerate([own, forward] if memory is None else [own, other, forward], 1):
        if options["norm"] == "pre":
            X = X + sublayer(norm(X, p, f"{name}.norm{number}"))
        else:
            X = norm(X + sublayer(X), p, f"{name}.norm{number}")
    return X


def stack(X, p, name, options, allowed, memory=None, turn=None):
    for number in range(options["layers"]):
        X = layer(X, p, f"{name}.layers.{number}", options, allowed, memory, turn)
    return norm(X, p, f"{name}.norm")


def embed(tokens, E, p, options, name):
    d, X = E.shape[1], []
    for i, token in enumerate(tokens):
        x = math.sqrt(d) * E[token]
        if options["positions"] == "sinusoidal":
            x = x + sinusoid(i, d)
        if options["positions"] == "learned":
            x = x + p[f"{name}.weight"][i]
        X.append(x)
    return np.array(X)


def logits(X, W):
    return np.array([dense(x, W, np.zeros(len(W))) for x in X])


def forward(source, target, p, options):
    """source: S tokens; target: T tokens; options: layers, heads, norm, activation, positions → logits [T, V]."""
    X = embed(source, p["source_embedding.weight"], p, options, "source_positions")
    memory = stack(X, p, "encoder", options, np.ones((len(source), len(source)), bool))
    E = p["target_embedding.weight"]
    X = embed(target, E, p, options, "target_positions")
    return logits(stack(X, p, "decoder", options, causal(len(target)), memory), p.get("output.weight", E))
