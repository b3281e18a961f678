"""Where a trained network looks, for a sentence."""

from __future__ import annotations

import torch
from torch import Tensor

from flori.artifacts.answering.translation import translated
from flori.artifacts.predictor import Predictor
from flori.core.errors import UserError
from flori.data.language import LanguageCodec
from flori.data.translation import TranslationCodec
from flori.data.vocabulary import Vocabulary
from flori.data.words import MARK

Seen = dict[str, tuple[Tensor, list[str], list[str]]]
"""By kind: weights [layers, heads, rows, columns], the tokens that look, and those that are looked at."""


@torch.inference_mode()
def attended(predictor: Predictor, sentence: str, translation: str | None = None) -> Seen:
    """All attention that a network pays in reading a sentence, and in writing its translation (its own, if none is
    given). Raises UserError for a network without attention."""
    model, codec = predictor.model.eval(), predictor.codec
    if not hasattr(model, "attention"):
        raise UserError(f"{predictor.system} pays no attention; transformer, transformer-lm and seq2seq-attention do")
    if isinstance(codec, LanguageCodec):
        return _of_text(predictor, codec, sentence)
    assert isinstance(codec, TranslationCodec) and codec.target.begin is not None and codec.target.end is not None
    given = codec.source.encode(sentence) or [codec.source.unknown]
    if translation is None:
        said = translated(predictor, codec, [sentence], 4)[0].tokens
    else:
        said = codec.target.encode(translation)
    place = predictor.device
    rows = (torch.tensor([row], device=place) for row in (given, [codec.target.begin, *said]))
    source, target = rows
    weights = model.attention(source, torch.tensor([len(given)], device=place), target)
    read = _told(codec.source, given)
    written = _told(codec.target, [*said, codec.target.end])
    sides = {"cross": (written, read), "encoder": (read, read), "decoder": (written, written)}
    order = [kind for kind in sides if kind in weights]
    return {kind: (weights[kind][:, 0].float().cpu(), *sides[kind]) for kind in order}


def _of_text(predictor: Predictor, codec: LanguageCodec, text: str) -> Seen:
    given = codec.vocabulary.encode(text)
    if not given:
        raise UserError("an empty text: there is nothing to look at")
    most = predictor.model.context
    if len(given) > most:  # type: ignore[operator]
        raise UserError(f"{len(given):,} tokens, but the network sees {most} at once: give it a shorter text")
    tokens = _told(codec.vocabulary, given)
    weights = predictor.model.attention(torch.tensor([given], device=predictor.device))  # type: ignore[operator]
    return {"decoder": (weights["decoder"][:, 0].float().cpu(), tokens, tokens)}


def _told(words: Vocabulary, numbers: list[int]) -> list[str]:
    """Tokens to be read, without the marks of where a space was or was not."""
    return [_read(words, number) for number in numbers]


def _read(words: Vocabulary, number: int) -> str:
    """BPE spells bytes by letters of its own, Ġ for a space and Ã© for é; broken characters stay."""
    token = words.tokens[number]
    text = words.decode([number]) if words.kind == "bpe" else token
    if "\ufffd" in text:
        return token
    return text.strip(f"{MARK} ") or text or token
