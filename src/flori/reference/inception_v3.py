"""Inception v3 in evaluation mode, literally, for one picture (Szegedy et al. 2016, table 1 and figures 5, 6, 7, 10).

unit        u_h×w(x) = ReLU(norm(conv h×w(x))), padded to keep the size; V: without padding
A           x → [u_1(x), u_5(u_1(x)), u_3(u_3(u_1(x))), u_1(mean 3×3(x))]
B, stride 2 x → [V_3 /2 (x), V_3 /2 (u_3(u_1(x))), max 3×3 /2 (x)]
C           x → [u_1(x), u_7×1(u_1×7(u_1(x))), u_1×7(u_7×1(u_1×7(u_7×1(u_1(x))))), u_1(mean 3×3(x))]
D, stride 2 x → [V_3 /2 (u_1(x)), V_3 /2 (u_7×1(u_1×7(u_1(x)))), max 3×3 /2 (x)]
E           x → [u_1(x), u_1×3(y), u_3×1(y), u_1×3(z), u_3×1(z), u_1(mean 3×3(x))], y = u_1(x), z = u_3(u_1(x))
network     x → V_3 /2 → V_3 → u_3 → max /2 → u_1 → V_3 → max /2 → A A A → B → C C C C → D → E E → mean → dense
small       for small pictures x → u_3 → u_3 → u_3 → u_1 → u_3 → A …
"""

import numpy as np

from flori.reference.convolutional import average_pool, max_pool
from flori.reference.googlenet import classify, unit

NONE, THREE, FIVE = (0, 0), (1, 1), (2, 2)
WIDE, TALL = (0, 3), (3, 0)  # what 1×7 and 7×1 need to keep the size


def along(x, weights, path, *paddings):
    """Units path_1, path_2, … one after the other."""
    for number, padding in enumerate(paddings, start=1):
        x = unit(x, weights, f"{path}_{number}", padding=padding)
    return x


def pooled(x, weights, name):
    return unit(average_pool(x, 3, 1, 1), weights, f"{name}.branch_pool")


def a(x, weights, name):
    one = unit(x, weights, f"{name}.branch1x1")
    five = along(x, weights, f"{name}.branch5x5", NONE, FIVE)
    double = along(x, weights, f"{name}.branch3x3dbl", NONE, THREE, THREE)
    return np.concatenate([one, five, double, pooled(x, weights, name)])


def b(x, weights, name):
    three = unit(x, weights, f"{name}.branch3x3", 2)
    double = along(x, weights, f"{name}.branch3x3dbl", NONE, THREE)
    double = unit(double, weights, f"{name}.branch3x3dbl_3", 2)
    return np.concatenate([three, double, max_pool(x, 3, 2)])


def c(x, weights, name):
    one = unit(x, weights, f"{name}.branch1x1")
    seven = along(x, weights, f"{name}.branch7x7", NONE, WIDE, TALL)
    double = along(x, weights, f"{name}.branch7x7dbl", NONE, TALL, WIDE, TALL, WIDE)
    return np.concatenate([one, seven, double, pooled(x, weights, name)])


def d(x, weights, name):
    three = along(x, weights, f"{name}.branch3x3", NONE)
    three = unit(three, weights, f"{name}.branch3x3_2", 2)
    seven = along(x, weights, f"{name}.branch7x7x3", NONE, WIDE, TALL)
    seven = unit(seven, weights, f"{name}.branch7x7x3_4", 2)
    return np.concatenate([three, seven, max_pool(x, 3, 2)])


def e(x, weights, name):
    one = unit(x, weights, f"{name}.branch1x1")
    y = along(x, weights, f"{name}.branch3x3", NONE)
    y_wide = unit(y, weights, f"{name}.branch3x3_2a", padding=(0, 1))
    y_tall = unit(y, weights, f"{name}.branch3x3_2b", padding=(1, 0))
    z = along(x, weights, f"{name}.branch3x3dbl", NONE, THREE)
    z_wide = unit(z, weights, f"{name}.branch3x3dbl_3a", padding=(0, 1))
    z_tall = unit(z, weights, f"{name}.branch3x3dbl_3b", padding=(1, 0))
    return np.concatenate([one, y_wide, y_tall, z_wide, z_tall, pooled(x, weights, name)])


def stem(x, weights):
    x = unit(x, weights, "Conv2d_1a_3x3", 2)
    x = unit(x, weights, "Conv2d_2a_3x3")
    x = max_pool(unit(x, weights, "Conv2d_2b_3x3", padding=THREE), 3, 2)
    x = unit(x, weights, "Conv2d_3b_1x1")
    return max_pool(unit(x, weights, "Conv2d_4a_3x3"), 3, 2)


def small_stem(x, weights):
    for name in ("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3"):
        x = unit(x, weights, name, padding=THREE)
    return unit(unit(x, weights, "Conv2d_3b_1x1"), weights, "Conv2d_4a_3x3", padding=THREE)


def forward(x, weights, small=False):
    """x: [C, H, W] → logits [K]."""
    x = (small_stem if small else stem)(x, weights)
    blocks = {"5b": a, "5c": a, "5d": a, "6a": b, "6b": c, "6c": c, "6d": c, "6e": c, "7a": d, "7b": e, "7c": e}
    for name, block in blocks.items():
        x = block(x, weights, f"Mixed_{name}")
    return classify(x, weights)
