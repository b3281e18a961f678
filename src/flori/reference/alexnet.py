"""AlexNet, literally (Krizhevsky, Sutskever and Hinton 2012, in one tower), in evaluation, for one picture.

network    x → conv 11×11/4 → relu → pool → conv 5×5 → relu → pool → three of (conv 3×3 → relu) → pool
             → averages of at most 5×5 → dense 4096 → relu → dense 4096 → relu → dense K
           for small pictures  x → conv 3×3 → relu → conv 5×5 → relu → pool …
pool       the maximum of 3×3 in steps of 2; nothing where there are fewer than 3 rows or columns
The names of the parameters p are torchvision's.
"""

from flori.reference.convolutional import adaptive_average, convolution, max_pool, relu
from flori.reference.mlp import forward as mlp


def pool(x):
    return max_pool(x, 3, 2) if min(x.shape[1:]) >= 3 else x


def forward(x, p, small=False, padding=1, most=5):
    """x: [C, H, W]; p: arrays by name; the padding of the first convolution and the side of the last map are 1 and 5
    in 2012, 2 and 6 in the version of 2014 → logits [K]."""
    if small:
        h = relu(convolution(x, p, "features.0", padding=1))
    else:
        h = pool(relu(convolution(x, p, "features.0", stride=4, padding=padding)))
    h = pool(relu(convolution(h, p, "features.3", padding=2)))
    for name in ("features.6", "features.8", "features.10"):
        h = relu(convolution(h, p, name, padding=1))
    h = pool(h)
    h = adaptive_average(h, *(min(side, most) for side in h.shape[1:]))
    dense = ("classifier.1", "classifier.4", "classifier.6")
    return mlp(h.reshape(-1), [p[f"{name}.weight"] for name in dense], [p[f"{name}.bias"] for name in dense], "relu")
