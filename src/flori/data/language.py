"""Language: a text as tokens, each to be predicted from those before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray

from flori.core.errors import UserError
from flori.core.recipe import Recipe
from flori.core.texts import Corpus as Options
from flori.data import corpora
from flori.data.codec import Prepared
from flori.data.dividing import DEFAULT_VALID, refuse_to_divide
from flori.data.shares import WHOLE, Share
from flori.data.sources import found
from flori.data.text_files import ends
from flori.data.texts import TABLES
from flori.data.vocabulary import LANGUAGE, Vocabulary
from flori.data.windows import Streams, Windows

STREAMS = 16  # side by side in judging: each begins without knowing what was before
WANTED = "a text file (.txt) or a folder of them"


@dataclass(frozen=True)
class LanguagePart:
    """The n tokens of a part, mapped from their file, and a hash of its text."""

    tokens: NDArray[Any]
    digest: str

    def __len__(self) -> int:
        """How many tokens are predicted: all but the first."""
        return len(self.tokens) - 1

    def content(self) -> bytes:
        return self.digest.encode()


@dataclass(frozen=True)
class LanguageCodec:
    """Text ↔ tokens. `order` says whether a state is carried from window to window."""

    vocabulary: Vocabulary
    window: int
    order: str
    task: str = "language"
    example: str = '"The beginning of a text"'

    @property
    def labels(self) -> list[str]:
        return []

    @property
    def sizes(self) -> tuple[int]:
        return (len(self.vocabulary),)

    @property
    def numbers(self) -> int:
        return self.window * max(512, len(self.vocabulary))

    @property
    def described(self) -> str:
        return f"tokens of {len(self.vocabulary):,} kinds, {self.window} at once"

    def sample(self) -> tuple[torch.Tensor]:
        return (torch.zeros(1, self.window, dtype=torch.int64),)

    def state(self) -> dict[str, Any]:
        return {"vocabulary": self.vocabulary.state(), "window": self.window, "order": self.order}

    @staticmethod
    def restore(state: dict[str, Any]) -> LanguageCodec:
        return LanguageCodec(Vocabulary.restore(state["vocabulary"]), state["window"], state["order"])

    def read(self, options: Options, seed: int, divided: bool, needs_valid: bool = False) -> dict[str, LanguagePart]:
        """The parts of a text as tokens of this vocabulary. Raises UserError where it cannot be read as text."""
        return _encoded(_read(options, divided, needs_valid), self.vocabulary)

    def batches(
        self,
        part: LanguagePart,
        size: int,
        device: torch.device,
        dtype: torch.dtype,
        seed: int = 0,
        options: Options | None = None,
        share: Share = WHOLE,
    ) -> Windows | Streams:
        """Windows of a part, or the streams that they are cut from in turn; to judge, few streams."""
        if self.order == "random":
            return Windows(part.tokens, size, self.window, seed, device, share)
        return Streams(part.tokens, size if options else min(size, STREAMS), self.window, seed, device, share)


def prepare(recipe: Recipe) -> Prepared:
    """Read and divide a text, and make tokens of it by a vocabulary of its training part alone."""
    options: Options = recipe.data
    texts = _read(options, True, recipe.training.patience is not None)
    chosen: dict[str, Any] = {"most": options.most, "least": options.least, "lower": options.lower}
    try:
        words = corpora.fit_vocabulary(texts["train"], options.tokens, special=LANGUAGE, **chosen)
    except UserError as problem:
        raise UserError(f"{options.source}: {problem}") from None
    codec, parts = LanguageCodec(words, options.window, options.order), _encoded(texts, words)
    return Prepared(parts, codec, [], notes(parts, words))


def _read(options: Options, divided: bool, needs_valid: bool) -> dict[str, corpora.Corpus]:
    path = found(options.source, WANTED)
    if ends(path, TABLES):
        raise UserError(f"{path} is a table; wanted is {WANTED}")
    texts = corpora.read(path, options.encoding)
    if not divided:
        return texts
    refuse_to_divide(options, "a long text is one piece, not examples; data.test=0.2 holds out its end")
    if not (options.test or options.valid or {"test", "valid"} & texts.keys()):
        raise UserError("data.test=0 with data.valid=0 leaves nothing to judge by; one of them must be above 0")
    test = 0.0 if "valid" in texts else options.test
    return corpora.divide(texts, options.valid or (DEFAULT_VALID if needs_valid else 0.0), test)


def _encoded(texts: dict[str, corpora.Corpus], words: Vocabulary) -> dict[str, LanguagePart]:
    """The parts as tokens. Raises UserError where one has nothing to predict."""
    parts = {
        part: LanguagePart(corpora.token_file(text, words), f"{text.digest} {text.start} {text.end}")
        for part, text in texts.items()
    }
    for name, part in parts.items():
        if not len(part):
            which = f"its {name} part has" if len(parts) > 1 else "it has"
            raise UserError(f"{texts[name].files[0]}: {which} 1 token; two are the least: one predicted from the other")
    return parts


def notes(parts: dict[str, LanguagePart], words: Vocabulary) -> list[str]:
    """How much of the parts that are judged the vocabulary does not know."""
    notes = []
    for name, part in parts.items():
        unknown = int((part.tokens[:1_000_000] == words.unknown).sum())
        if unknown:
            share = unknown / min(len(part.tokens), 1_000_000)
            notes.append(f"{name}: {share:.2%} of the tokens are {words.tokens[words.unknown]}")
    return notes
