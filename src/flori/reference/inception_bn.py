"""BN-Inception in evaluation mode, literally, for one picture (Ioffe and Szegedy 2015, figure 5).

unit        u_k(x) = ReLU(norm(conv k×k(x)))
block       x → [u_1(x), u_3(u_1(x)), u_3(u_3(u_1(x))), u_1(pool 3×3(x))]; pool is the mean, in 5b the maximum
stride 2    x → [u_3 /2 (u_1(x)), u_3 /2 (u_3(u_1(x))), max 3×3 /2 (x)]
network     x → u_7 /2 → max /2 → u_1 → u_3 → max /2 → 3a 3b 3c/2 → 4a 4b 4c 4d 4e/2 → 5a 5b → mean → dense
small       for small pictures x → u_3 → u_1 → u_3 → 3a …
"""

import numpy as np

from flori.reference.convolutional import average_pool, max_pool
from flori.reference.googlenet import classify, unit


def double(x, weights, name, stride):
    x = unit(unit(x, weights, f"{name}.branch3x3dbl_1"), weights, f"{name}.branch3x3dbl_2", padding=(1, 1))
    return unit(x, weights, f"{name}.branch3x3dbl_3", stride, (1, 1))


def single(x, weights, name, stride):
    return unit(unit(x, weights, f"{name}.branch3x3_1"), weights, f"{name}.branch3x3_2", stride, (1, 1))


def block(x, weights, name, pool):
    one = unit(x, weights, f"{name}.branch1x1")
    pooled = unit(pool(x, 3, 1, 1), weights, f"{name}.branch_pool")
    return np.concatenate([one, single(x, weights, name, 1), double(x, weights, name, 1), pooled])


def reduction(x, weights, name):
    return np.concatenate([single(x, weights, name, 2), double(x, weights, name, 2), max_pool(x, 3, 2, 1)])


def forward(x, weights, small=False):
    """x: [C, H, W] → logits [K]."""
    if small:
        x = unit(x, weights, "conv1", padding=(1, 1))
        x = unit(unit(x, weights, "conv2"), weights, "conv3", padding=(1, 1))
    else:
        x = max_pool(unit(x, weights, "conv1", 2, (3, 3)), 3, 2, 1)
        x = unit(unit(x, weights, "conv2"), weights, "conv3", padding=(1, 1))
        x = max_pool(x, 3, 2, 1)
    for letter in "ab":
        x = block(x, weights, f"inception3{letter}", average_pool)
    x = reduction(x, weights, "inception3c")
    for letter in "abcd":
        x = block(x, weights, f"inception4{letter}", average_pool)
    x = reduction(x, weights, "inception4e")
    x = block(x, weights, "inception5a", average_pool)
    x = block(x, weights, "inception5b", max_pool)
    return classify(x, weights)
