"""Sentences → their translations, by beam search over many at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from flori.core.device import computing
from flori.prediction.beam import Hypothesis, beam_search
from flori.prediction.decoding import Rules, stepwise
from flori.prediction.lowered import lowered

TOGETHER = 64  # sentences searched at once
LONGER, MORE = 2, 10  # a translation has at most twice the tokens of its source and ten more


@torch.inference_mode()
def translations(
    model: nn.Module,
    sources: Sequence[Sequence[int]],
    rules: tuple[int, int, int],
    device: torch.device,
    precision: str,
    beams: int,
    shown: Iterable[object] = (),
) -> list[Hypothesis]:
    """The best translation found of each source, a sequence of tokens.

    Args:
        rules: the numbers of <pad>, <bos> and <eos>, the same for both languages.
    """
    pad, begin, end = rules
    model = lowered(model, precision)
    context = getattr(model, "context", None)
    order = sorted(range(len(sources)), key=lambda i: len(sources[i]))  # those of like length together
    found: dict[int, Hypothesis] = {}
    for first in range(0, len(order), TOGETHER):
        chosen = order[first : first + TOGETHER]
        lengths = torch.tensor([len(sources[i]) for i in chosen])
        rows = torch.full((len(chosen), int(lengths.max())), pad)
        for row, i in zip(rows, chosen, strict=True):
            row[: len(sources[i])] = torch.tensor(sources[i])

        def step(tokens: Tensor, memory: object) -> tuple[Tensor, object]:
            return model.decode(tokens, memory)  # type: ignore[operator]

        with computing(device, precision):
            memory = model.encode(rows.to(device), lengths.to(device))  # type: ignore[operator]
            start = torch.full((len(chosen), 1), begin, device=device)
            longest = lengths * LONGER + MORE
            longest = longest if context is None else longest.clamp(max=context)
            limits = Rules(longest.to(device), end, (pad, begin))
            found |= zip(chosen, beam_search(stepwise(step), start, memory, limits, beams), strict=True)
    return [found[i] for i in range(len(sources))]
