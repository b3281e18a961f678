"""Every recipe, in the order of the books. Importing this fills the registry; it does not import torch."""

from flori.recipes import lenet, linear_regression, mlp, softmax_regression

ALL = [module.RECIPE for module in (linear_regression, softmax_regression, mlp, lenet)]
