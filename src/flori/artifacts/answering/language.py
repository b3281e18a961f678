"""A text that goes on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from flori.artifacts.answering.texts_given import texts
from flori.core.device import computing
from flori.core.errors import UserError
from flori.data.language import LanguageCodec
from flori.data.vocabulary import Vocabulary
from flori.prediction.decoding import Rules, stepwise
from flori.prediction.lowered import lowered
from flori.prediction.sampling import Sampling, sample
from flori.prediction.wishes import Wishes

if TYPE_CHECKING:
    from flori.artifacts.predictor import Predictor

NEAR = 100  # tokens that decide how the next one is written
PIECE = 1024  # tokens read at once: what a network says of each takes room, and only the last is wanted


def answers(predictor: Predictor, inputs: Sequence[str | Path], wishes: Wishes) -> list[dict[str, Any]]:
    """For each text what follows it, drawn as wished; `score` is the mean of log p of its tokens, in nats."""
    codec = predictor.codec
    assert isinstance(codec, LanguageCodec)
    words, found = codec.vocabulary, []
    for number, text in enumerate(texts(inputs)):
        given = words.encode(text) or [_beginning(words)]
        found.append({"input": text, **continued(predictor, given, wishes, number)})
    return found


@torch.inference_mode()
def continued(predictor: Predictor, given: list[int], wishes: Wishes, number: int = 0) -> dict[str, Any]:
    """What follows some tokens. Of more than the network's context the last ones count.

    Args: number: which text this is among those that are drawn by the same seed.
    """
    words: Vocabulary = predictor.codec.vocabulary  # type: ignore[attr-defined]
    given = given[-getattr(predictor.model, "context", len(given)) :]
    how = Sampling(wishes.temperature, wishes.top_k, wishes.top_p, wishes.seed)
    rules = Rules(wishes.length, forbidden=(words.unknown,))
    near, said, told, chances = given[-NEAR:], [], "", _Chances(predictor)
    *before, start = torch.tensor([given], device=predictor.device).split(PIECE, 1)
    memory = None
    for piece in before:
        _, memory = chances(piece, memory)
    chances.found.clear()
    for token in sample(stepwise(chances), start, memory, rules, how, torch.tensor([number])):
        said += token.tolist()
        written = words.decode([*near, *said])[len(words.decode(near)) :]
        if wishes.say and written.startswith(told):
            wishes.say(written[len(told) :])
            told = written
    if wishes.say:
        wishes.say(f"{written[len(told) :]}\n")
    return {"text": written, "score": chances.of(said)}


class _Chances:
    """A network's pass over tokens, which keeps what it said of each next one."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor, self.found = predictor, []  # type: ignore[var-annotated]
        self.model = lowered(predictor.model, predictor.precision)

    def __call__(self, tokens: Tensor, memory: Any) -> tuple[Tensor, Any]:
        with computing(self.predictor.device, self.predictor.precision):
            logits, memory = self.model(tokens, memory)
        self.found.append(logits[0, -1].float().log_softmax(0))
        return logits, memory

    def of(self, said: list[int]) -> float:
        """The mean log-probability of what was said."""
        return float(sum(float(chances[token]) for chances, token in zip(self.found, said, strict=True)) / len(said))


def _beginning(words: Vocabulary) -> int:
    """What stands before a text that begins from nothing: the end of a line."""
    if "\n" in words.tokens:
        return words.tokens.index("\n")
    raise UserError('an empty text: give a beginning, such as "The"')
