"""Scores of a sequence labelling: a span counts as found if its boundaries and its type are right, all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Any

from flori.prediction.tagging import Span, spans

BETTER = ("f1", True)
"""The score that runs are compared by, and whether more of it is better."""

Sentences = Sequence[Sequence[str]]


def scores(said: Sentences, truth: Sentences) -> dict[str, float]:
    """`f1`, `precision` and `recall` of the spans of all sentences together, and `accuracy` of single tags; 0 where
    undefined.

    Args: said, truth: the IOB tags of each sentence, word by word. Raises ValueError where their numbers differ.
    """
    pairs = list(chain.from_iterable(zip(*both, strict=True) for both in zip(said, truth, strict=True)))
    hits, found, there = (counts.total() for counts in _counts(said, truth))
    right = sum(one == other for one, other in pairs)
    return {**_ratios(hits, found, there), "accuracy": right / max(1, len(pairs))}


def tables(said: Sentences, truth: Sentences) -> dict[str, Any]:
    """`per_class`: precision, recall, f1 and number of true spans by type, in the order of their names."""
    hits, found, there = _counts(said, truth)
    labels = sorted(found.keys() | there.keys())
    return {
        "per_class": {
            label: {**_ratios(hits[label], found[label], there[label]), "examples": there[label]} for label in labels
        }
    }


def _counts(said: Sentences, truth: Sentences) -> list[Counter[str]]:
    """By type: spans rightly found, found, and there."""
    found, there = _places(said), _places(truth)
    return [Counter(span.label for _, span in places) for places in (found & there, found, there)]


def _places(sentences: Sentences) -> set[tuple[int, Span]]:
    return {(number, span) for number, tags in enumerate(sentences) for span in spans(tags)}


def _ratios(hits: int, found: int, there: int) -> dict[str, float]:
    return {
        "precision": hits / max(1, found),
        "recall": hits / max(1, there),
        "f1": 2 * hits / max(1, found + there),
    }
