"""Scores by class and confusions as text."""

from __future__ import annotations

from typing import Any

from flori.cli.printing import print_table

MOST_CLASSES = 50  # lines of scores; of more classes the worst
MOST_SQUARE = 12  # classes of a confusion matrix that is printed whole
MOST_WIDE = 100  # columns of text
MOST_CONFUSIONS = 10


def print_classes(per_class: dict[str, dict[str, float]], confusion: dict[str, Any] | None) -> None:
    """The scores of each class, then what is taken for what; spans, which are found or not, have no such table."""
    print()
    _print_scores(per_class)
    if confusion is None:
        return
    labels, counts = confusion["labels"], confusion["counts"]
    print()
    width = max(max(map(len, labels)), len(str(max(map(max, counts)))))
    if len(labels) <= MOST_SQUARE and (width + 2) * (len(labels) + 1) <= MOST_WIDE:
        _print_square(labels, counts)
    else:
        _print_confusions(labels, counts)


def _print_scores(per_class: dict[str, dict[str, float]]) -> None:
    from flori.evaluation.classification import weakest_first

    found = per_class
    if len(per_class) > MOST_CLASSES:
        found = dict(list(weakest_first(per_class).items())[:MOST_CLASSES])
        print(f"the {MOST_CLASSES} classes of lowest f1 among {len(per_class):,}; --json gives all")
    names = ("precision", "recall", "f1")
    rows = [[label, *(f"{one[name]:.4f}" for name in names), f"{one['examples']:,}"] for label, one in found.items()]
    print_table(["class", *names, "examples"], rows, numbers=range(1, 5))


def _print_square(labels: list[str], counts: list[list[int]]) -> None:
    print("rows: the truth; columns: the answers")
    rows = [[label, *(str(n) if n else "·" for n in row)] for label, row in zip(labels, counts, strict=True)]
    print_table(["", *labels], rows, numbers=range(1, len(labels) + 1))


def _print_confusions(labels: list[str], counts: list[list[int]]) -> None:
    import torch

    from flori.evaluation.classification import confused

    found = confused(torch.tensor(counts), MOST_CONFUSIONS)
    if not found:
        print("nothing is taken for anything else")
        return
    print("most often confused")
    rows = [[labels[truth], labels[said], f"{count:,}"] for truth, said, count in found]
    print_table(["truth", "answer", "examples"], rows, numbers=[2])
