"""Layers that keep the weights that they begin with (Dive into Deep Learning, section 14.2).

A frozen layer stays as it is altogether: its weights get no gradient, and its batch norms take their running statistics
rather than the batch's, and leave them alone.
"""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from flori.core.errors import UserError
from flori.training.heads import in_head

NORMS = (_BatchNorm, nn.GroupNorm, nn.LayerNorm)
WORDS = "stem, backbone, or a number of lowest layers"


def freeze(model: nn.Module, wanted: str) -> list[nn.Module]:
    """Freeze the lowest layers of a network: the modules that are to stay in evaluation mode.

    A layer is a convolution or dense layer with the norms after it; they are counted in the order in which the network
    holds them. The heads always learn, so `wanted` is "stem" (the first layer), "backbone" (all below the heads), or a
    number from 1 to that of all below the heads. Raises UserError for anything else.
    """
    modules = [m for name, m in model.named_modules() if not list(m.children()) and not in_head(model, name)]
    layers = [i for i, module in enumerate(modules) if _has_weights(module) and not isinstance(module, NORMS)]
    count = _count(wanted, len(layers))
    after = layers[count] if count < len(layers) else len(modules)
    last = max(i for i in range(layers[count - 1], after) if i == layers[count - 1] or isinstance(modules[i], NORMS))
    frozen = modules[: last + 1]
    for module in frozen:
        module.requires_grad_(False)
    return frozen


def _count(wanted: str, layers: int) -> int:
    """How many layers a text asks for."""
    if not layers:
        raise UserError(f"freeze={wanted}: the network has no layer below its last, which must learn")
    named = {"stem": 1, "backbone": layers}
    count = named.get(wanted, int(wanted) if wanted.isdecimal() else None)
    if count is None:
        raise UserError(f"freeze={wanted}: must be {WORDS}")
    if not 1 <= count <= layers:
        raise UserError(
            f"freeze={wanted}: the network has {layers} layers below its last; from 1 to {layers} can freeze"
        )
    return count


def _has_weights(module: nn.Module) -> bool:
    return next(module.parameters(recurse=False), None) is not None
