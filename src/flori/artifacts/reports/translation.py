"""Translation: examples beside the truth, and where the network looked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from flori.artifacts.predictor import Predictor
from flori.artifacts.section import Section, save
from flori.data.translation import TranslationCodec
from flori.evaluation import attention_plots
from flori.evaluation.judged import Judged

SCORE = "perplexity"
SHOWN, DRAWN = 20, 2
SEEN = range(5, 15)  # tokens of a sentence whose attention can be read


def sections(folder: Path, name: str, part: Any, judged: Judged, predictor: Predictor) -> list[Section]:
    """Twenty translations beside the truth, evenly from the part, and the attention for some of them."""
    texts, step = part.texts, max(1, len(part) // SHOWN)
    chosen = range(0, len(part), step)[:SHOWN]
    rows = tuple((texts.sources[i], judged.answers[i], texts.targets[i]) for i in chosen)
    head = ("source", "translation", "truth")
    found = [Section(f"Translations ({name})", head=head, rows=rows, words=True)]
    return found + _attention(folder, [(texts.sources[i], judged.answers[i]) for i in chosen], predictor)


def _attention(folder: Path, pairs: list[tuple[str, str]], predictor: Predictor) -> list[Section]:
    codec = predictor.codec
    assert isinstance(codec, TranslationCodec)
    if not hasattr(predictor.model, "attention"):
        return []
    lengths = [len(codec.source.encode(source)) for source, _ in pairs]
    readable = [pair for pair, length in zip(pairs, lengths, strict=True) if length in SEEN][:DRAWN]
    return [_drawn(folder, f"attention-{i}.png", pair, predictor, codec) for i, pair in enumerate(readable, 1)]


def _drawn(folder: Path, file: str, pair: tuple[str, str], predictor: Predictor, codec: TranslationCodec) -> Section:
    weights, said, read = attention(predictor, codec, *pair)
    picture = save(folder, file, attention_plots.attention(weights["cross"][-1, 0], said, read))
    text = "Where the last layer looks in the source (across) for each token that it writes (down)."
    return Section(f"Attention: {pair[0]}", text=text, picture=picture)


@torch.inference_mode()
def attention(
    predictor: Predictor, codec: TranslationCodec, source: str, target: str
) -> tuple[dict[str, torch.Tensor], list[str], list[str]]:
    """All weights for a sentence and its translation, and the tokens of both as they are read."""
    given, said = codec.source.encode(source), codec.target.encode(target)
    assert codec.target.begin is not None and codec.target.end is not None
    place = predictor.device
    written = [codec.target.begin, *said]
    weights = predictor.model.eval().attention(  # type: ignore[operator]
        torch.tensor([given], device=place), torch.tensor([len(given)], device=place), torch.tensor([written], device=place)
    )
    tokens = [codec.target.tokens[number] for number in [*said, codec.target.end]]
    return weights, tokens, [codec.source.tokens[number] for number in given]
