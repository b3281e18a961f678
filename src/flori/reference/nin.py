"""Network in network, literally (Lin, Chen and Yan 2014), in evaluation, for one picture.

block k×k  conv k×k → relu → conv 1×1 → relu → conv 1×1 → relu
network    x → block 11×11/4 → pool → block 5×5 → pool → block 3×3 → pool → block 3×3 to K maps, without its last relu
             → global average: the logits
           for small pictures  x → block 3×3 → block 5×5 → pool …
pool       the maximum of 3×3 in steps of 2; nothing where there are fewer than 3 rows or columns
"""

from flori.reference.alexnet import pool
from flori.reference.convolutional import convolution, global_average, relu


def block(x, p, name, stride=1, padding=0):
    """Without the last relu."""
    h = relu(convolution(x, p, f"{name}.0", stride, padding))
    h = relu(convolution(h, p, f"{name}.2"))
    return convolution(h, p, f"{name}.4")


def forward(x, p, small=False):
    """x: [C, H, W]; p: arrays by name → logits [K]."""
    h = relu(block(x, p, "features.0", padding=1)) if small else pool(relu(block(x, p, "features.0", stride=4)))
    h = pool(relu(block(h, p, "features.2", padding=2)))
    h = pool(relu(block(h, p, "features.4", padding=1)))
    return global_average(block(h, p, "head", padding=1))
