"""Which weights of a network make its outputs, and are learnt anew for other classes."""

from __future__ import annotations

from typing import cast

from torch import nn


def in_head(model: nn.Module, name: str) -> bool:
    """Whether a parameter, buffer or submodule belongs to one of the heads that the model names."""
    heads = cast(tuple[str, ...], model.heads)
    return any(name == head or name.startswith(f"{head}.") for head in heads)
