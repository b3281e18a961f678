"""Inception v4 in evaluation mode, literally, for one picture (Szegedy et al. 2017, figures 3 to 9).

unit         u_h×w(x) = ReLU(norm(conv h×w(x))), padded to keep the size; V: without padding
stem         x → V_3 /2 → V_3 → u_3 → [max /2, V_3 /2] → [V_3(u_1), V_3(u_1×7(u_7×1(u_1)))] → [V_3 /2, max /2]
small        for small pictures x → u_3 → u_3 → u_3 → [x, u_3] → [u_3(u_1), u_3(u_1×7(u_7×1(u_1)))] → [u_3, x]
A            x → [u_1(mean 3×3(x)), u_1(x), u_3(u_1(x)), u_3(u_3(u_1(x)))]
reduction A  x → [max 3×3 /2 (x), V_3 /2 (x), V_3 /2 (u_3(u_1(x)))]
B            x → [u_1(mean 3×3(x)), u_1(x), u_7×1(u_1×7(u_1(x))), u_7×1(u_1×7(u_7×1(u_1×7(u_1(x)))))]
reduction B  x → [max 3×3 /2 (x), V_3 /2 (u_1(x)), V_3 /2 (u_7×1(u_1×7(u_1(x))))]
C            x → [u_1(mean 3×3(x)), u_1(x), u_1×3(y), u_3×1(y), u_1×3(z), u_3×1(z)],
             y = u_1(x), z = u_3×1(u_1×3(u_1(x)))
network      x → stem → A ×4 → reduction A → B ×7 → reduction B → C ×3 → mean → dense
"""

import numpy as np

from flori.reference.convolutional import max_pool
from flori.reference.googlenet import classify, unit
from flori.reference.inception_v3 import NONE, TALL, THREE, WIDE, along, pooled


def stem(x, weights, small):
    keep, stride = (THREE, 1) if small else (NONE, 2)
    halve = (lambda x: x) if small else (lambda x: max_pool(x, 3, 2))
    x = unit(x, weights, "conv1", stride, keep)
    x = unit(x, weights, "conv2", padding=keep)
    x = unit(x, weights, "conv3", padding=THREE)
    x = np.concatenate([halve(x), unit(x, weights, "stem1.branch3x3", stride, keep)])
    short = along(x, weights, "stem2.branch3x3", NONE, keep)
    x = np.concatenate([short, along(x, weights, "stem2.branch7x7", NONE, TALL, WIDE, keep)])
    return np.concatenate([unit(x, weights, "stem3.branch3x3", stride, keep), halve(x)])


def a(x, weights, name):
    one = unit(x, weights, f"{name}.branch1x1")
    three = along(x, weights, f"{name}.branch3x3", NONE, THREE)
    double = along(x, weights, f"{name}.branch3x3dbl", NONE, THREE, THREE)
    return np.concatenate([pooled(x, weights, name), one, three, double])


def reduction_a(x, weights, name):
    three = unit(x, weights, f"{name}.branch3x3", 2)
    double = along(x, weights, f"{name}.branch3x3dbl", NONE, THREE)
    return np.concatenate([max_pool(x, 3, 2), three, unit(double, weights, f"{name}.branch3x3dbl_3", 2)])


def b(x, weights, name):
    one = unit(x, weights, f"{name}.branch1x1")
    seven = along(x, weights, f"{name}.branch7x7", NONE, WIDE, TALL)
    double = along(x, weights, f"{name}.branch7x7dbl", NONE, WIDE, TALL, WIDE, TALL)
    return np.concatenate([pooled(x, weights, name), one, seven, double])


def reduction_b(x, weights, name):
    three = along(x, weights, f"{name}.branch3x3", NONE)
    three = unit(three, weights, f"{name}.branch3x3_2", 2)
    seven = along(x, weights, f"{name}.branch7x7x3", NONE, WIDE, TALL)
    return np.concatenate([max_pool(x, 3, 2), three, unit(seven, weights, f"{name}.branch7x7x3_4", 2)])


def c(x, weights, name):
    one = unit(x, weights, f"{name}.branch1x1")
    y = along(x, weights, f"{name}.branch3x3", NONE)
    y_wide = unit(y, weights, f"{name}.branch3x3_2a", padding=(0, 1))
    y_tall = unit(y, weights, f"{name}.branch3x3_2b", padding=(1, 0))
    z = along(x, weights, f"{name}.branch3x3dbl", NONE, (0, 1), (1, 0))
    z_wide = unit(z, weights, f"{name}.branch3x3dbl_4a", padding=(0, 1))
    z_tall = unit(z, weights, f"{name}.branch3x3dbl_4b", padding=(1, 0))
    return np.concatenate([pooled(x, weights, name), one, y_wide, y_tall, z_wide, z_tall])


def forward(x, weights, small=False):
    """x: [C, H, W] → logits [K]."""
    x = stem(x, weights, small)
    for number in range(1, 5):
        x = a(x, weights, f"block_a{number}")
    x = reduction_a(x, weights, "reduction_a")
    for number in range(1, 8):
        x = b(x, weights, f"block_b{number}")
    x = reduction_b(x, weights, "reduction_b")
    for number in range(1, 4):
        x = c(x, weights, f"block_c{number}")
    return classify(x, weights)
