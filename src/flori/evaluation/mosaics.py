"""Small pictures laid out on one canvas, enlarged by whole factors so that their pixels stay crisp."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from matplotlib.figure import Figure
from torch import Tensor

from flori.evaluation.inside import Maps
from flori.evaluation.plots import INK, shortened

DPI = 110
LETTERS = 16  # of a title, that it stays above its picture
GAP, HEAD = 6, 20  # pixels between two pictures, and above a row for its text


def enlarged(pictures: Tensor, side: int) -> Tensor:
    """uint8 [N, C, H, W] → [N, 3, h, w] whose longer side is the largest whole multiple within `side` pixels; larger
    ones are averaged down to it."""
    height, width = pictures.shape[-2:]
    longer = max(height, width)
    if longer > side:
        size = (max(1, height * side // longer), max(1, width * side // longer))
        pictures = F.interpolate(pictures.float(), size, mode="area").round().byte()
    factor = max(1, side // longer)
    colours = pictures[:, :3].expand(-1, 3, -1, -1)
    return colours.repeat_interleave(factor, 2).repeat_interleave(factor, 3)


def grid(pictures: Tensor, columns: int = 16) -> Figure:
    """Pictures uint8 [N, C, H, W] in rows, the larger the fewer they are."""
    tiles = enlarged(pictures, max(52, min(96, 900 // len(pictures))))
    high, wide = (length + GAP for length in tiles.shape[-2:])
    rows, columns = -(-len(tiles) // columns), min(columns, len(tiles))
    canvas = _blank(rows * high, columns * wide)
    for i, tile in enumerate(tiles):
        _put(canvas, tile, i // columns * high, i % columns * wide)
    return _drawn(canvas, [])


def features(pictures: Tensor, titles: Sequence[str], layers: Sequence[Maps], side: int = 96) -> Figure:
    """For each picture uint8 [N, C, H, W] a block: itself, and beside it a row of maps for each layer."""
    texts: list[tuple[int, int, str]] = []
    shown = enlarged(pictures, side)
    tiles = [[enlarged(_grey(maps), side) for maps in layer.channels] for layer in layers]
    step = max(tile.shape[-2] for row in [[shown], *tiles] for tile in row) + GAP + HEAD
    left = shown.shape[-1] + 3 * GAP
    most = max(len(layer.channels[0]) for layer in layers)
    canvas = _blank(step * len(layers) * len(pictures), left + most * (side + GAP))
    for i, picture in enumerate(shown):
        top = i * step * len(layers)
        texts.append((0, top + HEAD - 5, shortened(titles[i], LETTERS)))
        _put(canvas, picture, top + HEAD, 0)
        for row, layer in enumerate(layers):
            y = top + row * step + HEAD
            texts.append((left, y - 5, _said(layer)))
            for column, tile in enumerate(tiles[row][i]):
                _put(canvas, tile, y, left + column * (side + GAP))
    return _drawn(canvas, texts)


def _said(maps: Maps) -> str:
    channels, height, width = maps.shape
    return f"{maps.layer}: {maps.channels.shape[1]} of {channels} channels, {width}×{height}"


def _grey(maps: Tensor) -> Tensor:
    """Float [M, H, W] → uint8 [M, 1, H, W], each from its least (black) to its greatest value (white)."""
    low, high = (edge(maps, (1, 2), keepdim=True) for edge in (torch.amin, torch.amax))
    spread = (high - low).clamp(min=torch.finfo(torch.float32).tiny)
    return ((maps - low) / spread * 255).round().byte()[:, None]


def _blank(height: int, width: int) -> Tensor:
    return torch.full((3, height, width), 255, dtype=torch.uint8)


def _put(canvas: Tensor, tile: Tensor, y: int, x: int) -> None:
    canvas[:, y : y + tile.shape[1], x : x + tile.shape[2]] = tile


def _drawn(canvas: Tensor, texts: Sequence[tuple[int, int, str]]) -> Figure:
    """One pixel of the canvas is one of the file; texts stand at (x, y) of their baseline."""
    _, height, width = canvas.shape
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
    figure.figimage(canvas.permute(1, 2, 0).numpy())
    for x, y, text in texts:
        figure.text(x / width, 1 - y / height, text, fontsize=7.5, color=INK, va="baseline", parse_math=False)
    return figure
