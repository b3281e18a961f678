"""A text's class from both directions, literally, one text at a time.

e_t = [h→_t; h←_t] of a bidirectional LSTM over the words' embeddings
pooling  p_i = max_t e_ti,  or the mean  p_i = 1/T Σ_t e_ti,  over the T words that the text has
logits = W p + b
"""

import numpy as np

from flori.reference.lstm import step
from flori.reference.mlp import dense
from flori.reference.rnn import both_ways


def pool(E, pooling):
    p = np.zeros(E.shape[1])
    for i in range(E.shape[1]):
        column = [E[t, i] for t in range(len(E))]
        p[i] = max(column) if pooling == "max" else sum(column) / len(column)
    return p


def forward(words, embedding, layers, states, W, b, pooling="max"):
    """words: T numbers; layers and states as in `both_ways` → logits [K]."""
    E, _ = both_ways(step, np.array([embedding[word] for word in words]), states, layers)
    return dense(pool(E, pooling), W, b)
