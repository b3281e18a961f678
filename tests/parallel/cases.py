"""Short runs of every kind of task, as one process or several do them: all by name, so that processes can be told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import torch
from torch import Tensor

from flori.core.overrides import apply_values
from flori.recipes.assembly import Assembly, assemble
from flori.recipes.catalogue import find
from flori.training.loop import loop
from flori.training.sharding import local
from tests.bad_input.making import encoded, put
from tests.contract.texts import written

STEPS = 20
COMMON = {"steps": STEPS, "precision": "float64", "device": "cpu"}
TINY = {"model.width": 12, "model.hidden": 14, "model.dropout": 0.0}
PICTURES = {
    "data": "digits",
    "data.examples": 55,
    "batch": 13,
}  # the last batch of a pass: three, too few for two ranks
ADAM = {"optimizer": "adam", "lr": 1e-3}  # so that rounding does not grow tenfold a step
NORMED = {"parallel.norm": "all", "model.width": 0.25, "model.depth": 8}
STREAMED = {"batch": 13, "data.cache": "none", "data.workers": 1, "data.flip": True, "data.crop": 0.5, "lr": 0.01}
PLACES = {"Photos": "photos", "Shards": "shards"}
KINDS = {"Corpus": ("counting.txt",), "Pairs": ("digits.tsv",), "Sentences": ("names.conll",), "Texts": ("reviews",)}

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "uneven": ("softmax-regression", {**PICTURES, "data.examples": 40}),  # one alone, which joins the batch before
    "momentum": ("lenet", {**PICTURES, "optimizer": "nesterov", "data.shift": 2, "training.weight_decay": 0.01}),
    "mixed-up": ("lenet", {**PICTURES, "optimizer": "adamw", "data.mixup": 0.4, "data.cutmix": 1.0, "data.flip": True}),
    "divided": ("lenet", {**PICTURES, "training.accumulate": 3, "data.mixup": 0.4, "training.average": 0.9}),
    "clipped": ("mlp", {**PICTURES, "optimizer": "muon", "training.clip": 0.05, "schedule": "one-cycle"}),
    "files": ("softmax-regression", {**STREAMED, "data": "Photos", "training.accumulate": 2}),
    "shards": ("softmax-regression", {**STREAMED, "data": "Shards", "data.mixup": 0.4}),
    "rows": ("linear-regression", {"data": "diabetes", "batch": 17, "optimizer": "adam", "training.l1": 0.0}),
    "all-rows": ("linear-regression", {"data": "diabetes", "optimizer": "gd", "batch": 50, "training.l1": 0.01}),
    "fista": ("linear-regression", {"data": "diabetes", "optimizer": "fista", "training.l1": 0.01}),
    "closed-form": ("linear-regression", {"data": "diabetes", "optimizer": "closed-form"}),
    "perceptron": ("perceptron", PICTURES),
    "kernel": ("nadaraya-watson", {"data": "diabetes", "batch": 31}),
    "normed": ("resnet-cifar", {**PICTURES, **NORMED, "training.accumulate": 2}),
    "normed-few": ("resnet-cifar", {**PICTURES, **NORMED, "batch": 2}),
    "heads": (
        "googlenet",
        {**PICTURES, "batch": 5, "parallel.norm": "all", "lr": 1e-3, "model.width": 0.05, "model.dropout": 0.0},
    ),
    "windows": ("lstm", {"data": "Corpus", "batch": 7, "data.window": 11, "data.order": "random", **TINY}),
    "carried": ("lstm", {"data": "Corpus", "batch": 7, "data.window": 11, "data.order": "sequential", **TINY}),
    "carried-parts": (
        "gru",
        {"data": "Corpus", "batch": 7, "data.order": "sequential", "training.accumulate": 3, **TINY},
    ),
    "one-stream": ("rnn", {"data": "Corpus", "batch": 1, "data.window": 7, "data.order": "sequential", **TINY}),
    "counted": ("ngram", {"data": "Corpus"}),
    "next-tokens": ("transformer-lm", {"data": "Corpus", "batch": 5, "data.window": 13}),
    "translated": ("transformer", {"data": "Pairs", "batch": 13}),
    "recurrent-pairs": ("seq2seq-attention", {"data": "Pairs", "batch": 13, "training.accumulate": 2}),
    "tagged": ("bilstm-tagger", {"data": "Sentences", "batch": 13, "data.unknown": 0.5}),
    "texts": ("bilstm-classifier", {"data": "Texts", "batch": 13, "data.unknown": 0.5}),
}
SHARDED = (
    *("momentum", "divided", "clipped", "rows", "all-rows", "normed", "carried-parts", "next-tokens", "translated"),
    *("heads", "recurrent-pairs", "tagged", "texts"),
)
CASES |= {f"{case}, sharded": (CASES[case][0], {**CASES[case][1], "parallel": "shard"}) for case in SHARDED}
DIVISIBLE: dict[str, tuple[str, dict[str, Any]]] = {
    "pictures": ("lenet", {**PICTURES, "optimizer": "nesterov", "training.weight_decay": 0.01}),
    "dense": ("mlp", {**PICTURES, "model.hidden": "14,10,6", "optimizer": "muon", "training.clip": 0.05}),
    "dropped": ("mlp", {**PICTURES, "model.hidden": "14,10", "model.dropout": 0.3}),
    "heads": ("alexnet", {**PICTURES, "model.width": 0.05, "model.hidden": 280, "optimizer": "adamw", "batch": 5}),
    "averaged": ("vgg11", {**PICTURES, "model.width": 0.05, "model.hidden": 280, "batch": 5, "training.average": 0.9}),
    "next-tokens": ("transformer-lm", {"data": "Corpus", "batch": 5, "data.window": 13, "training.average": 0.9}),
    "untied": ("transformer-lm", {"data": "Corpus", "batch": 7, "model.tied": False, "training.accumulate": 3}),
    "translated": ("transformer", {"data": "Pairs", "batch": 13}),
    "blocks": (
        "resnet18",
        {**PICTURES, "parallel.norm": "all", "lr": 0.01, "model.width": 0.125, "training.accumulate": 2},
    ),
    "bottlenecks": ("resnet50", {**PICTURES, **ADAM, "parallel.norm": "all", "model.width": 0.0625}),
    "threes": ("nin", {**PICTURES, **ADAM, "model.width": 0.0625, "model.dropout": 0.0}),
    "normed-pairs": (
        "vgg11",
        {
            **PICTURES,
            **ADAM,
            "parallel.norm": "all",
            "model.norm": "batch",
            "model.width": 0.0625,
            "training.clip": 0.05,
        },
    ),
    "normed": ("resnet-cifar", {**PICTURES, **NORMED, "training.accumulate": 2, "model.depth": 14}),
}
"""What can be divided by layers, cut into stages, or both."""
ROWS_OF_LAYERS = ("dense", "averaged")
CASES |= {
    f"{case}, sharded": (DIVISIBLE[case][0], {**DIVISIBLE[case][1], "parallel": "shard"}) for case in ROWS_OF_LAYERS
}
CONVOLVED = ("blocks", "bottlenecks", "threes", "normed-pairs", "normed")
LAYERED = ("pictures", "dense", "dropped", "heads", "averaged", "next-tokens", "untied", "translated", *CONVOLVED)
STAGED = ("pictures", "dense", "heads", "averaged", "next-tokens", "untied", "blocks", "normed")
TENSOR, PIPELINE = {"parallel.tensor": 2}, {"parallel.pipeline": 2}
WAYS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "tensor": (TENSOR, LAYERED),
    "pipeline": (PIPELINE, STAGED),
    "both": ({**TENSOR, **PIPELINE}, ("pictures", "heads", "averaged", "next-tokens", "untied", "blocks", "normed")),
    "sharded stages": ({**PIPELINE, "parallel": "shard"}, STAGED),
}
SPLIT = {
    f"{case}, {way}": (DIVISIBLE[case][0], {**DIVISIBLE[case][1], **settings})
    for way, (settings, cases) in WAYS.items()
    for case in cases
}
SMALL = {
    "transformer-lm": {
        "model.width": 16,
        "model.heads": 2,
        "model.layers": 2,
        "model.dropout": 0.0,
        "model.gram_dropout": 0.0,
        "model.gram_rows": 64,
        "model.gram_width": 6,
    },
    "transformer": {"model.width": 16, "model.heads": 2, "model.layers": 1, "model.dropout": 0.0},
    "seq2seq-attention": TINY,
    "bilstm-tagger": TINY,
    "bilstm-classifier": TINY,
}


def assembled(case: str, folder: Path) -> Assembly:
    """The parts of a case, with its text in a folder."""
    system, settings = {**CASES, **SPLIT}[case]
    settings = {**COMMON, **SMALL.get(system, {}), **settings}
    if settings["data"] in KINDS:
        settings["data"] = str(folder / KINDS[settings["data"]][0])
    if settings["data"] in PLACES:
        settings["data"] = str(folder / PLACES[settings["data"]])
    run = assemble(apply_values(find(system), settings))
    for layer in run.state.model.modules():
        if isinstance(layer, torch.nn.Dropout) and not case.startswith("dropped"):
            layer.p = 0.0  # it alone is drawn by rank
    return run


def trained(case: str, folder: Path) -> dict[str, Tensor]:
    """The loss of each step, and all weights after them."""
    run = assembled(case, folder)
    steps = loop(run.state, run.batches, run.update, run.steps, run.recipe.seed, run.order.drawn)
    losses = torch.tensor([float(step.loss) for step in steps], dtype=torch.float64)
    weights = {name: t.detach().clone() for name, t in run.state.judged_model.state_dict().items()}
    return {"losses": losses, "kept": torch.tensor(kept(run)), **weights}


def kept(run: Assembly) -> int:
    """Bytes of weights and of what the optimiser remembers, as this process holds them."""
    slots = run.state.optimizer.state.values() if run.state.optimizer is not None else []
    numbers = [*run.state.model.parameters(), *(t for slot in slots for t in slot.values() if t.dim())]
    return sum(local(t).numel() * t.element_size() for t in numbers)


def write_texts(folder: Path) -> None:
    """A text of every kind, and pictures in files and in rows."""
    for kind in KINDS:
        written(kind, folder)
    for number in range(61):
        put(folder / "photos" / "abc"[number % 3] / f"{number}.png", encoded(seed=number))
    pictures = [{"bytes": encoded(seed=number), "path": None} for number in range(61)]
    table = pa.table({"image": pictures, "label": [number % 3 for number in range(61)]})
    (folder / "shards").mkdir(exist_ok=True)
    for number in range(2):
        rows = table.slice(31 * number, 31)
        pa.parquet.write_table(rows, folder / "shards" / f"train-{number}.parquet", row_group_size=4)
