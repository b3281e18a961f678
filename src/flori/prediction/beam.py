"""Beam search, for many sentences at once.

A hypothesis y₁ … y_L, with <eos> counted, scores 1/L^α Σ_t log p(y_t | y₁ … y_{t−1}, memory); α = 0.75 keeps short
ones from winning because they are short (Dive into Deep Learning, section 10.8; Wu et al. 2016). At every place the
best K of all continuations of the live hypotheses are kept. Those of them that end leave the beam with their score and
the others live on; what is not ended at the limit is scored as it is. So K = 1 is greedy search, and a beam wide enough
for all that can be said is exhaustive search.

Shapes: B sentences, A of them still searched, W hypotheses of each (at most K), V words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from flori.prediction.decoding import NOTHING, Rules, Step, best, select, widest


@dataclass(frozen=True)
class Hypothesis:
    """What was found for a sentence, without <eos>, and its score, the log-probability over L^α."""

    tokens: list[int]
    score: float


@torch.inference_mode()
def beam_search(
    step: Step, start: Tensor, memory: Any, rules: Rules, beams: int = 4, alpha: float = 0.75, exact: bool = True
) -> list[Hypothesis]:
    """The best hypothesis for each sentence that begins with start int64 [B, T].

    Args:
        memory: of B rows, or None. Only sentences that are still searched are computed.
        beams: K; alpha: α ≥ 0.
        exact: a sentence is done when no live hypothesis can beat the best that has ended: log p only falls, so it
            scores at most log p / limit^α. False ends it with its K-th ended hypothesis too, which is faster but may
            miss a longer and better one.

    Raises ValueError for beams < 1 or alpha < 0.
    """
    if beams < 1 or alpha < 0:
        raise ValueError(f"beam search wants beams ≥ 1 and alpha ≥ 0, not {beams} and {alpha:g}")
    limits, sentences = rules.limits(start), torch.arange(len(start), device=start.device)
    exactly = widest(start.device)
    reach, ended = limits.to(exactly) ** alpha, _Ended(limits)
    scores = torch.zeros(len(start), 1, dtype=exactly, device=start.device)
    last, said, rows, length = start, start.new_empty(len(start), 1, 0), None, 0
    while len(sentences):
        logits, memory = step(last, select(memory, rows))
        length += 1
        scores, parents, tokens = _continued(rules.allowed(logits), scores, beams)
        parents = parents + torch.arange(len(said), device=start.device)[:, None] * said.shape[1]
        said = torch.cat([said.flatten(0, 1)[parents], tokens[:, :, None]], 2)
        over = (limits[sentences] <= length)[:, None] | (tokens == (NOTHING if rules.end is None else rules.end))
        ended.add(sentences, torch.where(over, scores / length**alpha, -math.inf), said)
        scores = scores.masked_fill(over, -math.inf)
        going = scores.amax(1) / reach[sentences] > ended.scores[sentences]
        if not exact:
            going &= ended.counts[sentences] < beams
        if not going.all():
            sentences, scores, parents, tokens, said = (t[going] for t in (sentences, scores, parents, tokens, said))
        rows, last = parents.flatten(), tokens.view(-1, 1)
    return ended.hypotheses(rules.end)


def _continued(logits: Tensor, scores: Tensor, beams: int) -> tuple[Tensor, Tensor, Tensor]:
    """The best continuations of hypotheses by one token: their log-probabilities, the hypothesis that each continues,
    and its token, [A, W′] each.

    Only the best K tokens of a hypothesis can be among the best K of all.

    Args: logits: [A·W, V]; scores: the log-probabilities so far [A, W], −∞ for those that have ended.
    """
    _, tokens = best(logits, min(beams, logits.shape[1]))
    chances = logits.log_softmax(1).gather(1, tokens)  # never above 0, to the last bit
    candidates = (scores.view(-1, 1) + chances).view(len(scores), -1)
    scores, places = best(candidates, min(beams, candidates.shape[1]))
    return scores, places // tokens.shape[1], tokens.view(len(scores), -1).gather(1, places)


class _Ended:
    """The best hypothesis of each sentence among those that have ended, and how many have."""

    def __init__(self, limits: Tensor) -> None:
        self.scores = torch.full(limits.shape, -math.inf, dtype=widest(limits.device), device=limits.device)
        self.counts = torch.zeros_like(limits)
        self.tokens = [limits.new_empty(0)] * len(limits)

    def add(self, sentences: Tensor, scores: Tensor, said: Tensor) -> None:
        """Take in hypotheses said [A, W, L] with their scores [A, W], −∞ for those that have not ended."""
        self.counts[sentences] += (scores > -math.inf).sum(1)
        score, slot = scores.max(1)
        better = (score > self.scores[sentences]).nonzero().flatten()
        self.scores[sentences[better]] = score[better]
        for sentence, tokens in zip(sentences[better].tolist(), said[better, slot[better]], strict=True):
            self.tokens[sentence] = tokens

    def hypotheses(self, end: int | None) -> list[Hypothesis]:
        """The best one of each sentence."""
        said = [[token for token in tokens.tolist() if token != end] for tokens in self.tokens]
        return [Hypothesis(tokens, score) for tokens, score in zip(said, self.scores.tolist(), strict=True)]
