"""Spans of words in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flori.artifacts.answering.texts_given import texts
from flori.data import words
from flori.data.conll import Sentences
from flori.data.tagging import TaggingCodec
from flori.prediction.labelled import labelled
from flori.prediction.shared import said_in_turn
from flori.prediction.tagging import spans
from flori.prediction.wishes import Wishes

if TYPE_CHECKING:
    from flori.artifacts.predictor import Predictor
    from flori.data.numbered import Numbered


def answers(predictor: Predictor, inputs: Sequence[str | Path], wishes: Wishes) -> list[dict[str, Any]]:
    """The spans of each sentence, their places in characters."""
    codec = predictor.codec
    assert isinstance(codec, TaggingCodec)
    sentences = texts(inputs)
    places = [words.places(sentence) for sentence in sentences]
    cut = [[sentence[a:b] for a, b in found] or [""] for sentence, found in zip(sentences, places, strict=True)]
    part = codec.encoded(Sentences(cut, [[codec.labels[0]] * len(found) for found in cut], sentences))
    said = tags(predictor, codec, part)
    return [
        {"input": sentence, "spans": [_span(sentence, place, one) for one in spans(found) if place]}
        for sentence, place, found in zip(sentences, places, said, strict=True)
    ]


def tags(predictor: Predictor, codec: TaggingCodec, part: Numbered) -> list[list[str]]:
    """The likeliest tag of each word of each sentence."""
    found = []
    for logits, batch in labelled(predictor.model, predictor.in_order(part), predictor.device, predictor.precision):
        assert batch.lengths is not None
        pairs = zip(logits.argmax(2).tolist(), batch.lengths.tolist(), strict=True)
        found.append([[codec.labels[number] for number in row[:length]] for row, length in pairs])
    return [*chain.from_iterable(said_in_turn(found, predictor.ranks))]


def _span(sentence: str, places: list[tuple[int, int]], span: Any) -> dict[str, Any]:
    start, end = places[span.start][0], places[span.end - 1][1]
    return {"start": start, "end": end, "text": sentence[start:end], "label": span.label}
