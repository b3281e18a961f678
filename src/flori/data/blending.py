"""Blends of two pictures of a batch, which is to learn the classes of both by their shares.

Mixup (Zhang et al. 2018): x = λ·x_i + (1 − λ)·x_j. Cutmix (Yun et al. 2019): a rectangle of x_i is that of x_j, and λ
the share of pixels that are left. λ is from Beta(α, α) for each picture. The partner of a picture is the one before it:
the order of an epoch is random, so this is as good as any other permutation, and no picture is its own partner.

The blend is a function of (seed, epoch, number of the batch): it depends on the company by its nature.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from flori.core import seeds
from flori.core.recipe import Data
from flori.data.augmentation import within

Blend = tuple[Tensor, Tensor, Tensor | None, Tensor | None]


@dataclass(frozen=True)
class Company:
    """A share of a batch of `count`: its rows, those to be `read` (they themselves, and partners behind them), and
    where among these the partner of each is; all int64 but the count."""

    rows: Tensor
    read: Tensor
    partners: Tensor
    count: int

    @staticmethod
    def of(rows: Tensor, count: int) -> Company:
        """Of these rows."""
        partners = (rows - 1) % count
        read = torch.cat([rows, partners[~torch.isin(partners, rows)]])
        places = torch.empty(count, dtype=torch.int64)
        places[read] = torch.arange(len(read))
        return Company(rows, read, places[partners], count)


def blend(
    inputs: Tensor,
    targets: Tensor,
    options: Data,
    seed: int,
    epoch: int,
    number: int,
    company: Company | None = None,
) -> Blend:
    """Blended inputs, targets, classes of the partners, and own shares (as the inputs' type [B]) of the `number`-th
    batch of an epoch. If both blends are asked for, each batch has one of them, half and half. Without any, or where
    targets are no classes, inputs and targets are as they are.

    Args:
        inputs: standardised pictures, float [B, C, H, W]; of a share of a batch those that its company has read, and
            targets alike.
    """
    if not (options.mixup or options.cutmix) or targets.is_floating_point():
        return inputs, targets, None, None
    with seeds.scope(seed, "blend", epoch, number):
        cuts = bool(options.cutmix) and (not options.mixup or bool(torch.rand(()) < 0.5))
        count = len(targets) if company is None else company.count
        shares = _beta(options.cutmix if cuts else options.mixup, count)
        centres = torch.rand(count, 2, dtype=torch.float64)
    partners, others = inputs.roll(1, 0), targets.roll(1, 0)
    if company is not None:
        own, beside = len(company.rows), company.partners.to(inputs.device)
        partners, others = inputs.index_select(0, beside), targets.index_select(0, beside)
        inputs, targets = inputs[:own], targets[:own]
        shares, centres = shares[company.rows], centres[company.rows]
    if cuts:
        boxes = cut_boxes(shares, centres, *inputs.shape[2:])
        shares = 1 - boxes[:, 2:].prod(1).double() / inputs[0, 0].numel()
        inputs = torch.where(within(boxes.to(inputs.device), *inputs.shape[2:]), partners, inputs)
    shares = shares.to(inputs.device, inputs.dtype)
    if not cuts:
        inputs = torch.lerp(partners, inputs, shares[:, None, None, None])
    return inputs, targets, others, shares


def _beta(alpha: float, count: int) -> Tensor:
    """Draws from Beta(α, α), float64 [count], by torch's own generator.

    As g/(g + h), where g and h of Gamma(α) are Gamma(α + 1)·U^(1/α) (Marsaglia and Tsang 2000), by their logarithms:
    below α = 0.01 the numbers themselves underflow, and torch's Beta then answers ½, a blend where none is wanted.
    """
    larger = torch.distributions.Gamma(torch.tensor(alpha + 1, dtype=torch.float64), 1.0).sample((2, count))
    uniform = 1 - torch.rand(2, count, dtype=torch.float64)
    return (larger.log() + uniform.log() / alpha).softmax(0)[0]


def cut_boxes(shares: Tensor, centres: Tensor, height: int, width: int) -> Tensor:
    """Rectangles int64 [N, 4] (top, left, height, width) shaped like the picture, of 1 − `shares` of its area before
    they are clipped at its edges, around `centres` [N, 2] given as shares of height and width."""
    sizes = torch.tensor([height, width])
    half = ((1 - shares).sqrt()[:, None] * sizes / 2).long()
    middle = (centres * sizes).long()
    start = (middle - half).clamp(min=0)
    return torch.cat([start, (middle + half).minimum(sizes) - start], 1)
