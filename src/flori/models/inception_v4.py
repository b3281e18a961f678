"""Inception v4: a stem that forks, and three kinds of blocks, each repeated without change.

Szegedy, Ioffe, Vanhoucke and Alemi, "Inception-v4, Inception-ResNet and the impact of residual connections on
learning", 2017, figures 3 to 9. Figure 5 prints 1×7 twice in a row on one path; the second is 7×1 here, as in the
authors' own code. Average poolings count the zeros of their padding, as in Inception v3.

Shapes, for 3×299×299: stem [N, 384, 35, 35] → 4 × A [N, 384, 35, 35] → 7 × B [N, 1024, 17, 17] → 3 × C
[N, 1536, 8, 8] → average [N, 1536] → logits [N, K].
"""

from __future__ import annotations

from flori.layers.inception import Conv, Layer, Paths
from flori.layers.inception_network import InceptionNetwork, unshrunk
from flori.layers.stem import is_small

WIDE, TALL = (1, 7), (7, 1)

# Figure 3. In the stem for small pictures the pooled maps pass through as they are.
STEM: dict[str, Layer] = {
    "conv1": Conv(32, 3, 2),
    "conv2": Conv(32, 3, padding=0),
    "conv3": Conv(64, 3),
    "stem1": {"branch_pool": ["halve"], "branch3x3": [Conv(96, 3, 2)]},
    "stem2": {
        "branch3x3": [Conv(64), Conv(96, 3, padding=0)],
        "branch7x7": [Conv(64), Conv(64, TALL), Conv(64, WIDE), Conv(96, 3, padding=0)],
    },
    "stem3": {"branch3x3": [Conv(192, 3, 2)], "branch_pool": ["halve"]},
}
# Figures 4, 5 and 6.
A: Paths = {
    "branch_pool": ["average", Conv(96)],
    "branch1x1": [Conv(96)],
    "branch3x3": [Conv(64), Conv(96, 3)],
    "branch3x3dbl": [Conv(64), Conv(96, 3), Conv(96, 3)],
}
B: Paths = {
    "branch_pool": ["average", Conv(128)],
    "branch1x1": [Conv(384)],
    "branch7x7": [Conv(192), Conv(224, WIDE), Conv(256, TALL)],
    "branch7x7dbl": [Conv(192), Conv(192, WIDE), Conv(224, TALL), Conv(224, WIDE), Conv(256, TALL)],
}
FORK = [Conv(256, (1, 3)), Conv(256, (3, 1))]
C: Paths = {
    "branch_pool": ["average", Conv(256)],
    "branch1x1": [Conv(256)],
    "branch3x3": [Conv(384), FORK],
    "branch3x3dbl": [Conv(384), Conv(448, (1, 3)), Conv(512, (3, 1)), FORK],
}
# Figure 7 with the numbers of table 1 (k 192, l 224, m 256, n 384), and figure 8.
REDUCTION_A: Paths = {
    "branch_pool": ["halve"],
    "branch3x3": [Conv(384, 3, 2)],
    "branch3x3dbl": [Conv(192), Conv(224, 3), Conv(256, 3, 2)],
}
REDUCTION_B: Paths = {
    "branch_pool": ["halve"],
    "branch3x3": [Conv(192), Conv(192, 3, 2)],
    "branch7x7x3": [Conv(256), Conv(256, WIDE), Conv(320, TALL), Conv(320, 3, 2)],
}
BLOCKS: dict[str, Layer] = {
    **{f"block_a{i}": A for i in range(1, 5)},
    "reduction_a": REDUCTION_A,
    **{f"block_b{i}": B for i in range(1, 8)},
    "reduction_b": REDUCTION_B,
    **{f"block_c{i}": C for i in range(1, 4)},
}


def inception_v4(
    classes: int = 10,
    shape: tuple[int, ...] = (3, 299, 299),
    *,
    width: float = 1.0,
    stem: str = "auto",
    dropout: float = 0.2,
) -> InceptionNetwork:
    """Inception v4 for pictures of `shape` (C, H, W)."""
    table = (unshrunk(STEM) if is_small(stem, shape) else STEM) | BLOCKS
    return InceptionNetwork(table, shape[0], classes, width=width, dropout=dropout)
