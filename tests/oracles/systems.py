"""A small network of every system, and a batch for it."""

import torch

from flori import models
from flori.core.texts import Text
from flori.recipes.catalogue import find

SMOOTH = {"activation": "tanh", "pool": "average"}
CASES = {
    "linear-regression": (1, (5,), {}),
    "softmax-regression": (3, (5,), {}),
    "perceptron": (3, (5,), {}),
    "mlp": (3, (5,), {"activation": "tanh", "hidden": (7,)}),
    "nadaraya-watson": (1, (5,), {}),
    "lenet": (2, (1, 13, 13), SMOOTH),
    "alexnet": (2, (3, 17, 17), {"width": 0.02, "dropout": 0.0}),
    **{f"vgg{depth}": (2, (3, 11, 13), {"width": 0.03, "dropout": 0.0}) for depth in (11, 13, 16, 19)},
    "nin": (2, (3, 13, 11), {"width": 0.03, "dropout": 0.0}),
    "googlenet": (2, (3, 13, 11), {"width": 0.03, "dropout": 0.0}),
    "inception-bn": (2, (3, 13, 11), {"width": 0.03}),
    "inception-v3": (2, (3, 31, 29), {"width": 0.06, "dropout": 0.0}),
    "inception-v4": (2, (3, 31, 29), {"width": 0.06, "dropout": 0.0}),
    **{f"resnet{depth}": (2, (3, 13, 11), {"width": 0.03}) for depth in (18, 34, 50, 101, 152)},
    "resnet-cifar": (2, (3, 13, 11), {"width": 0.2}),
}
RECURRENT = {"width": 5, "hidden": 7, "dropout": 0.0}
TRANSFORMER = {"width": 12, "hidden": 7, "heads": 3, "layers": 2, "dropout": 0.0}
SMALL = {
    **dict.fromkeys(("rnn", "gru", "lstm", "bilstm-classifier", "bilstm-tagger"), RECURRENT),
    **dict.fromkeys(("seq2seq", "seq2seq-attention"), RECURRENT),
    "transformer": TRANSFORMER,
    "transformer-lm": {**TRANSFORMER, "grams": 2, "gram_rows": 11, "gram_width": 3, "gram_dropout": 0.0},
}
SIZES = {"Corpus": (13,), "Texts": (13, 3), "Sentences": (13, 3), "Pairs": (13, 17)}
"""Vocabularies and labels of a network for text, by the class of its data."""


def of_text(system):
    return isinstance(find(system).data, Text)


def text(kind):
    """Five sequences as a network for this kind of data takes them, padded where it may be."""
    source, target = torch.arange(35).view(5, 7) % 13, torch.arange(15).view(5, 3) % 17
    lengths = torch.tensor([7, 2, 5, 1, 3])
    return {"Corpus": (source,), "Pairs": (source, lengths, target)}.get(kind, (source, lengths))


def small(system):
    """A small network of a system in float64, every number of it at random, and a batch for it."""
    torch.manual_seed(0)
    if of_text(system):
        kind = type(find(system).data).__name__
        model, given = models.build(system, *SIZES[kind], SMALL.get(system, {})), text(kind)
    else:
        outputs, shape, options = CASES[system]
        model, given = models.build(system, outputs, shape, options), ()
    model.double()
    for layer in model.modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.p = 0.0  # also in heads that look on, whose share is no option
    if system == "nadaraya-watson":
        model.remember(torch.randn(13, *shape, dtype=torch.float64), torch.randn(13, dtype=torch.float64))
    for p in model.parameters():
        p.data += 0.1 * torch.randn_like(p)  # what begins at zero must matter too
    return model, given or (torch.randn(5, *shape, dtype=torch.float64),)
