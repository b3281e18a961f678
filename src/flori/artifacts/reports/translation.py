"""Translation: examples beside the truth, and where the network looked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flori.artifacts.attention import attended
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
    return [_drawn(folder, f"attention-{i}.png", pair, predictor) for i, pair in enumerate(readable, 1)]


def _drawn(folder: Path, file: str, pair: tuple[str, str], predictor: Predictor) -> Section:
    weights, rows, columns = attended(predictor, *pair)["cross"]
    picture = save(folder, file, attention_plots.attention(weights[-1], rows, columns))
    text = "Where the last layer looks in the source (across) for each token that it writes (down)."
    return Section(f"Attention: {pair[0]}", text=text, picture=picture)
