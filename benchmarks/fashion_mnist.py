"""flori's whole training of lenet on Fashion-MNIST against two epochs of the books' loop, in turn.

    FLORI_DATA=… python benchmarks/fashion_mnist.py [PAIRS]

Both are processes of their own. Of each: the seconds of training, and of the process from start to end (flori's
writes checkpoints, model and report as well; the books' only trains).
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time

BOOKS = """
import time
from flori.benches import lenet
from flori.core.recipe import Data
from flori.data.sources import read
train = read(Data(source="fashion-mnist")).parts["train"]
loop, seen, start = lenet.books(train.images, train.targets), 0, time.perf_counter()
while seen < 2 * len(train):
    seen += next(loop)
print(time.perf_counter() - start)
"""


def timed(command: list[str]) -> tuple[str, float]:
    """Standard output and wall seconds of a process."""
    start = time.perf_counter()
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return out, time.perf_counter() - start


def main() -> None:
    """Run the pairs, and print each with its ratios, then the medians."""
    ratios = []
    for number in range(int(sys.argv[1]) if len(sys.argv) > 1 else 3):
        out, books_whole = timed([sys.executable, "-c", BOOKS])
        books = float(out)
        with tempfile.TemporaryDirectory() as folder:
            words = ["train", "lenet", "data=fashion-mnist", f"seed={number}", "--run", f"{folder}/run", "--json"]
            out, whole = timed([sys.executable, "-m", "flori", *words])
        summary = json.loads(out)
        ratios.append((summary["seconds"] / books, whole / books_whole))
        print(
            f"books, two epochs: {books:.1f} s (process {books_whole:.1f} s)   flori: {summary['seconds']:.1f} s "
            f"(process {whole:.1f} s), test accuracy {summary['scores']['test']['accuracy']:.4f}   "
            f"ratios {ratios[-1][0]:.2f}, {ratios[-1][1]:.2f}",
            flush=True,
        )
    print("median ratios: training {:.2f}, process {:.2f}".format(*map(statistics.median, zip(*ratios, strict=True))))


if __name__ == "__main__":
    main()
