"""The texts that have a name: those that can be fetched, and where to get others."""

from __future__ import annotations

from pathlib import Path

from flori.data.named import File, NamedSet, paths

_BOOK = "https://d2l-data.s3-accelerate.amazonaws.com/"
_SHAKESPEARE = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/"
FETCHED = {
    known.name: known
    for known in (
        NamedSet(
            "time-machine",
            "The Time Machine by H. G. Wells, 179 thousand characters",
            (
                File(
                    "timemachine.txt",
                    _BOOK + "timemachine.txt",
                    "8424dbd9532ac81f7e5f0b6add90e6952baea29158309d7d1bf3884f4e12c516",
                ),
            ),
        ),
        NamedSet(
            "tiny-shakespeare",
            "plays by Shakespeare, 1.1 million characters",
            (
                File(
                    "input.txt",
                    _SHAKESPEARE + "input.txt",
                    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
                ),
            ),
        ),
    )
}
ELSEWHERE = {
    "fra-eng": "fra.txt in fra-eng.zip of https://www.manythings.org/anki/",
    "wnut17": "train, dev and test in CoNLL's columns, of https://github.com/leondz/emerging_entities_17",
    "rt-polarity": "rt-polarity.pos and rt-polarity.neg of https://www.cs.cornell.edu/people/pabo/movie-review-data/",
}
"""Sets that recipes begin with and nobody may pass on, or that change: where to get them."""


def fetched(name: str) -> Path | None:
    """The file of a text by its name, fetched if it is not there yet; None for a name that stands for none."""
    return paths(FETCHED[name])[0] if name in FETCHED else None
