"""What is to be changed at random about each picture; a draw depends on (seed, epoch, example) alone.

So an example is changed alike in whatever batch it comes, and whether that is done to a batch in memory
(`flori.data.augmentation`) or to one picture after it was decoded.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from flori.core import seeds
from flori.core.recipe import Data

CROP_RATIOS = (3 / 4, 4 / 3)  # width by height (Szegedy et al. 2015)
ERASED_SHARES, ERASED_RATIOS = (0.02, 1 / 3), (1 / 3.3, 1 / 0.3)  # Zhong et al. 2020: height by width in [0.3, 3.3]

Chance = Callable[[str, int], Tensor]


@dataclass(frozen=True)
class Draws:
    """What is done to each of N pictures, in this order; rectangles are top, left, height and width in whole pixels.

    Args:
        box: the piece that is made full size, int64 [N, 4], in pixels of the picture as it is.
        shift: how far that moves up and left, black coming in behind it, int64 [N, 2].
        flip: whether it is mirrored left to right, bool [N].
        colour: factors of brightness, contrast and saturation, in this order, float64 [N, 3].
        erase: the rectangle that is blanked, int64 [N, 4], in pixels of the result; 0 by 0 where none is.
    """

    box: Tensor
    shift: Tensor
    flip: Tensor
    colour: Tensor
    erase: Tensor


def draw(
    options: Data,
    examples: Tensor,
    seed: int,
    epoch: int,
    height: int | Tensor,
    width: int | Tensor,
    size: tuple[int, int] | None = None,
) -> Draws | None:
    """The draws for N examples, or None where nothing is asked for. What is asked for beside it changes no draw.

    Args:
        examples: the number of each example in its set, int64 [N].
        height, width: of all pictures, or of each [N].
        size: height and width of the results, where they are not those of the pictures.
    """
    if not (options.shift or options.flip or options.colour or options.erase or options.crop < 1):
        return None
    count, chance = len(examples), _chance(seed, epoch, examples)
    return Draws(
        _boxes(options.crop, chance, count, height, width),
        *_moves(options.shift, options.flip, chance, count),
        _factors(options.colour, chance, count),
        _erased(options.erase, chance, count, *(size or (height, width))),
    )


def _chance(seed: int, epoch: int, examples: Tensor) -> Chance:
    """Uniforms for a purpose, so many an example [N, count]."""
    return lambda purpose, count: seeds.uniforms(seed, purpose, epoch, examples, count)


def _boxes(crop: float, chance: Chance, count: int, height: int | Tensor, width: int | Tensor) -> Tensor:
    if crop < 1:
        return _rectangles(chance("augment crop", 4), (crop, 1.0), CROP_RATIOS, height, width)
    boxes = torch.zeros(count, 4, dtype=torch.int64)
    boxes[:, 2], boxes[:, 3] = height, width
    return boxes


def _moves(shift: int, flip: bool, chance: Chance, count: int) -> tuple[Tensor, Tensor]:
    if not (shift or flip):
        return torch.zeros(count, 2, dtype=torch.int64), torch.zeros(count, dtype=torch.bool)
    drawn = chance("augment", 3)
    return (drawn[:, :2] * (2 * shift + 1)).long() - shift, (drawn[:, 2] < 0.5) & flip


def _factors(colour: float, chance: Chance, count: int) -> Tensor:
    if not colour:
        return torch.ones(count, 3, dtype=torch.float64)
    return 1 + colour * (2 * chance("augment colour", 3) - 1)


def _erased(share: float, chance: Chance, count: int, height: int | Tensor, width: int | Tensor) -> Tensor:
    if not share:
        return torch.zeros(count, 4, dtype=torch.int64)
    drawn = chance("augment erase", 5)
    return _rectangles(drawn, ERASED_SHARES, ERASED_RATIOS, height, width) * (drawn[:, 4:] < share)


def _rectangles(
    chance: Tensor,
    shares: tuple[float, float],
    ratios: tuple[float, float],
    height: int | Tensor,
    width: int | Tensor,
) -> Tensor:
    """Rectangles int64 [N, 4] within pictures, from four uniforms each [N, 4].

    The share of the area is uniform within `shares`. The logarithm of width by height is uniform over that part of
    `ratios` which fits into the picture at this area: what trying again until it fits (torchvision) comes to, without
    trying. Where none fits, the nearest ratio that does is taken, and the area stays. The place is uniform.
    """
    height, width = torch.as_tensor(height), torch.as_tensor(width)
    share = shares[0] + (shares[1] - shares[0]) * chance[:, 0]
    fitting = (share * width / height).log(), (width / height / share).log()
    low, high = (torch.full_like(share, math.log(end)).clamp(*fitting) for end in ratios)
    ratio = (low + (high - low) * chance[:, 1]).exp()
    area = share * height * width
    tall, wide = ((sides.sqrt().round().clamp(min=1)) for sides in (area / ratio, area * ratio))
    top, left = (height - tall + 1) * chance[:, 2], (width - wide + 1) * chance[:, 3]
    return torch.stack([top, left, tall, wide], 1).long()
