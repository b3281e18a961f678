"""BN-Inception: GoogLeNet with batch norm, and two 3×3 convolutions in place of each 5×5.

Ioffe and Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate shift",
2015, by the table of its figure 5. Where the table's numbers of filters and its output sizes contradict each other
(4c and 4d have 608 filters, not 576; so 4e has 1056), the filters count. The first convolution is an ordinary one;
the paper's is separable. Layers of stride 2 pad by one, so that every path of a block has the same size.

Shapes, for 3×224×224: convolution 7×7 and pooling [N, 64, 56, 56] → 1×1, 3×3 and pooling [N, 192, 28, 28] → 3c
[N, 576, 14, 14] → 4e [N, 1056, 7, 7] → 5b [N, 1024, 7, 7] → average [N, 1024] → logits [N, K].
"""

from __future__ import annotations

from flori.layers.inception import Conv, Layer, Paths
from flori.layers.inception_network import InceptionNetwork, unshrunk
from flori.layers.stem import is_small


def _block(one: int, reduced: int, three: int, reduced_more: int, double: int, pool: str, pooled: int) -> Paths:
    """Channels in the order of the table: 1×1, 3×3 reduce, 3×3, double 3×3 reduce, double 3×3, pooling and 1×1."""
    return {
        "branch1x1": [Conv(one)],
        "branch3x3": [Conv(reduced), Conv(three, 3)],
        "branch3x3dbl": [Conv(reduced_more), Conv(double, 3), Conv(double, 3)],
        "branch_pool": [pool, Conv(pooled)],
    }


def _reduction(reduced: int, three: int, reduced_more: int, double: int) -> Paths:
    """The same with stride 2: no 1×1 path, and the pooled maps pass through."""
    return {
        "branch3x3": [Conv(reduced), Conv(three, 3, 2, 1)],
        "branch3x3dbl": [Conv(reduced_more), Conv(double, 3), Conv(double, 3, 2, 1)],
        "branch_pool": ["halve_padded"],
    }


STEM: dict[str, Layer] = {
    "conv1": Conv(64, 7, 2, 3),
    "maxpool1": "halve_padded",
    "conv2": Conv(64),
    "conv3": Conv(192, 3),
    "maxpool2": "halve_padded",
}
BLOCKS: dict[str, Layer] = {
    "inception3a": _block(64, 64, 64, 64, 96, "average", 32),
    "inception3b": _block(64, 64, 96, 64, 96, "average", 64),
    "inception3c": _reduction(128, 160, 64, 96),
    "inception4a": _block(224, 64, 96, 96, 128, "average", 128),
    "inception4b": _block(192, 96, 128, 96, 128, "average", 128),
    "inception4c": _block(160, 128, 160, 128, 160, "average", 128),
    "inception4d": _block(96, 128, 192, 160, 192, "average", 128),
    "inception4e": _reduction(128, 192, 192, 256),
    "inception5a": _block(352, 192, 320, 160, 224, "average", 128),
    "inception5b": _block(352, 192, 320, 192, 224, "max", 128),
}


def inception_bn(
    classes: int = 10,
    shape: tuple[int, ...] = (3, 224, 224),
    *,
    width: float = 1.0,
    stem: str = "auto",
    dropout: float = 0.0,
) -> InceptionNetwork:
    """BN-Inception for pictures of `shape` (C, H, W); the paper needs no dropout."""
    table = (unshrunk(STEM) if is_small(stem, shape) else STEM) | BLOCKS
    return InceptionNetwork(table, shape[0], classes, width=width, dropout=dropout)
