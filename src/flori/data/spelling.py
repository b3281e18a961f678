"""Words letter by letter, for networks that read what a word looks like beside which one it is.

Shapes: B sentences of a batch, T words, C letters of the longest word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from flori.data import words
from flori.data.sequences import Ragged
from flori.data.vocabulary import LABELLING, Vocabulary

LONGEST = 32  # letters of a word that are read; of longer ones, such as addresses, the first


def alphabet(sentences: Iterable[Sequence[str]]) -> Vocabulary:
    """The letters of words, capitals apart. One that occurs once only stands for those that never did, so that the
    network learns what to make of them; unless all occur once."""
    spellings = sorted({words.tidy(word) for sentence in sentences for word in sentence})
    counts = Counter(letter for spelling in spellings for letter in spelling)
    return Vocabulary.build(spellings, "char", special=LABELLING, least=min(2, max(counts.values(), default=1)))


@dataclass(frozen=True)
class Spelled:
    """The words of N sentences, each spelling kept once.

    Args:
        words: of each sentence the numbers of its words' spellings; 0 is where no word is.
        letters: of each spelling; the first has none.
        pad: the number where no letter is.
    """

    words: Ragged
    letters: Ragged
    pad: int

    @staticmethod
    def of(sentences: Iterable[Sequence[str]], letters: Vocabulary) -> Spelled:
        """Words by an alphabet; one without a single letter is an unknown one."""
        if letters.pad is None:
            raise ValueError("words of different length need an alphabet with <pad>")
        numbers: dict[str, int] = {}
        numbered = [[numbers.setdefault(words.tidy(w), len(numbers) + 1) for w in sentence] for sentence in sentences]
        spelled = [ids[:LONGEST] or [letters.unknown] for ids in letters.encode_all(numbers)]
        return Spelled(Ragged.of(numbered), Ragged.of([[], *spelled]), letters.pad)

    def content(self) -> bytes:
        """A hash of all words."""
        return self.words.content() + self.letters.content()

    def padded(self, index: NDArray[np.int64]) -> Tensor:
        """The letters of sentences of these numbers, int64 [B, T, C]."""
        spellings = self.words.padded(index, 0).numpy()
        rows: Tensor = self.letters.padded(spellings.ravel(), self.pad)
        return rows.view(*spellings.shape, rows.shape[1])
