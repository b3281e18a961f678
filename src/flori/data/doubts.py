"""What is no fault in a set of pictures, but makes its scores doubtful."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator

from torch import Tensor

from flori.data.examples import Pictures, PictureSet

SHOWN = 5  # names in a remark
ORDER = ("train", "valid", "test")


def doubts(raw: PictureSet) -> list[str]:
    """Remarks on classes with a single picture to learn from, and on pictures that occur twice: in two classes one of
    the labels is wrong, in two parts the score is of something learnt by heart."""
    train = raw.parts["train"]
    counts = train.targets.bincount(minlength=len(raw.labels)).tolist()
    alone = [label for label, count in zip(raw.labels, counts, strict=True) if count == 1]
    found = [f"a single picture to learn from: {_some(alone)}"] if alone else []
    places = defaultdict(list)
    for part, pictures in sorted(raw.parts.items(), key=lambda item: ORDER.index(item[0])):
        for digest, label, name in _each(pictures):
            places[digest].append((part, label, name))
    twice = [copies for copies in places.values() if len(copies) > 1]
    reasons = (
        ("in more than one class", [copies for copies in twice if len({label for _, label, _ in copies}) > 1]),
        ("in more than one part", [copies for copies in twice if len({part for part, _, _ in copies}) > 1]),
        ("more than once", twice),
    )
    for where, copies in reasons:
        if copies:
            names = " = ".join(name for *_, name in copies[0][:2])
            found.append(f"{len(copies):,} picture{'s' * (len(copies) > 1)} {where}, such as {names}")
    return found


def _each(pictures: Pictures) -> Iterator[tuple[bytes, int, str]]:
    """A hash of each picture, its class and its name; of those that nobody looked at there is none."""
    images = pictures.images
    if isinstance(images, Tensor):
        digests = iter([hashlib.blake2b(image.contiguous().numpy().data, digest_size=16).digest() for image in images])
    else:
        found = images.shelf.digests(images.numbers)
        if found is None:
            return iter(())
        digests = found
    return zip(digests, pictures.targets.tolist(), pictures.names, strict=True)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
