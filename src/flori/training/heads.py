"""Which weights of a network make its outputs, and are learnt anew for other classes."""

from __future__ import annotations

from typing import cast

from torch import nn


def is_head(model: nn.Module, name: str) -> bool:
    """Whether a submodule is one of the heads that the model names."""
    return name in cast(tuple[str, ...], model.heads)


def in_head(model: nn.Module, name: str) -> bool:
    """Whether a parameter, buffer or submodule belongs to a head."""
    parts = name.split(".")
    return any(is_head(model, ".".join(parts[: i + 1])) for i in range(len(parts)))
