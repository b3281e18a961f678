"""Which columns of a Parquet file hold pictures and their classes, as those of the Hugging Face hub do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from flori.core.errors import UserError

PICTURES = ("image", "img", "picture", "photo", "jpg", "png")
CLASSES = ("label", "labels", "class", "target", "category", "fine_label", "y")


@dataclass(frozen=True)
class Columns:
    """The path of the column of encoded pictures, the column of their classes, and the names of these where the file
    has them (their numbers from 0 on are what the column holds then)."""

    picture: str
    label: str
    names: list[str] | None


def holds_pictures(schema: Any) -> bool:
    """Whether a table of this schema has a column of pictures."""
    return _picture(schema, _features(schema)) is not None


def columns(place: str, schema: Any, target: str | None) -> Columns:
    """The columns of a table that has pictures. Raises UserError where none, or several, may be the class.

    Args:
        target: the column of classes; None: that called as classes are, or declared to be.
    """
    features = _features(schema)
    picture = _picture(schema, features)
    assert picture is not None
    others = [name for name in schema.names if name != picture.partition(".")[0]]
    if target is not None and target not in others:
        raise UserError(f"{place} has no column {target!r} of classes; it has {', '.join(schema.names)}")
    declared = [name for name in others if features.get(name, {}).get("_type") == "ClassLabel"]
    named = [name for name in CLASSES if name in others]
    label = target or (declared[0] if len(declared) == 1 else named[0] if named else None)
    if label is None:
        raise UserError(f"{place}: say which column is the class with target=…; it has {', '.join(schema.names)}")
    _must_be_classes(place, label, schema.field(label).type)
    found = features.get(label, {}).get("names")
    return Columns(picture, label, [str(name) for name in found] if isinstance(found, list) else None)


def _features(schema: Any) -> dict[str, Any]:
    """What the library `datasets` wrote of each column."""
    try:
        said = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: one for name, one in said.items() if isinstance(one, dict)}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


def _picture(schema: Any, features: dict[str, Any]) -> str | None:
    """The path of the column of pictures: a record of bytes and path, or bytes that are called so."""
    import pyarrow as pa

    found = []
    for field in schema:
        kind, declared = field.type, features.get(field.name, {}).get("_type") == "Image"
        if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0 and _are_bytes(kind.field("bytes").type):
            found.append((not declared, field.name not in PICTURES, f"{field.name}.bytes"))
        elif _are_bytes(kind) and (declared or field.name.lower() in PICTURES):
            found.append((not declared, field.name not in PICTURES, field.name))
    return min(found, key=lambda one: one[:2])[2] if found else None


def _are_bytes(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _must_be_classes(place: str, name: str, kind: Any) -> None:
    import pyarrow as pa

    kinds = pa.types
    kind = kind.value_type if kinds.is_dictionary(kind) else kind
    if not (kinds.is_integer(kind) or kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_boolean(kind)):
        raise UserError(f"{place}: the column {name!r} holds {kind}; classes are whole numbers or texts")
