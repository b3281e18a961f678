"""The Transformer as a language model, literally: a decoder without a source (Radford et al. 2018).

logits_i is what may follow tokens 1 to i; a place looks at itself and those before it. Places are told apart by
sinusoids or learned vectors added to the embeddings, or by turning queries and keys in every layer (rotary).
With n-grams (Huang et al. 2025) x_i = √H·(E[t_i] + W [G_2[t_{i−1} t_i], …, G_n[t_{i−n+1} … t_i]]): each length has a
table, of which a hash of the n-gram says the row.
"""

import math

import numpy as np

from flori.reference.attention import causal
from flori.reference.positions import rotary
from flori.reference.transformer import embed, logits, stack


def forward(tokens, p, options):
    """T tokens; options: layers, heads, norm, activation, positions → logits [T, V]."""
    E = p["embedding.weight"]
    X = embed(tokens, E, p, options, "positions")
    if options.get("grams", 1) > 1:
        X = X + math.sqrt(E.shape[1]) * grams(tokens, p, options["grams"])
    turn = rotary if options["positions"] == "rotary" else None
    return logits(stack(X, p, "decoder", options, causal(len(tokens)), turn=turn), p.get("output.weight", E))


def grams(tokens, p, longest):
    """T tokens → what their 2- to n-grams add [T, H]."""
    added = []
    for i in range(len(tokens)):
        found = []
        for n in range(2, longest + 1):
            table = p[f"grams.tables.{n - 2}.weight"]
            found.append(table[row([tokens[i - k] if i >= k else -1 for k in range(n)], len(table))])
        added.append(p["grams.mix.weight"] @ np.concatenate(found))
    return np.array(added)


def row(gram, rows):
    """An n-gram, its last token first → its row, by a hash on integers of 64 bits with a sign."""
    code = gram[0]
    for token in gram[1:]:
        code = signed(code * 1_000_003 + token + 1)
        code ^= code >> 17
    return (signed(code * 2_654_435_761) >> 7) % rows


def signed(number):
    """The lowest 64 bits of a whole number, as one with a sign."""
    return (number + 2**63) % 2**64 - 2**63
