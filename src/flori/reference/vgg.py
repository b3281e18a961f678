"""VGG, literally (Simonyan and Zisserman 2015), in evaluation, for one picture.

block      (conv 3×3 → relu) several times → the maximum of 2×2 in steps of 2
             with batch norm  (conv 3×3 → bn → relu); no maximum where one row or column is left
network    x → 5 blocks → averages of at most 7×7 → dense 4096 → relu → dense 4096 → relu → dense K
The names of the parameters p are torchvision's: the layers of all blocks are counted through.
"""

from flori.reference.convolutional import adaptive_average, convolution, max_pool, normalised, relu
from flori.reference.mlp import forward as mlp


def forward(x, p, blocks, norm=False):
    """x: [C, H, W]; p: arrays by name; blocks: the convolutions of each, as (1, 1, 2, 2, 2) → logits [K]."""
    h, layer = x, 0
    for count in blocks:
        for _ in range(count):
            h = convolution(h, p, f"features.{layer}", padding=1)
            h = relu(normalised(h, p, f"features.{layer + 1}") if norm else h)
            layer += 3 if norm else 2
        if min(h.shape[1:]) >= 2:
            h = max_pool(h, 2, 2)
            layer += 1
    h = adaptive_average(h, *(min(side, 7) for side in h.shape[1:]))
    dense = ("classifier.0", "classifier.3", "classifier.6")
    return mlp(h.reshape(-1), [p[f"{name}.weight"] for name in dense], [p[f"{name}.bias"] for name in dense], "relu")
