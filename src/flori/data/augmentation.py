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
    if not whole or bool(draws.flip.any()) or bool(draws.shift.any()):
        rows, columns = _lines(draws, *images.shape[2:])
        images = _moved(images, rows, columns, draws.shift) if whole else _cropped(images, draws.box, rows, columns)
    if bool((draws.colour != 1).any()):
        images = _coloured(images, draws.colour)
    return _erased(images, draws.erase) if bool(draws.erase.any()) else images


def _lines(draws: Draws, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Which row [N, H] and which column [N, W] of the unmoved picture comes where; some are outside of it."""
    down, right = draws.shift.unbind(1)
    rows, columns = torch.arange(height), torch.arange(width)
    columns = torch.where(draws.flip[:, None], columns.flip(0), columns)
    return rows + down[:, None], columns + right[:, None]


def _moved(images: Tensor, rows: Tensor, columns: Tensor, shift: Tensor) -> Tensor:
    """These rows and columns of each picture, black where they are outside. Channels are last in memory."""
    edge = int(shift.abs().max())
    padded = F.pad(images, (edge,) * 4).permute(0, 2, 3, 1)
    rows, columns = ((lines + edge).to(images.device) for lines in (rows, columns))
    number = torch.arange(len(images), device=images.device)
    return padded[number[:, None, None], rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _cropped(images: Tensor, box: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """These rows and columns of each picture's piece made full size, bilinear; black where they are outside."""
    height, width = images.shape[2:]
    y = _places(rows, box[:, 0], box[:, 2], height).to(images.device)
    x = _places(columns, box[:, 1], box[:, 3], width).to(images.device)
    grid = torch.stack([x[:, None, :].expand(-1, height, -1), y[:, :, None].expand(-1, -1, width)], 3)
    return F.grid_sample(images.float(), grid, mode="bilinear", padding_mode="zeros", align_corners=False)


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
