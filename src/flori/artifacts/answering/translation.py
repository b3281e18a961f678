"""Translations of sentences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flori.artifacts.answering.texts_given import texts
from flori.data.translation import TranslationCodec
from flori.prediction.beam import Hypothesis
from flori.prediction.translation import translations
from flori.prediction.wishes import Wishes

if TYPE_CHECKING:
    from flori.artifacts.predictor import Predictor


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
    """The best translation of each sentence that a search with so many beams finds."""
    source = codec.source
    given = [ids or [source.unknown] for ids in source.encode_all(sentences)]
    words = codec.target
    assert words.pad is not None and words.begin is not None and words.end is not None
    rules = words.pad, words.begin, words.end
    return translations(predictor.model, given, rules, predictor.device, predictor.precision, beams)
