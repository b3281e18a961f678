"""The recipe: everything that decides a run, as typed values with their meanings.

A recipe is data. It holds no torch object, so that it can be listed, checked and printed without
importing torch. Values are changed with ``key=value`` words by `flori.core.overrides`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal


def value(default: Any, meaning: str, *, at_least: float | None = None, at_most: float | None = None) -> Any:
    """A field of a recipe: its default, what it means, and the bounds that it must keep."""
    metadata = {"meaning": meaning, "at_least": at_least, "at_most": at_most}
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Source:
    """Which examples, and what of them is held out."""

    source: str = value("digits", "a named set, or the path or address (s3://…, https://…) of a file or folder")
    valid: float = value(0.0, "share of the training part held out to choose by", at_least=0, at_most=0.9)
    test: float = value(0.1, "share held out where the data brings no test part", at_least=0, at_most=0.9)
    folds: int | None = value(None, "the training part in so many folds, one of them held out as test part", at_least=2)
    fold: int | None = value(None, "which of the folds is held out, from 1 on", at_least=1)
    division: int | None = value(
        None, "seed of the division into parts; None: the run's", at_least=0, at_most=2**63 - 1
    )
    examples: int | None = value(None, "learn from so many examples of the training part; None: all", at_least=1)
    bootstrap: bool = value(False, "draw the training part anew with replacement, by the seed of the run")
    on_bad: Literal["stop", "skip"] = value("stop", "a bad example ends the run, or is listed and left out")
    encoding: str = value("utf-8", "how text is encoded, of a CSV too")


@dataclass(frozen=True)
class Data(Source):
    """How pictures and tables are read and prepared."""

    target: str | None = value(None, "table: the column to predict")
    group: str | None = value(
        None, "table: rows that share this column's value are never in two parts; it is not learnt from"
    )
    size: int | None = value(
        None, "pictures: resize to this height and width, pixels, whatever their shape", at_least=1, at_most=4096
    )
    channels: Literal[1, 3, 4] | None = value(
        None, "pictures: 1 makes all grey, 3 in colour, 4 with transparency; else as they are"
    )
    cache: Literal["auto", "memory", "none"] = value(
        "auto", "picture folders: held decoded in memory, or decoded anew when needed; auto: memory where it suffices"
    )
    workers: int | None = value(
        None, "pictures that are decoded anew: processes that do it; None: one a core", at_least=0, at_most=256
    )
    shift: int = value(0, "pictures: random shift by up to so many pixels", at_least=0, at_most=512)
    flip: bool = value(False, "pictures: random mirroring, left to right")
    crop: float = value(
        1.0,
        "pictures: a random piece of at least this share of the area, made full size; 1: the whole",
        at_least=0.01,
        at_most=1,
    )
    colour: float = value(
        0.0, "pictures: brightness, contrast and saturation times a random factor within 1±this", at_least=0, at_most=1
    )
    erase: float = value(0.0, "pictures: chance that a random rectangle is blanked", at_least=0, at_most=1)
    mixup: float = value(0.0, "pictures: pairs blended by a share from Beta(α, α); 0: none", at_least=0, at_most=100)
    cutmix: float = value(
        0.0, "pictures: a rectangle from another, of a share from Beta(α, α); 0: none", at_least=0, at_most=100
    )
    id: str | None = value(
        None, "table: the column that names the rows, no input but the first of predictions; None: found by its name"
    )
    ignore: tuple[str, ...] = value((), "table: columns to leave out")
    categories: tuple[str, ...] = value((), "table: columns of numbers to be read as categories")
    skewed: Literal["none", "log"] = value("none", "table: skewed columns of numbers as they are, or as logarithms")
    clip: float | None = value(
        None, "table: numbers farther from the mean than so many standard deviations count as that far", at_least=0.1
    )
    scale: Literal["auto", "none", "standard", "log"] = value(
        "auto", "numbers to predict: as they are, standardised, or their logarithm standardised"
    )


@dataclass(frozen=True)
class Training:
    """How the weights are found."""

    epochs: int | None = value(10, "passes over the training part", at_least=1)
    steps: int | None = value(None, "steps in all, in place of epochs", at_least=1)
    batch: int = value(64, "examples a step, over all accumulation", at_least=1)
    accumulate: int = value(1, "parts that a batch is worked through in, to save memory", at_least=1)
    loss: Literal["auto", "squared", "absolute", "huber", "cross-entropy"] = value(
        "auto", "what is made small; auto: ½ squared error of numbers, cross-entropy of classes and texts"
    )
    optimizer: Literal[
        "sgd",
        "gd",
        "momentum",
        "nesterov",
        "adagrad",
        "rmsprop",
        "adam",
        "adamw",
        "muon",
        "closed-form",
        "fista",
        "perceptron",
        "counting",
    ] = value(
        "sgd",
        "the rule of the update; gd: all examples a step, in batches; sgd and momentum are one; muon: AdamW but for "
        "matrices; closed-form: least squares at once; fista: linear regression with an L1 penalty, to the end; "
        "perceptron: Rosenblatt's; counting: n-grams",
    )
    lr: float = value(0.1, "learning rate at its highest", at_least=0)
    momentum: float = value(0.9, "momentum of sgd, momentum, nesterov, rmsprop and muon", at_least=0, at_most=0.9999)
    nesterov: bool = value(False, "sgd looks ahead along its momentum")
    weight_decay: float = value(
        0.0,
        "λ on weights, never on biases or norms: adamw and muon shrink them by ηλ a step; the others add λw to the "
        "gradient, which is the same for gd and for sgd without momentum",
        at_least=0,
    )
    l1: float = value(
        0.0, "L1 penalty α on weights, never on biases: some become 0 (gd, sgd and its momenta, fista)", at_least=0
    )
    schedule: Literal["constant", "linear", "step", "cosine", "one-cycle", "inverse-square-root"] = value(
        "constant", "how the learning rate changes"
    )
    warmup: float = value(0.0, "share of the steps over which the rate rises from 0", at_least=0, at_most=1)
    floor: float = value(0.0, "the last learning rate as a share of the highest", at_least=0, at_most=1)
    until: float = value(1.0, "share of the steps after which the rate stays at its floor", at_least=0.01, at_most=1)
    clip: float | None = value(None, "gradients are scaled down to this norm, above 0", at_least=1e-9)
    average: float = value(0.0, "decay of the moving average of weights; 0: none", at_least=0, at_most=0.99999)
    label_smoothing: float = value(0.0, "share of the target spread over all classes", at_least=0, at_most=0.99)
    init: str | None = value(None, "begin from these weights: a run's folder, or a .safetensors or .pth file")
    freeze: str | None = value(
        None, "weights kept as they begin: stem, backbone (all but the last layer), or a number of lowest layers"
    )
    lr_head: float | None = value(None, "learning rate of the last layer, where it differs from lr", at_least=0)
    patience: int | None = value(
        None, "stop after so many judgements without a better score on a valid part", at_least=1
    )
    judge_every: int | None = value(
        None, "epochs between two judgements; none: every epoch, of many only some two hundred", at_least=1
    )
    checkpoint_seconds: float = value(30.0, "most seconds between two checkpoints", at_least=0)


@dataclass(frozen=True)
class Parallel:
    """How the workers that torchrun started share the work; without torchrun none of it counts."""

    strategy: Literal["data", "shard", "async"] = value(
        "data",
        "each worker holds all weights and learns from its share of a batch; shard: it keeps a share of them too; "
        "async: the first owns them, the others send it gradients and do not wait for each other",
    )
    staleness: int = value(
        4, "async: updates that the weights of a gradient may be behind at most", at_least=0, at_most=1_000_000
    )
    slow: str | None = value(None, "RANK:FACTOR makes a worker take so many times as long, for study")
    tensor: int = value(
        1,
        "so many workers divide each layer among them: heads of attention, hidden units, channels of convolutions; "
        "data is shared over the rest",
        at_least=1,
        at_most=4096,
    )
    pipeline: int = value(
        1,
        "so many workers have some of the layers each, one after the other; data is shared over the rest",
        at_least=1,
        at_most=4096,
    )
    micro: int | None = value(
        None,
        "pipeline: parts of a batch that are under way at once, as training.accumulate; None: as many as that says, "
        "else twice as many as stages",
        at_least=1,
    )
    norm: Literal["each", "all"] = value(
        "each", "batch norm by the mean and deviation of each worker's share of a batch, or of the whole batch"
    )
    timeout: float = value(
        300.0, "seconds after which a worker that does not answer counts as lost", at_least=1, at_most=86_400
    )


@dataclass(frozen=True)
class Evidence:
    """A run that was made: its command, where it ran, what it reached."""

    command: str
    data: str
    scores: dict[str, float]
    parameters: int
    seconds: float
    machine: str
    date: str

    @property
    def headline(self) -> str:
        """The one score that people compare by, with its name."""
        spans = "recall" in self.scores  # most words are in none of them: a tagger that finds nothing is accurate
        names = ("f1",) if spans else ("accuracy", "r2", "bleu", "perplexity")
        name = next(name for name in names if name in self.scores)
        return f"{name} {self.scores[name]:.4g}"


@dataclass(frozen=True)
class Recipe:
    """One system with all that a run of it needs."""

    system: str
    about: str
    tasks: tuple[str, ...]
    model: Any  # the system's own dataclass of options
    data: Any = dataclasses.field(default_factory=Data)  # Data, or for text one of core/texts.py
    training: Training = dataclasses.field(default_factory=Training)
    parallel: Parallel = dataclasses.field(default_factory=Parallel)
    task: Literal["auto", "classification", "regression", "language", "translation", "tagging"] = value(
        "auto", "what to learn; auto: as the data says"
    )
    seed: int = value(0, "the one source of all randomness", at_least=0, at_most=2**63 - 1)
    device: Literal["auto", "cpu", "cuda", "mps"] = value("auto", "where to compute")
    precision: Literal["auto", "float32", "bfloat16", "float64"] = value("auto", "numbers to compute with")
    input_size: int | None = None  # height and width that the system wants of pictures; None: any
    convolutional: bool = False  # whether its time goes into convolutions
    heavy: bool = False  # whether it goes into products of matrices large enough for bfloat16 to pay
    reference: str = ""  # the file of its equations in flori.reference, where it is not the system's own
    evidence: tuple[Evidence, ...] = ()


SHORT = {
    "data": "data.source",
    "target": "data.target",
    **{
        name: f"training.{name}"
        for name in ("epochs", "steps", "batch", "lr", "optimizer", "schedule", "init", "freeze", "patience")
    },
    "lr.head": "training.lr_head",
    "parallel": "parallel.strategy",
}
"""Everyday keys and the values that they set; all others are dotted."""

SECTIONS = ("data", "model", "training", "parallel")
TOP = ("task", "seed", "device", "precision")


def settings(recipe: Recipe) -> dict[str, dataclasses.Field[Any]]:
    """Every value that a user may set: its dotted name and its field, in the order of the recipe."""
    fields = {f.name: f for f in dataclasses.fields(Recipe)}
    found = {name: fields[name] for name in TOP}
    for section in SECTIONS:
        found |= {f"{section}.{f.name}": f for f in dataclasses.fields(getattr(recipe, section))}
    return found


def get(recipe: Recipe, name: str) -> Any:
    """The value behind a dotted name."""
    target: Any = recipe
    for part in name.split("."):
        target = getattr(target, part)
    return target


def replace(recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    """A copy of the recipe with the values behind dotted names changed."""
    top = {name: new for name, new in changes.items() if "." not in name}
    for section in SECTIONS:
        inner = {n.split(".", 1)[1]: new for n, new in changes.items() if n.startswith(section + ".")}
        top[section] = dataclasses.replace(getattr(recipe, section), **inner)
    return dataclasses.replace(recipe, **top)


def values(recipe: Recipe) -> dict[str, Any]:
    """All settings as plain values for JSON: what `recipe.json` holds."""
    return {name: get(recipe, name) for name in settings(recipe)}
