"""Scores and tables of a classification: logits [N, K] against classes int64 [N]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

BETTER = ("accuracy", True)
"""The score that runs are compared by, and whether more of it is better."""


def scores(logits: Tensor, targets: Tensor) -> dict[str, float]:
    """`loss` (cross-entropy, nats), `accuracy`, `f1` (mean over the classes that truth or answers have), and `top5`
    where there are more than five classes."""
    counts = confusion(logits.argmax(1), targets, logits.shape[1])
    found = {
        "loss": float(F.cross_entropy(logits, targets)),
        "accuracy": float(counts.diagonal().sum().double() / counts.sum()),
        "f1": float(per_class(counts)["f1"][counts.sum(0) + counts.sum(1) > 0].mean()),
    }
    if logits.shape[1] > 5:
        found["top5"] = float((logits.topk(5).indices == targets[:, None]).any(1).double().mean())
    return found


def confusion(predicted: Tensor, targets: Tensor, classes: int) -> Tensor:
    """How often class i (row) was taken for class j (column), int64 [K, K]."""
    return torch.bincount(targets * classes + predicted, minlength=classes * classes).view(classes, classes)


def per_class(counts: Tensor) -> dict[str, Tensor]:
    """Precision, recall, F1 and number of examples by class from a confusion matrix; 0 where undefined."""
    hits, truth, said = counts.diagonal().double(), counts.sum(1).double(), counts.sum(0).double()
    precision, recall = hits / said.clamp(min=1), hits / truth.clamp(min=1)
    return {
        "precision": precision,
        "recall": recall,
        "f1": 2 * hits / (truth + said).clamp(min=1),
        "examples": counts.sum(1),
    }


def tables(logits: Tensor, targets: Tensor, labels: Sequence[str]) -> dict[str, Any]:
    """`per_class`: precision, recall, f1 and number of examples by label; `confusion`: the labels, and by row the
    counts of how often that class was taken for each."""
    counts = confusion(logits.argmax(1), targets, len(labels))
    columns = {name: column.tolist() for name, column in per_class(counts).items()}
    by_label = {label: {name: column[i] for name, column in columns.items()} for i, label in enumerate(labels)}
    return {"per_class": by_label, "confusion": {"labels": list(labels), "counts": counts.tolist()}}


def weakest_first(per_class: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """The classes of `tables` by their f1, the lowest first; those without examples, where it says nothing, last."""
    return dict(sorted(per_class.items(), key=lambda item: (item[1]["examples"] == 0, item[1]["f1"])))


def confused(counts: Tensor, most: int) -> list[tuple[int, int, int]]:
    """The commonest confusions of a matrix: (true class, class said, how often), the commonest first."""
    wrong = counts.clone().fill_diagonal_(0).flatten()
    order = wrong.argsort(descending=True, stable=True)[:most]
    return [(*divmod(i, len(counts)), int(wrong[i])) for i in order.tolist() if wrong[i]]


def mistakes(logits: Tensor, targets: Tensor, most: int) -> list[tuple[int, int, float]]:
    """The wrong answers given with most confidence: (example, class said, probability), the surest first."""
    chance, said = logits.double().softmax(1).max(1)
    wrong = torch.nonzero(said != targets).flatten()
    order = wrong[chance[wrong].argsort(descending=True, stable=True)][:most]
    return [(i, int(said[i]), float(chance[i])) for i in order.tolist()]
