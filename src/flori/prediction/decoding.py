"""Token by token: what all ways of decoding share, and the greedy one.

Shapes: N rows (sentences, or sentences × beams), T tokens, V words of the vocabulary.
A step goes on from a memory, ``step(tokens int64 [N, T], memory) -> (logits [N, V], memory)``, with the logits of the
token that follows the last: T is the length of the prompt at first (1 for <bos>), then 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Step = Callable[[Tensor, Any], tuple[Tensor, Any]]
Pick = Callable[[Tensor, Tensor, int], Tensor]
"""``pick(logits [N, V], sentences int64 [N], place) -> tokens int64 [N]``: the tokens for place 0, 1, … of sentences
by their numbers."""

MANY = 1 << 16  # numbers that are searched block by block
NOTHING = -1  # in place of a token, for a sentence that has ended


@dataclass(frozen=True)
class Rules:
    """What may be said.

    Args:
        limit: most tokens of a sentence, <eos> counted: one number, or one a sentence (int64 [N]).
        end: the token that ends a sentence, <eos>; None where nothing does.
        forbidden: tokens never said, such as <pad> and <bos>; the others share their probability.
    """

    limit: int | Tensor
    end: int | None = None
    forbidden: tuple[int, ...] = ()

    def limits(self, start: Tensor) -> Tensor:
        """The limit of each sentence that begins with start [N, T], int64 [N]. Raises ValueError for one below 1."""
        limits = torch.as_tensor(self.limit, dtype=torch.int64, device=start.device).expand(len(start))
        if len(limits) and int(limits.min()) < 1:
            raise ValueError(f"a limit of {int(limits.min())} tokens leaves nothing to say; it must be 1 or more")
        return limits

    def allowed(self, logits: Tensor) -> Tensor:
        """The logits, at least float32, with −∞ for tokens never said."""
        wide = logits if logits.dtype.itemsize >= 4 else logits.float()
        if not self.forbidden:
            return wide
        return wide.index_fill(1, torch.tensor(self.forbidden, device=wide.device), -math.inf)


def stepwise(forward: Step) -> Step:
    """A step from a network's pass over tokens [N, T] → (logits [N, T, V], memory)."""

    def step(tokens: Tensor, memory: Any) -> tuple[Tensor, Any]:
        logits, memory = forward(tokens, memory)
        return logits[:, -1], memory

    return step


def select(memory: Any, rows: Tensor | None) -> Any:
    """The memory of some rows int64 [N], in their order; with None, of all. The memory of nothing, None, stays so."""
    return memory if memory is None or rows is None else memory.select(rows)


def widest(device: torch.device) -> torch.dtype:
    """The most precise floats that a device has: sums of log-probabilities are kept in them."""
    return torch.float32 if device.type == "mps" else torch.float64


@torch.inference_mode()
def generate(step: Step, start: Tensor, memory: Any, rules: Rules, pick: Pick) -> Iterator[Tensor]:
    """The tokens that follow start int64 [N, T], place by place, int64 [N]; NOTHING for sentences that have ended.

    Each is given before the next is computed. Sentences that have ended are computed no more.
    """
    sentences, limits, last = torch.arange(len(start), device=start.device), rules.limits(start), start
    rows, place = None, 0
    while len(sentences):
        logits, memory = step(last, select(memory, rows))
        tokens = pick(rules.allowed(logits), sentences, place)
        said = start.new_full((len(start),), NOTHING)
        said[sentences] = tokens
        yield said
        place += 1
        going = (place < limits[sentences]) & (tokens != (NOTHING if rules.end is None else rules.end))
        rows = None if going.all() else going.nonzero().flatten()
        if rows is not None:
            sentences, tokens = sentences[rows], tokens[rows]
        last = tokens[:, None]


def greedy(step: Step, start: Tensor, memory: Any, rules: Rules) -> Iterator[Tensor]:
    """The most probable token at every place; of equal ones the first. Given as by `generate`."""
    return generate(step, start, memory, rules, lambda logits, sentences, place: best(logits, 1)[1].squeeze(1))


def best(values: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """The `most` largest of each row of values [N, V], the largest first, and where they stand, [N, most] each. A
    single one is the first of those that are equal."""
    if most > 1:
        return values.topk(most, 1)
    return values.max(1, keepdim=True) if values.numel() < MANY else _first_best(values)


def _first_best(values: Tensor) -> tuple[Tensor, Tensor]:
    """First in which block the largest is: without its place it is found several times as fast."""
    width = math.isqrt(values.shape[1])
    inner = values[:, : values.shape[1] // width * width].unflatten(1, (-1, width)).amax(2)
    blocks = torch.cat((inner, values[:, -width:].amax(1, keepdim=True)), 1)
    start = (blocks.max(1, keepdim=True)[1] * width).clamp(max=values.shape[1] - width)
    largest, place = values.gather(1, start + torch.arange(width, device=values.device)).max(1, keepdim=True)
    return largest, start + place


def collected(said: Iterable[Tensor], end: int | None = None) -> list[list[int]]:
    """The sentences that a generator gives, each without <eos>."""
    places = [tokens.tolist() for tokens in said]
    return [[token for token in sentence if token not in (NOTHING, end)] for sentence in zip(*places, strict=True)]
