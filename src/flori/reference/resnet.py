"""Residual networks, literally (He, Zhang, Ren and Sun 2016), in evaluation, for one picture.

block       y = relu(F(x) + x); where the sizes differ, x goes through a 1×1 convolution with batch norm
basic       F = bn(conv 3×3(relu(bn(conv 3×3(x)))))
bottleneck  F = bn(conv 1×1(relu(bn(conv 3×3(relu(bn(conv 1×1(x))))))))      the stride is the 3×3's
network     x → conv 7×7/2 → bn → relu → max pool 3×3/2 → 4 stages of blocks → global average → dense K
            for small pictures  x → conv 3×3 → bn → relu → 4 stages …
Stages 2, 3 and 4 begin with stride 2. The names of the parameters p are torchvision's.
"""

from flori.reference.convolutional import convolution, global_average, max_pool, normalised, relu
from flori.reference.mlp import dense


def stem(x, p, small):
    if small:
        return relu(normalised(convolution(x, p, "conv1", padding=1), p, "bn1"))
    h = relu(normalised(convolution(x, p, "conv1", stride=2, padding=3), p, "bn1"))
    return max_pool(h, 3, 2, padding=1)


def shortcut(x, p, name, stride):
    if f"{name}.downsample.0.weight" not in p:
        return x
    return normalised(convolution(x, p, f"{name}.downsample.0", stride), p, f"{name}.downsample.1")


def basic(x, p, name, stride):
    h = relu(normalised(convolution(x, p, f"{name}.conv1", stride, padding=1), p, f"{name}.bn1"))
    h = normalised(convolution(h, p, f"{name}.conv2", padding=1), p, f"{name}.bn2")
    return relu(h + shortcut(x, p, name, stride))


def bottleneck(x, p, name, stride):
    h = relu(normalised(convolution(x, p, f"{name}.conv1"), p, f"{name}.bn1"))
    h = relu(normalised(convolution(h, p, f"{name}.conv2", stride, padding=1), p, f"{name}.bn2"))
    h = normalised(convolution(h, p, f"{name}.conv3"), p, f"{name}.bn3")
    return relu(h + shortcut(x, p, name, stride))


def forward(x, p, blocks, block=basic, small=False):
    """x: [C, H, W]; p: arrays by name; blocks: how many in each stage, as (2, 2, 2, 2) → logits [K]."""
    h = stem(x, p, small)
    for stage, count in enumerate(blocks, 1):
        for b in range(count):
            h = block(h, p, f"layer{stage}.{b}", stride=2 if stage > 1 and b == 0 else 1)
    return dense(global_average(h), p["fc.weight"], p["fc.bias"])
