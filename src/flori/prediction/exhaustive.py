"""Exhaustive search: the best of all that can be said. It grows as V^limit and is there to judge beam search by."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from flori.prediction.beam import Hypothesis
from flori.prediction.decoding import NOTHING, Rules, Step, select, widest

MOST = 1 << 16  # hypotheses held at once


@torch.inference_mode()
def exhaustive(step: Step, start: Tensor, memory: Any, rules: Rules, alpha: float = 0.75) -> list[Hypothesis]:
    """The hypothesis of the highest score, as `beam_search` defines it, for each sentence that begins with start
    int64 [B, T]. Raises ValueError where there are more than 65,536 of a length."""
    limits, rows = rules.limits(start).tolist(), torch.arange(len(start), device=start.device).split(1)
    return [_best(step, start[row], select(memory, row), rules, limits[i], alpha) for i, row in enumerate(rows)]


def _best(step: Step, start: Tensor, memory: Any, rules: Rules, limit: int, alpha: float) -> Hypothesis:
    """All hypotheses of one sentence, one token longer at a time; start [1, T]."""
    found, last = Hypothesis([], -math.inf), start
    said, scores = start.new_empty(1, 0), torch.zeros(1, 1, dtype=widest(start.device), device=start.device)
    for length in range(1, limit + 1):
        logits, memory = step(last, memory)
        sums = scores + rules.allowed(logits).log_softmax(1)
        if sums.numel() > MOST:
            raise ValueError(f"exhaustive search among {logits.shape[1]} tokens cannot go as far as {limit}")
        rows, tokens = (sums > -math.inf).nonzero(as_tuple=True)
        said, sums = torch.cat([said[rows], tokens[:, None]], 1), sums[rows, tokens]
        over = (tokens == (NOTHING if rules.end is None else rules.end)) | (length == limit)
        found = _better(found, said[over], sums[over] / length**alpha, rules.end)
        rows, last = rows[~over], tokens[~over][:, None]
        said, scores, memory = said[~over], sums[~over][:, None], select(memory, rows)
        if not len(rows):
            break
    return found


def _better(found: Hypothesis, said: Tensor, scores: Tensor, end: int | None) -> Hypothesis:
    if not len(scores) or float(scores.max()) <= found.score:
        return found
    place = int(scores.argmax())
    return Hypothesis([token for token in said[place].tolist() if token != end], float(scores[place]))
