"""Tags from both directions, literally, one sentence at a time (Huang, Xu and Yu 2015, without their CRF).

x_t the row of the embedding that belongs to word t;  e_t = [h→_t; h←_t] of a bidirectional LSTM;  logits_t = W e_t + b
"""

import numpy as np

from flori.reference.lstm import step
from flori.reference.mlp import dense
from flori.reference.rnn import both_ways


def forward(words, embedding, layers, states, W, b):
    """words: T numbers; layers and states as in `both_ways` → logits [T, K]."""
    E, _ = both_ways(step, np.array([embedding[word] for word in words]), states, layers)
    return np.array([dense(e, W, b) for e in E])
