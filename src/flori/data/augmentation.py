"""Changes to a batch of pictures in memory, as drawn by `flori.data.draws`: crop, shift and flip, colour, erase."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from flori.data.draws import Draws

LUMA = (0.2989, 0.587, 0.114)  # red, green and blue in grey (ITU-R BT.601)


def augment(images: Tensor, draws: Draws | None) -> Tensor:
    """Pictures uint8 [N, C, H, W] (0 is black) changed as drawn, on their device: uint8, or float32 in [0, 255] where
    a piece was cut or colours changed. A change that none of them has is left out."""
    if draws is None:
        return images
    whole = bool((draws.box[:, 2:] == torch.tensor(images.shape[2:])).all())
    if not whole:
        images = _cropped(images, draws)
    elif bool(draws.flip.any()) or bool(draws.shift.any()):
        images = _moved(images, draws.shift, draws.flip)
    if bool((draws.colour != 1).any()):
        images = _coloured(images, draws.colour)
    return _erased(images, draws.erase) if bool(draws.erase.any()) else images


def _moved(images: Tensor, shift: Tensor, flip: Tensor) -> Tensor:
    """Each picture shifted and mirrored or not, black where nothing is. Channels are last in memory."""
    (height, width), edge = images.shape[2:], int(shift.abs().max())
    windows = F.pad(images, (edge,) * 4).unfold(2, height, 1).unfold(3, width, 1)
    down, right = (shift + edge).to(images.device).unbind(1)
    shifted = windows[torch.arange(len(images), device=images.device), :, down, right]
    moved = torch.where(flip.to(images.device)[:, None, None, None], shifted.flip(3), shifted)
    return torch.empty_like(moved, memory_format=torch.channels_last).copy_(moved)


def _cropped(images: Tensor, draws: Draws) -> Tensor:
    """Each picture's piece made full size, bilinear, and moved in the same go."""
    height, width = images.shape[2:]
    top, left, tall, wide = draws.box.unbind(1)
    rows, columns = _lines(draws, height, width)
    y = _places(rows, top, tall, height).to(images.device)
    x = _places(columns, left, wide, width).to(images.device)
    grid = torch.stack([x[:, None, :].expand(-1, height, -1), y[:, :, None].expand(-1, -1, width)], 3)
    return F.grid_sample(images.float(), grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _lines(draws: Draws, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Which row [N, H] and which column [N, W] of the unmoved picture comes where; some are outside of it."""
    down, right = draws.shift.unbind(1)
    rows, columns = torch.arange(height), torch.arange(width)
    columns = torch.where(draws.flip[:, None], columns.flip(0), columns)
    return rows + down[:, None], columns + right[:, None]


def _places(lines: Tensor, start: Tensor, length: Tensor, size: int) -> Tensor:
    """Where lines [N, L] of a piece made full size lie in the picture, from −1 at its one edge to 1 at the other,
    float32; far off for lines outside. The piece ends at its own edges: what is beside it does not shine in."""
    start, length = start[:, None], length[:, None].double()
    inside = ((lines + 0.5) * length / size - 0.5).clamp(min=0).minimum(length - 1) + start
    place = (2 * inside + 1) / size - 1
    return place.where((lines >= 0) & (lines < size), 9.0).float()


def _coloured(images: Tensor, factors: Tensor) -> Tensor:
    """Brightness, contrast and saturation times factors [N, 3]: the picture blended with black, with its mean grey,
    with its own grey. One channel has no saturation; a fourth is opacity and stays."""
    brightness, contrast, saturation = factors.float().to(images.device).T[..., None, None, None]
    count = 3 if images.shape[1] >= 3 else 1
    seen = (images[:, :count] * brightness).clamp_(max=255)
    mean = _grey(seen).mean((1, 2, 3), keepdim=True)
    seen = seen.mul_(contrast).add_(mean * (1 - contrast)).clamp_(0, 255)
    if count == 3:
        grey = _grey(seen) * (1 - saturation)
        seen = seen.mul_(saturation).add_(grey).clamp_(0, 255)
    return torch.cat([seen, images[:, count:].float()], 1) if images.shape[1] > count else seen


def _grey(images: Tensor) -> Tensor:
    """Float [N, 3 or 1, H, W] → [N, 1, H, W]."""
    if images.shape[1] == 1:
        return images
    red, green, blue = images.split(1, 1)
    return (red * LUMA[0]).add_(green, alpha=LUMA[1]).add_(blue, alpha=LUMA[2])


def _erased(images: Tensor, boxes: Tensor) -> Tensor:
    """Each picture's rectangle [N, 4] filled with the mean of each of its channels: no number of the set's, and once
    standardised no more than a dull patch."""
    which = boxes[:, 2].nonzero().flatten()
    boxes, which = boxes[which].to(images.device), which.to(images.device)
    pictures = images.index_select(0, which)
    mean = pictures.float().mean((2, 3), keepdim=True)
    blank = mean if images.is_floating_point() else mean.round().to(images.dtype)
    return images.index_copy(0, which, torch.where(within(boxes, *images.shape[2:]), blank, pictures))


def within(boxes: Tensor, height: int, width: int) -> Tensor:
    """Which pixels rectangles [N, 4] cover, bool [N, 1, H, W]."""
    top, left, tall, wide = boxes[:, :, None].unbind(1)
    y, x = torch.arange(height, device=boxes.device), torch.arange(width, device=boxes.device)
    rows, columns = (y >= top) & (y < top + tall), (x >= left) & (x < left + wide)
    return (rows[:, :, None] & columns[:, None, :])[:, None]
