"""Sampling: the next token drawn from what a network says of it, sharpened and cut as wanted.

Temperature divides the logits: below 1 the probable becomes more so, 0 leaves only the most probable. Top-k keeps the k
most probable tokens (Fan, Lewis and Dauphin 2018), top-p of these the fewest whose probabilities add up to p or more
("nucleus", Holtzman et al. 2020); what is kept shares all probability.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from flori.core import seeds
from flori.core.errors import UserError
from flori.prediction.decoding import Rules, Step, best, generate, greedy, widest

NO_NUMBER = (
    "what the network says of the next token is no number, so nothing can be drawn: its learning rate was too high"
)


@dataclass(frozen=True)
class Sampling:
    """How to draw. Raises UserError for values that mean nothing."""

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < math.inf:
            raise UserError(f"temperature {self.temperature:g}: it must be 0 (the most probable token always) or more")
        if self.top_k is not None and self.top_k < 1:
            raise UserError(f"top-k {self.top_k}: at least 1 token must be left to draw from")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise UserError(f"top-p {self.top_p:g}: a share of the probability, above 0 and at most 1")


def sample(
    step: Step, start: Tensor, memory: Any, rules: Rules, how: Sampling, numbers: Tensor | None = None
) -> Iterator[Tensor]:
    """Tokens drawn one after another, given as by `decoding.generate`.

    The draw is a function of the seed, the sentence's number and the place alone.

    Args: numbers: which sentences these are among all that are sampled, int64 [N]; 0, 1, … where left out.
    """
    if not how.temperature:
        return greedy(step, start, memory, rules)

    def pick(logits: Tensor, sentences: Tensor, place: int) -> Tensor:
        examples = sentences if numbers is None else numbers.to(sentences.device)[sentences]
        where = torch.device("cpu") if widest(logits.device) != torch.float64 else logits.device
        chances = seeds.uniforms(how.seed, "sampling", place, examples.to(where), 1)
        return drawn(logits.to(where), chances, how).to(logits.device)

    return generate(step, start, memory, rules, pick)


def drawn(logits: Tensor, chances: Tensor, how: Sampling) -> Tensor:
    """The tokens [N] at which the summed probabilities of logits [N, V] pass chances in [0, 1), [N, 1].

    No token without probability is ever drawn. Raises UserError where what the network says is no number.
    """
    probabilities, tokens = kept(logits, how)
    sums = probabilities.cumsum(1)
    if bool(sums[:, -1].isnan().any()):
        raise UserError(NO_NUMBER)
    places = torch.searchsorted(sums, chances * sums[:, -1:], right=True)
    return (places if tokens is None else tokens.gather(1, places)).squeeze(1)


def kept(logits: Tensor, how: Sampling) -> tuple[Tensor, Tensor | None]:
    """What tokens are drawn with, not scaled to a sum of 1, [N, M], and which they are, int64 [N, M]; None where they
    stand as they are in the vocabulary."""
    words, tokens = logits.shape[1], None
    if how.top_k is not None or how.top_p is not None:
        logits, tokens = best(logits, min(how.top_k or words, words))
    wide = logits.double()
    probabilities = ((wide - wide.amax(1, keepdim=True)) / how.temperature).softmax(1)
    if how.top_p is not None and how.top_p < 1:
        before = probabilities.cumsum(1) - probabilities
        probabilities = probabilities.masked_fill(before >= how.top_p, 0.0)
    return probabilities, tokens
