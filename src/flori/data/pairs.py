"""Pairs of sentences, a line each: ``source⇥target``, further columns ignored.

A sentence has its spaces in one form: French puts narrow and no-break ones before its punctuation, and not always.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from flori.core.errors import Fault, Faults, UserError, listing
from flori.data import words
from flori.data.reading import lines
from flori.data.text_files import by_part
from flori.data.ties import Ties

ENDINGS = (".txt", ".tsv", ".tab", ".pairs")
OTHER_SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
UNSEEN = re.compile("[\u200b\u2060\ufeff]")


@dataclass(frozen=True)
class Pairs:
    """N sentences with the translation of each, and where they come from."""

    sources: list[str]
    targets: list[str]
    names: list[str]

    def __len__(self) -> int:
        return len(self.names)

    def take(self, index: Tensor) -> Pairs:
        numbers = index.tolist()
        return Pairs(*([column[i] for i in numbers] for column in (self.sources, self.targets, self.names)))


@dataclass(frozen=True)
class PairSet:
    """Pairs by part, and what was left out."""

    parts: dict[str, Pairs]
    skipped: list[Fault] = field(default_factory=list)


def read(path: Path, encoding: str = "utf-8", on_bad: str = "stop", swap: bool = False) -> PairSet:
    """The pairs of a file, or of a folder of them with their parts.

    Args:
        on_bad: ``stop`` raises UserError listing all faults; ``skip`` leaves the bad lines out and lists them.
        swap: the second column is the source.
    """
    faults = Faults()
    found = {
        part: [_read_file(file, encoding, faults) for file in files] for part, files in by_part(path, ENDINGS).items()
    }
    if on_bad == "stop":
        faults.stop_if_any(str(path), "data.on_bad=skip leaves these lines out.")
    parts = {part: _together(of_part, swap) for part, of_part in found.items()}
    for part, pairs in parts.items():
        if not len(pairs):
            raise UserError(listing([*faults.found, Fault(str(path), f"holds no {part} pair")], str(path)))
    return PairSet(parts, faults.found)


def tie(pairs: Pairs) -> Ties:
    """What a division of pairs must heed: never is one source in two parts."""
    groups = {source: number for number, source in enumerate(dict.fromkeys(pairs.sources))}
    numbers = torch.tensor([groups[source] for source in pairs.sources])
    return Ties(len(pairs), groups=numbers, named="different sources")


def _read_file(path: Path, encoding: str, faults: Faults) -> Pairs:
    sources, targets, names = [], [], []
    before = len(faults.found)
    for number, line in enumerate(lines(path, faults, encoding), 1):
        source, tab, rest = (line or "").partition("\t")
        source, target = source.strip(), rest.partition("\t")[0].strip()
        if source and target:
            sources.append(source)
            targets.append(target)
            names.append(f"{path.name}:{number}")
        elif source or target or tab:
            faults.add(f"{path}, line {number}", _missing(source, tab), "each line has source, tab, target")
    if not sources and len(faults.found) == before:
        faults.add(path, "holds no pair")
    return Pairs(_cleaned(sources), _cleaned(targets), names)


def _missing(source: str, tab: str) -> str:
    if not tab:
        return "has no tab"
    return "has nothing after the tab" if source else "has nothing before the tab"


def _cleaned(sentences: list[str]) -> list[str]:
    """All at once: a pass over the whole text takes a fraction of a pass over each."""
    text = words.tidy("\n".join(sentences))
    return UNSEEN.sub("", OTHER_SPACES.sub(" ", text)).split("\n") if sentences else []


def _together(pairs: list[Pairs], swap: bool) -> Pairs:
    columns = ([item for each in pairs for item in getattr(each, name)] for name in ("sources", "targets", "names"))
    sources, targets, names = columns
    return Pairs(targets, sources, names) if swap else Pairs(sources, targets, names)
