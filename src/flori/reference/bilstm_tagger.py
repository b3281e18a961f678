"""Tags from both directions, literally, one sentence at a time (Huang, Xu and Yu 2015; Ma and Hovy 2016; no CRF).

the word's letters as a word, c = 1 … C, v_0 = v_{C+1} = 0
    s_i = max_c max(0, Σ_j A_ij [v_{c−1}; v_c; v_{c+1}]_j + a_i)
x_t = [the row of the embedding that belongs to word t; s of its letters];  e_t = [h→_t; h←_t] of a bidirectional LSTM
logits_t = W e_t + b
"""

import numpy as np

from flori.reference.lstm import step
from flori.reference.mlp import dense
from flori.reference.rnn import both_ways


def spelled(letters, embedding, A, a):
    """letters: C numbers → what the word looks like [filters]."""
    nothing = np.zeros(embedding.shape[1])
    v = [nothing, *(embedding[letter] for letter in letters), nothing]
    found = [dense(np.concatenate([v[c - 1], v[c], v[c + 1]]), A, a) for c in range(1, len(letters) + 1)]
    return np.array([max([0.0, *(z[i] for z in found)]) for i in range(len(a))])


def forward(words, embedding, layers, states, W, b, letters=None, spelling=None):
    """words: T numbers; layers and states as in `both_ways`; letters: those of each word, with the embedding, A and a
    of `spelled`, None where they are not read → logits [T, K]."""
    X = [embedding[word] for word in words]
    if letters is not None:
        X = [np.concatenate([x, spelled(row, *spelling)]) for x, row in zip(X, letters, strict=True)]
    E, _ = both_ways(step, np.array(X), states, layers)
    return np.array([dense(e, W, b) for e in E])
