"""Systems as plain torch modules: `flori.models.lenet(classes=10)`.

Every builder takes the number of outputs, the shape of one input, and the system's own options. `heads` of a network
names the submodules that make its outputs: its last layer, and those of auxiliary outputs. `rows` of one that reads
text says which of its layers have a row for each token, and of which vocabulary. Where several processes can divide a
network, `splits` says by what its layers are divided (`flori.training.splitting`), and `sections()` where it can be cut
into stages (`flori.layers.sections`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from flori.models.alexnet import alexnet
from flori.models.bilstm_classifier import bilstm_classifier
from flori.models.bilstm_tagger import bilstm_tagger
from flori.models.googlenet import googlenet
from flori.models.inception_bn import inception_bn
from flori.models.inception_v3 import inception_v3
from flori.models.inception_v4 import inception_v4
from flori.models.lenet import lenet
from flori.models.linear_regression import linear_regression
from flori.models.mlp import mlp
from flori.models.nadaraya_watson import nadaraya_watson
from flori.models.ngram import ngram
from flori.models.nin import nin
from flori.models.perceptron import perceptron
from flori.models.recurrent_language import gru, lstm, rnn
from flori.models.resnet import resnet18, resnet34, resnet50, resnet101, resnet152
from flori.models.resnet_cifar import resnet_cifar
from flori.models.seq2seq import seq2seq
from flori.models.seq2seq_attention import seq2seq_attention
from flori.models.softmax_regression import softmax_regression
from flori.models.transformer import transformer
from flori.models.transformer_lm import transformer_lm
from flori.models.vgg import vgg11, vgg13, vgg16, vgg19

BUILDERS: dict[str, Callable[..., nn.Module]] = {
    "linear-regression": linear_regression,
    "softmax-regression": softmax_regression,
    "perceptron": perceptron,
    "mlp": mlp,
    "nadaraya-watson": nadaraya_watson,
    "lenet": lenet,
    "alexnet": alexnet,
    "vgg11": vgg11,
    "vgg13": vgg13,
    "vgg16": vgg16,
    "vgg19": vgg19,
    "nin": nin,
    "googlenet": googlenet,
    "inception-bn": inception_bn,
    "inception-v3": inception_v3,
    "inception-v4": inception_v4,
    "resnet18": resnet18,
    "resnet34": resnet34,
    "resnet50": resnet50,
    "resnet101": resnet101,
    "resnet152": resnet152,
    "resnet-cifar": resnet_cifar,
    "ngram": ngram,
    "rnn": rnn,
    "gru": gru,
    "lstm": lstm,
    "bilstm-classifier": bilstm_classifier,
    "bilstm-tagger": bilstm_tagger,
    "seq2seq": seq2seq,
    "seq2seq-attention": seq2seq_attention,
    "transformer": transformer,
    "transformer-lm": transformer_lm,
}


def build(system: str, *sizes: Any) -> nn.Module:
    """The network of a system by its name.

    Args:
        sizes: what the data decides, such as outputs and shape of an input, or sizes of vocabularies; and last the
            options as a dictionary.

    Raises ValueError where they do not suit it.
    """
    *given, options = sizes
    return BUILDERS[system](*given, **options)


__all__ = ["BUILDERS", "build", *(name.replace("-", "_") for name in BUILDERS)]
