"""Translations of sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flori.artifacts.answering.texts_given import texts
from flori.core.errors import UserError
from flori.data.translation import TranslationCodec
from flori.prediction.beam import Hypothesis
from flori.prediction.translation import translations
from flori.prediction.wishes import Wishes

if TYPE_CHECKING:
    from flori.artifacts.predictor import Predictor

LETTERS = 40  # of a sentence, to tell which one it is


def answers(predictor: Predictor, inputs: Sequence[str | Path], wishes: Wishes) -> list[dict[str, Any]]:
    """The translation of each sentence, with its score: log p over L^0.75 of its L tokens."""
    codec = predictor.codec
    assert isinstance(codec, TranslationCodec)
    sentences = texts(inputs)
    found = translated(predictor, codec, sentences, wishes.beams)
    return [
        {"input": sentence, "text": codec.target.decode(one.tokens), "score": one.score}
        for sentence, one in zip(sentences, found, strict=True)
    ]


def translated(predictor: Predictor, codec: TranslationCodec, sentences: list[str], beams: int) -> list[Hypothesis]:
    """The best translation of each sentence that a search with so many beams finds. Raises UserError for one that is
    too long."""
    source = codec.source
    given = [ids or [source.unknown] for ids in source.encode_all(sentences)]
    most = min(codec.most, getattr(predictor.model, "context", None) or codec.most)
    for sentence, ids in zip(sentences, given, strict=True):
        if len(ids) > most:
            begun = f"{sentence[:LETTERS]}…: a sentence of {len(ids):,} tokens"
            raise UserError(f"{begun}; {most:,} are the most that can be translated at once: divide it")
    words = codec.target
    assert words.pad is not None and words.begin is not None and words.end is not None
    rules = words.pad, words.begin, words.end
    return translations(predictor.model, given, rules, predictor.device, predictor.precision, beams)
