"""Which module reads and prepares the examples of a recipe: it follows from the class of its data options."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from flori.core.errors import UserError
from flori.core.recipe import Recipe, Source
from flori.data import fetching
from flori.data.codec import Codec, Prepared

FAMILIES = {
    "Data": ("preparing", "ExampleCodec"),
    "Corpus": ("language", "LanguageCodec"),
    "Pairs": ("translation", "TranslationCodec"),
    "Sentences": ("tagging", "TaggingCodec"),
    "Texts": ("text_classes", "TextCodec"),
}
"""By the class of options: the module in this room, with a function `prepare`, and its codec."""


def prepare(recipe: Recipe) -> Prepared:
    """Read, divide and prepare the examples that a recipe names. Raises UserError for what is wrong with them, or where
    the system does not do the task."""
    if recipe.task not in ("auto", *recipe.tasks):
        raise UserError(f"task={recipe.task}: this system does {' and '.join(recipe.tasks)} only")
    with fetching.spoken(recipe.data.source):
        prepared: Prepared = _module(type(recipe.data).__name__).prepare(recipe)
    return prepared


def names(options: Source) -> list[str]:
    """Where each example of the training part of a set is from, in the order of the data."""
    return list(_module(type(options).__name__).read_set(options).parts["train"].names)


def state(codec: Codec) -> dict[str, Any]:
    """All of a codec, as JSON holds it."""
    family = next(family for family, (_, name) in FAMILIES.items() if name == type(codec).__name__)
    return {"family": family, **codec.state()}


def restore(document: dict[str, Any]) -> Codec:
    """The codec that `state` described."""
    family = document.get("family", "Data")
    return getattr(_module(family), FAMILIES[family][1]).restore({k: v for k, v in document.items() if k != "family"})


def _module(family: str) -> Any:
    return import_module(f"flori.data.{FAMILIES[family][0]}")
