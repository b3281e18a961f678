"""GoogLeNet in evaluation mode, literally, for one picture (Szegedy et al. 2015, table 1, with batch norm).

unit      u_k(x) = ReLU(norm(conv k×k(x)))
block     x → [u_1(x), u_3(u_1(x)), u_3(u_1(x)), u_1(max 3×3(x))], each u with its own weights; [ ] puts channels
          side by side. The paper has u_5 in the third path; the weights that everybody has were made with u_3.
network   x → u_7 /2 → max /2 → u_1 → u_3 → max /2 → 3a 3b → max /2 → 4a … 4e → max /2 → 5a 5b → mean → dense
small     for small pictures x → u_3 → u_1 → u_3 → 3a …
"""

import numpy as np

from flori.reference.convolutional import batch_norm, convolve, global_average, max_pool, relu
from flori.reference.mlp import dense

EPSILON = 0.001


def unit(x, weights, name, stride=1, padding=(0, 0)):
    """`weights`: arrays by the names of torchvision's parameters."""
    conv, norm = f"{name}.conv", f"{name}.bn"
    x = convolve(x, weights[f"{conv}.weight"], stride=(stride, stride), padding=padding)
    mean, variance = weights[f"{norm}.running_mean"], weights[f"{norm}.running_var"]
    return relu(batch_norm(x, mean, variance, weights[f"{norm}.weight"], weights[f"{norm}.bias"], EPSILON))


def block(x, weights, name):
    one = unit(x, weights, f"{name}.branch1")
    three = unit(unit(x, weights, f"{name}.branch2.0"), weights, f"{name}.branch2.1", padding=(1, 1))
    five = unit(unit(x, weights, f"{name}.branch3.0"), weights, f"{name}.branch3.1", padding=(1, 1))
    pooled = unit(max_pool(x, 3, 1, 1), weights, f"{name}.branch4.1")
    return np.concatenate([one, three, five, pooled])


def classify(x, weights):
    """The mean of each channel, then the dense layer."""
    return dense(global_average(x), weights["fc.weight"], weights["fc.bias"])


def forward(x, weights, small=False):
    """x: [C, H, W] → logits [K]."""
    if small:
        x = unit(x, weights, "conv1", padding=(1, 1))
        x = unit(unit(x, weights, "conv2"), weights, "conv3", padding=(1, 1))
    else:
        x = max_pool(unit(x, weights, "conv1", 2, (3, 3)), 3, 2, ceil=True)
        x = unit(unit(x, weights, "conv2"), weights, "conv3", padding=(1, 1))
        x = max_pool(x, 3, 2, ceil=True)
    for letter in "ab":
        x = block(x, weights, f"inception3{letter}")
    x = max_pool(x, 3, 2, ceil=True)
    for letter in "abcde":
        x = block(x, weights, f"inception4{letter}")
    x = max_pool(x, 2, 2, ceil=True)
    for letter in "ab":
        x = block(x, weights, f"inception5{letter}")
    return classify(x, weights)
