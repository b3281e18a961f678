"""The Transformer as a language model, literally: a decoder without a source (Radford et al. 2018).

logits_i is what may follow tokens 1 to i; a place looks at itself and those before it. Places are told apart by
sinusoids or learned vectors added to the embeddings, or by turning queries and keys in every layer (rotary).
"""

from flori.reference.attention import causal
from flori.reference.positions import rotary
from flori.reference.transformer import embed, logits, stack


def forward(tokens, p, options):
    """T tokens; options: layers, heads, norm, activation, positions → logits [T, V]."""
    E = p["embedding.weight"]
    X = embed(tokens, E, p, options, "positions")
    turn = rotary if options["positions"] == "rotary" else None
    return logits(stack(X, p, "decoder", options, causal(len(tokens)), turn=turn), p.get("output.weight", E))
