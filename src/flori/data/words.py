"""Text → words and back. Punctuation stands apart, and its mark tells on which side it had no space: so a text comes
back as it was written, but for the width of its spaces.

``well-known, isn't it?`` → ``well`` ``￭-￭`` ``known`` ``￭,`` ``isn`` ``￭'t`` ``it`` ``￭?``

Words never carry a mark, so that each has one number, wherever it stands. Lines end in the token ``\\n``. Scripts that
are written without spaces are better cut into characters or BPE.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache

MARK = "￭"  # nothing stood between this token and the one on this side
LINE_END = "\n"
UNSEEN = {"Cc", "Cf"}  # Unicode's control and format characters, zero-width spaces among them
SOFT_HYPHEN = "\xad"


def tidy(text: str) -> str:
    """The text with each letter in one form (Unicode's NFC), and without the hyphens that are not seen."""
    return unicodedata.normalize("NFC", text).replace(SOFT_HYPHEN, "")


def split(chunk: str) -> list[str]:
    """The tokens of a run of characters without spaces."""
    if chunk.isalnum():
        return [chunk]
    pieces = list(_pieces(chunk))
    tokens = []
    for i, (piece, is_word) in enumerate(pieces):
        left = MARK if i and not is_word else ""
        right = MARK if not is_word and i + 1 < len(pieces) and pieces[i + 1][1] else ""
        tokens.append(left + piece + right)
    return tokens


def join(tokens: Iterable[str]) -> str:
    """The text that tokens stand for."""
    written, glued = [], True
    for token in tokens:
        is_end, marked = token == LINE_END, len(token) > 1
        left, right = (marked and end == MARK for end in (token[0], token[-1]))
        if not (glued or left or is_end):
            written.append(" ")
        written.append(token[left : len(token) - right] or MARK)
        glued = right or is_end
    return "".join(written)


def places(text: str) -> list[tuple[int, int]]:
    """Start and end of each word and each other character of a text, apostrophes apart: as text is tagged."""
    found = _pattern("").finditer(text)
    return [match.span() for match in found if match[1] or unicodedata.category(match[0]) not in UNSEEN]


def _pieces(chunk: str) -> Iterator[tuple[str, bool]]:
    """What a chunk is made of, each with whether it is a word, which carries no mark."""
    for match in _pattern("'’").finditer(chunk):
        if match[1]:
            yield from ((part, "'" not in part) for part in _contracted(match[1]))
        elif unicodedata.category(match[0]) not in UNSEEN:
            yield match[0], False


def _contracted(word: str) -> list[str]:
    """``don't`` → don, 't and ``l'homme`` → l', homme: the apostrophe goes with the shorter side."""
    first, *others = word.replace("’", "'").split("'")
    parts = [first]
    for part in others:
        if len(part) < len(parts[-1]):
            parts.append("'" + part)
        else:
            parts[-1] += "'"
            parts.append(part)
    return parts


@cache
def _pattern(inside: str) -> re.Pattern[str]:
    """Words, in the first group, or single other characters. Those `inside` a word do not end it, nor do a point, comma
    or colon between digits. Python's ``\\w`` lacks the signs that Indic and other scripts write vowels with."""
    signs = "".join(chr(code) for code in range(0x300, 0x1F000) if unicodedata.category(chr(code))[0] == "M")
    letter = rf"[\w{signs}]"
    between = rf"(?<=\d)[.,:](?=\d)|[{inside}]" if inside else r"(?<=\d)[.,:](?=\d)"
    return re.compile(rf"({letter}+(?:(?:{between}){letter}+)*)|\S")
