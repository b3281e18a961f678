"""Residual networks of 6n + 2 layers for small pictures, literally (He et al. 2016, section 4.2), in evaluation.

block      y = relu(F(x) + x),   F = bn(conv 3×3(relu(bn(conv 3×3(x)))))
           where F halves the size and doubles the channels, x is every second row and column, with channels of zeros
           after its own (option A: a shortcut without weights)
network    x → conv 3×3 → bn → relu → n blocks of 16 channels → n of 32 → n of 64 → global average → dense K
           for photographs  x → conv 7×7/2 → bn → relu → max pool 3×3/2 → n blocks …
"""

import numpy as np

from flori.reference.convolutional import convolution, global_average, normalised, relu
from flori.reference.mlp import dense
from flori.reference.resnet import stem


def shortcut(x, channels, stride):
    C, H, W = x.shape
    y = np.zeros((channels, (H + stride - 1) // stride, (W + stride - 1) // stride))
    for c in range(C):
        for h in range(y.shape[1]):
            for w in range(y.shape[2]):
                y[c, h, w] = x[c, stride * h, stride * w]
    return y


def block(x, p, name, stride):
    h = relu(normalised(convolution(x, p, f"{name}.conv1", stride, padding=1), p, f"{name}.bn1"))
    h = normalised(convolution(h, p, f"{name}.conv2", padding=1), p, f"{name}.bn2")
    return relu(h + shortcut(x, len(h), stride))


def forward(x, p, n, small=True):
    """x: [C, H, W]; p: arrays by name; n blocks a stage → logits [K]."""
    h = stem(x, p, small)
    for stage in (1, 2, 3):
        for b in range(n):
            h = block(h, p, f"layer{stage}.{b}", stride=2 if stage > 1 and b == 0 else 1)
    return dense(global_average(h), p["fc.weight"], p["fc.bias"])
