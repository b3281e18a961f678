"""Random changes to a batch of pictures; each example's draw depends on (seed, epoch, example) alone."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from flori.core import seeds


def augment(images: Tensor, examples: Tensor, seed: int, epoch: int, shift: int, flip: bool) -> Tensor:
    """Pictures [N, C, H, W] (raw values: 0 is black), each shifted by up to `shift` pixels and mirrored or not.

    Args:
        examples: the number of each example in its set, int64 [N].
    """
    if not (shift or flip):
        return images
    draw = seeds.uniforms(seed, "augment", epoch, examples, 3).to(images.device)
    count, _, height, width = images.shape
    rows = torch.arange(height, device=images.device).expand(count, height)
    columns = torch.arange(width, device=images.device).expand(count, width)
    if flip:
        columns = torch.where(draw[:, 2:] < 0.5, columns.flip(1), columns)
    down, right = (draw[:, :2] * (2 * shift + 1)).long().unbind(1)
    padded = F.pad(images, (shift, shift, shift, shift))
    rows, columns = rows + down[:, None], columns + right[:, None]
    number = torch.arange(count, device=images.device)
    return padded.permute(0, 2, 3, 1)[number[:, None, None], rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
