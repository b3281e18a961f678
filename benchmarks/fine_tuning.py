"""Fine-tuning against training from scratch, on few pictures of classes that the first training never saw.

    FLORI_DATA=… python benchmarks/fine_tuning.py [SYSTEM] [key=value …]

A network learns six classes of cifar10-5k (2,400 pictures). Then the other four are to be learnt from 25 pictures
each: from those weights, or from chance. Both take the same steps, and the learning rate that is best of the same
five on 100 other pictures a class; the scores are on the 400 test pictures. Further words are settings of all runs.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FIRST = ("airplane", "automobile", "cat", "deer", "dog", "frog")
HELD_BACK = ("bird", "horse", "ship", "truck")
FEW, OTHERS = 25, 100  # pictures of each class held back: to learn from, and to choose the learning rate by
RATES = (0.003, 0.01, 0.03, 0.1, 0.3)
SEEDS = (0, 1, 2)
PRETRAINING = ("epochs=30",)
LEARNING = ("steps=100", "batch=50", "training.judge_every=50")


def main() -> None:
    """Make the sets, choose the rates, and print the accuracies of every seed and their means."""
    start, words = time.perf_counter(), sys.argv[1:]
    system = words.pop(0) if words and "=" not in words[0] else "resnet-cifar"
    with tempfile.TemporaryDirectory() as place:
        home, reached = Path(place), {}
        _make_sets(home)
        for seed in SEEDS:
            run = home / f"first-{seed}"
            scores = _trained(run, system, f"data={home / 'first'}", f"seed={seed}", *PRETRAINING, *words)
            print(f"seed {seed}: the first classes, test accuracy {scores['test']:.4f}", flush=True)
        for way, more in {"scratch": (), "fine-tuned": ("init={}",)}.items():
            rate = max(RATES, key=lambda rate: _learnt(home, system, way, more, rate, SEEDS[0], words)["valid"])
            scores = [_learnt(home, system, way, more, rate, seed, words)["test"] for seed in SEEDS]
            reached[way] = statistics.mean(scores)
            each = ", ".join(f"{score:.4f}" for score in scores)
            print(f"{way:10} lr={rate:<6g} test accuracy {each}; mean {reached[way]:.4f}", flush=True)
    margin = reached["fine-tuned"] - reached["scratch"]
    print(f"margin {margin:+.4f}   {time.perf_counter() - start:.0f} s")


def _make_sets(home: Path) -> None:
    """Links to the pictures of cifar10-5k: ``first``, and ``few`` with a valid part of other training pictures."""
    source = Path(os.environ["FLORI_DATA"]) / "cifar10-5k"
    for name in FIRST:
        for part in ("train", "test"):
            _link(sorted((source / part / name).iterdir()), home / "first" / part / name)
    for name in HELD_BACK:
        pictures = sorted((source / "train" / name).iterdir())
        _link(pictures[:FEW], home / "few" / "train" / name)
        _link(pictures[FEW : FEW + OTHERS], home / "few" / "valid" / name)
        _link(sorted((source / "test" / name).iterdir()), home / "few" / "test" / name)


def _link(pictures: list[Path], folder: Path) -> None:
    folder.mkdir(parents=True)
    for picture in pictures:
        (folder / picture.name).symlink_to(picture)


def _learnt(
    home: Path, system: str, way: str, more: tuple[str, ...], rate: float, seed: int, words: list[str]
) -> dict[str, float]:
    """Accuracies of a network that learnt the held-back classes in one of the two ways."""
    begin = [word.format(home / f"first-{seed}") for word in more]
    run = home / f"{way}-{rate}-{seed}"
    return _trained(run, system, f"data={home / 'few'}", f"lr={rate}", f"seed={seed}", *LEARNING, *begin, *words)


def _trained(run: Path, system: str, *settings: str) -> dict[str, float]:
    """Accuracy on each part after a training, as a user types it; one that was made before is not made again."""
    if not run.exists():
        command = [sys.executable, "-m", "flori", "train", system, *settings, "--run", str(run), "--quiet"]
        subprocess.run(command, check=True, capture_output=True)
    scores = json.loads((run / "summary.json").read_text())["scores"]
    return {part: found["accuracy"] for part, found in scores.items()}


if __name__ == "__main__":
    main()
