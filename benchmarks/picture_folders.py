"""Folders of pictures read from disk: speed against torchvision's own loader, and memory by the number of pictures.

    python benchmarks/picture_folders.py [--pictures 20000] [--folder DIR] [--rounds 7]

The pictures are made here, JPEGs of 500×375 of smooth noise, in a temporary folder or in DIR, where they are kept.
Speed: examples a second of both loaders in turn with the same transforms (random resized crop to 224, flip, to float,
normalise), and the median of the ratios. Memory: the most that training and its processes hold together (proportional
set size, so that what they share counts once), for a quarter of the pictures, for half and for all.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from flori.benches.timing import Contestant, race
from flori.core.recipe import Data
from flori.data.batches import Batches
from flori.data.examples import Part
from flori.data.picture_files import resized
from flori.data.preparation import PicturePreparation
from flori.data.sources import read

CLASSES, WIDTH, HEIGHT, SIDE, BATCH = 10, 500, 375, 224, 64
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@cache
def fields() -> list[np.ndarray]:
    """Noise of four roughnesses, larger than a picture: int16 [2·HEIGHT, 2·WIDTH, 3] each."""
    rng, size = np.random.default_rng(0), (2 * WIDTH, 2 * HEIGHT)
    rough = {g: rng.integers(0, 256, (2 * HEIGHT // g + 2, 2 * WIDTH // g + 2, 3), np.uint8) for g in (64, 16, 4, 1)}
    fine = {g: Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC) for g, noise in rough.items()}
    weights = {64: 140, 16: 70, 4: 35, 1: 12}
    return [((np.asarray(image, np.float32) / 255 - 0.5) * weights[g]).astype(np.int16) for g, image in fine.items()]


def make(place: tuple[Path, int]) -> None:
    """One picture: a random piece of each field of noise, laid over each other."""
    folder, number = place
    path = folder / f"class{number % CLASSES}" / f"{number:06}.jpg"
    if path.exists():
        return
    rng, whole = np.random.default_rng(number), np.full((HEIGHT, WIDTH, 3), 128, np.int16)
    for field in fields():
        top, left = rng.integers(HEIGHT), rng.integers(WIDTH)
        whole += field[top : top + HEIGHT, left : left + WIDTH]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(whole.clip(0, 255).astype(np.uint8)).save(path, quality=90)


def make_all(folder: Path, count: int) -> Path:
    """A folder with so many pictures, made if they are not there."""
    with ProcessPoolExecutor() as pool:
        for _ in pool.map(make, [(folder, number) for number in range(count)], chunksize=100):
            pass
    return folder


def ours(folder: Path) -> Contestant:
    """flori's batches."""
    options = Data(source=str(folder), size=SIDE, cache="none", crop=0.08, flip=True)
    found = read(options).parts["train"]
    part = Part(resized(found.images, (SIDE, SIDE)), found.targets, found.names)
    batches = Batches(part, BATCH, PicturePreparation((SIDE, SIDE), MEAN, STD), torch.float32, 0, options)
    epoch = 0
    while True:
        yield from (len(batch.inputs) for batch in batches.epoch(epoch))
        epoch += 1


def theirs(folder: Path) -> Contestant:
    """torchvision's reference: ImageFolder, transforms v2, DataLoader with two workers."""
    steps = [v2.RandomResizedCrop(SIDE, antialias=True), v2.RandomHorizontalFlip(), v2.PILToTensor()]
    transform = v2.Compose([*steps, v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)])
    loader = DataLoader(ImageFolder(folder, transform), BATCH, shuffle=True, num_workers=2, persistent_workers=True)
    while True:
        yield from (len(inputs) for inputs, _ in loader)


def family(root: int) -> list[int]:
    """A process and all below it."""
    found, parents = [root], {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(entry.parent.name)] = int(entry.read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def held(root: int) -> int:
    """Bytes that a process and all below it hold, what they share counted once."""
    total = 0
    for number in family(root):
        try:
            lines = Path(f"/proc/{number}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def most_memory(folder: Path) -> tuple[float, float]:
    """Train lenet on a folder for one epoch: the most memory held, MiB, and the seconds that it took."""
    words = ["lenet", f"data={folder}", "data.size=64", "data.cache=none", "data.crop=0.5", "data.flip=true"]
    with tempfile.TemporaryDirectory() as run:
        command = [sys.executable, "-m", "flori", "train", *words, "epochs=1", "--run", f"{run}/run", "--quiet"]
        start, most = time.perf_counter(), 0
        with subprocess.Popen(command, env={**os.environ, "CUDA_VISIBLE_DEVICES": ""}) as process:
            while process.poll() is None:
                most = max(most, held(process.pid))
                time.sleep(0.2)
        assert process.returncode == 0, "the training failed"
    return most / 2**20, time.perf_counter() - start


def part_of(folder: Path, count: int, into: Path) -> Path:
    """A folder of links to the first pictures of another."""
    for number in range(count):
        name = Path(f"class{number % CLASSES}") / f"{number:06}.jpg"
        (into / name).parent.mkdir(parents=True, exist_ok=True)
        (into / name).symlink_to((folder / name).absolute())
    return into


def measure(folder: Path, count: int, rounds: int) -> None:
    """Print both figures."""
    print(f"{count:,} pictures of {WIDTH}×{HEIGHT} in {folder}", flush=True)
    results = race({"flori": ours(folder), "torchvision": theirs(folder)}, rounds, 3.0, lambda _: None)
    ratios = sorted(results["flori"].ratios(results["torchvision"]))
    for name, result in results.items():
        print(f"{name}: {result.median:,.0f} examples a second")
    print(f"ratio: median {ratios[len(ratios) // 2]:.2f}, from {ratios[0]:.2f} to {ratios[-1]:.2f}", flush=True)
    for number in (count // 4, count // 2, count):
        with tempfile.TemporaryDirectory() as few:
            most, seconds = most_memory(folder if number == count else part_of(folder, number, Path(few)))
        print(f"training on {number:,} pictures held at most {most:,.0f} MiB, in {seconds:.0f} s", flush=True)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--pictures", type=int, default=20_000)
    asked.add_argument("--folder", type=Path)
    asked.add_argument("--rounds", type=int, default=7)
    words = asked.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = make_all(words.folder or Path(temporary), words.pictures)
        measure(folder, words.pictures, words.rounds)


if __name__ == "__main__":
    main()
