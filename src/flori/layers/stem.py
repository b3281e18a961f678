"""How a network begins: the paper's large strides for photographs, or none for small pictures."""

from __future__ import annotations

SMALL = 64  # pixels: below this the strides of a stem made for 224 would leave nothing to look at


def is_small(stem: str, shape: tuple[int, ...]) -> bool:
    """Whether a network for pictures [C, H, W] has the stem for small pictures: a 3×3 convolution of stride 1 and no
    pooling. `stem` is "auto" (by the shorter side, below 64 pixels), "small" or "large"."""
    return stem == "small" or (stem == "auto" and min(shape[1:]) < SMALL)


def explained(stem: str, shape: tuple[int, ...]) -> tuple[str, str]:
    """The stem that a network for pictures [C, H, W] has, "small" or "large", and why, to be read after a comma."""
    small, (_, height, width) = is_small(stem, shape), shape
    found = f"as pictures of {width}×{height} are {'below' if small else 'not below'} {SMALL} pixels"
    return "small" if small else "large", found if stem == "auto" else "as model.stem says"


def scaled(channels: int, width: float) -> int:
    """`channels` times `width`, at least 1."""
    return max(1, round(channels * width))
