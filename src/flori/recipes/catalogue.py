"""Every recipe, in the order of the books, with the scores that runs of it reached. It does not import torch."""

from __future__ import annotations

import dataclasses
import difflib
import json
from importlib.resources import files

from flori.core.errors import UserError
from flori.core.recipe import Evidence, Recipe
from flori.recipes import (
    alexnet,
    bilstm,
    googlenet,
    inception_bn,
    inception_v3,
    inception_v4,
    lenet,
    linear_regression,
    mlp,
    nadaraya_watson,
    ngram,
    nin,
    perceptron,
    recurrent,
    resnet,
    resnet_cifar,
    seq2seq,
    softmax_regression,
    transformer,
    transformer_lm,
    vgg,
)


def _with_evidence(recipe: Recipe) -> Recipe:
    """The recipe with what evidence.json holds of it: written by benchmarks/evidence.py from runs, never by hand."""
    found = json.loads(files("flori.recipes").joinpath("evidence.json").read_text())
    return dataclasses.replace(recipe, evidence=tuple(Evidence(**one) for one in found.get(recipe.system, [])))


_RECIPES = (
    *(linear_regression.RECIPE, softmax_regression.RECIPE, perceptron.RECIPE, mlp.RECIPE, nadaraya_watson.RECIPE),
    *(lenet.RECIPE, alexnet.RECIPE),
    *(*vgg.RECIPES, nin.RECIPE, googlenet.RECIPE, inception_bn.RECIPE, inception_v3.RECIPE, inception_v4.RECIPE),
    *(*resnet.RECIPES, resnet_cifar.RECIPE),
    *(ngram.RECIPE, *recurrent.RECIPES, bilstm.CLASSIFIER, bilstm.TAGGER),
    *(*seq2seq.RECIPES, transformer.RECIPE, transformer_lm.RECIPE),
)
ALL = [_with_evidence(recipe) for recipe in _RECIPES]
_BY_NAME = {recipe.system: recipe for recipe in ALL}


def find(name: str) -> Recipe:
    """The recipe of a system. Raises UserError with the nearest name for one that is not there."""
    if name not in _BY_NAME:
        near = difflib.get_close_matches(name, _BY_NAME, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UserError(f"no system is called {name!r}; {hint}flori list shows them all")
    return _BY_NAME[name]
