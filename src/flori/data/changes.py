"""Changes to one picture after it was decoded, as drawn by `flori.data.draws`: what `augmentation` does to a batch,
through torchvision's transforms, and with the piece cut out of the picture at its full size."""

from __future__ import annotations

from torch import Tensor
from torchvision.transforms.v2 import functional as F

from flori.data.draws import Draws


def changed(image: Tensor, draws: Draws, place: int, whole: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """A picture uint8 [C, h, w] changed as drawn at a place of the draws: uint8 [C, *size].

    Args:
        whole: the height and width that the box was drawn for; the picture may have been decoded smaller.
    """
    image = F.resized_crop(image, *_scaled(draws.box[place].tolist(), image, whole), list(size), antialias=True)
    down, right = draws.shift[place].tolist()
    if down or right:
        image = F.crop(image, down, right, *size)  # black where it is outside
    if draws.flip[place]:
        image = F.horizontal_flip(image)
    image = _coloured(image, draws.colour[place].tolist())
    top, left, height, width = draws.erase[place].tolist()
    if height:
        mean = image.float().mean((1, 2), keepdim=True).round().to(image.dtype)
        image = F.erase(image, top, left, height, width, mean)
    return image


def _scaled(box: list[int], image: Tensor, whole: tuple[int, int]) -> list[int]:
    """A box of the whole picture in pixels of the one that was decoded, of at least one pixel."""
    places, sides = [], []
    for start, length, now, full in zip(box[:2], box[2:], image.shape[1:], whole, strict=True):
        first = min(round(start * now / full), now - 1)
        places.append(first)
        sides.append(max(1, round((start + length) * now / full) - first))
    return places + sides


def _coloured(image: Tensor, factors: list[float]) -> Tensor:
    """Brightness, contrast and saturation times these factors; opacity stays."""
    if factors == [1, 1, 1]:
        return image
    count = 3 if len(image) >= 3 else 1
    seen = image[:count]
    for adjust, factor in zip((F.adjust_brightness, F.adjust_contrast, F.adjust_saturation), factors, strict=True):
        seen = adjust(seen, factor)
    image = image.clone()
    image[:count] = seen
    return image
