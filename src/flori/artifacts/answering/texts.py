"""Classes of texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from flori.artifacts.answering.texts_given import texts
from flori.data.text_classes import TextCodec
from flori.data.texts import Texts
from flori.prediction import classification
from flori.prediction.labelled import labelled
from flori.prediction.wishes import Wishes

if TYPE_CHECKING:
    from flori.artifacts.predictor import Predictor


def answers(predictor: Predictor, inputs: Sequence[str | Path], wishes: Wishes) -> list[dict[str, Any]]:
    """A label with probabilities for each text."""
    codec = predictor.codec
    assert isinstance(codec, TextCodec)
    given = texts(inputs, codec.whole)
    part = codec.encoded(Texts(given, torch.zeros(len(given), dtype=torch.int64), given), codec.labels)
    batches = predictor.batches(part).in_order()
    found = torch.cat(
        [logits.cpu() for logits, _ in labelled(predictor.model, batches, predictor.device, predictor.precision)]
    )
    said = classification.answers(found, codec.labels)
    return [{"input": text, **answer} for text, answer in zip(given, said, strict=True)]
