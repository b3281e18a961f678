"""Where to compute, and with which numbers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch

from flori.core.errors import UserError


def choose_device(wanted: str) -> torch.device:
    """`auto` takes CUDA, then MPS, then the processor. Raises UserError for one that is not there."""
    there: dict[str, Callable[[], bool]] = {
        "cuda": torch.cuda.is_available,
        "mps": torch.backends.mps.is_available,
        "cpu": lambda: True,
    }
    if wanted == "auto":
        wanted = next(name for name, is_there in there.items() if is_there())
    if not there[wanted]():
        raise UserError(f"device={wanted}: this machine offers none to torch; device=auto takes what is there")
    return torch.device(wanted)


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether the hardware multiplies bfloat16 matrices faster than float32 ones."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        return bool(torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return False


def choose_precision(wanted: str, device: torch.device, convolutional: bool) -> str:
    """`auto` takes bfloat16 for networks of convolutions where the hardware multiplies it, else float32.

    Small matrix products gain nothing from bfloat16 on a processor, so the linear systems stay in float32.
    """
    if wanted == "float64" and device.type == "mps":
        raise UserError("precision=float64: MPS has no float64; take precision=float32 or device=cpu")
    if wanted != "auto":
        return wanted
    return "bfloat16" if convolutional and multiplies_bfloat16(device) else "float32"


def computing(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """The context in which a forward pass runs: autocast for bfloat16, else nothing."""
    if precision == "bfloat16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()


def parameter_type(precision: str) -> torch.dtype:
    """The type that weights are kept in: float64 on demand, else float32 (bfloat16 only multiplies)."""
    return torch.float64 if precision == "float64" else torch.float32
