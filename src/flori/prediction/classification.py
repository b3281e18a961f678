"""Logits → the most probable classes."""

from __future__ import annotations

from typing import Any

from torch import Tensor

TOP = 5


def answers(logits: Tensor, labels: list[str]) -> list[dict[str, Any]]:
    """For each row of logits [N, K]: the best label, its probability, and the best five with theirs."""
    probabilities, classes = logits.double().softmax(1).topk(min(TOP, len(labels)))
    found = []
    for chances, numbers in zip(probabilities.tolist(), classes.tolist(), strict=True):
        top = [[labels[number], chance] for number, chance in zip(numbers, chances, strict=True)]
        found.append({"label": top[0][0], "probability": top[0][1], "top": top})
    return found
