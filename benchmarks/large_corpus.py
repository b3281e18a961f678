"""A generated text of up to 1 GiB made into tokens and learnt from: memory must not grow with it.

    python benchmarks/large_corpus.py [--mib 64 256 1024] [--steps 300] [--folder DIR]

For each size, by characters and by words, and in either order, `flori train lstm` runs in a process of its own with an
empty cache. Printed are the most memory that was its own (anonymous pages), the most with what it had mapped from files
and the system may take back at any time, and how long making the tokens and all of it took.

The text has 50,000 words, by Zipf's law, and one in fifty that never comes again, as names and slips do; so the number
of different words grows with the text. It lies in a temporary folder, or in DIR, where it is kept.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

MIB = 1 << 20
BLOCK, WORDS, ONCE, LINE = 1_000_000, 50_000, 0.02, 13  # words at once; different ones; share of new ones; in a line
JUDGED = 64 * 1024  # bytes of the test part
LETTERS = np.frombuffer(b"etaoinshrdlucmfwypvbgkjqxz", np.uint8)
SMALL = ("model.width=64", "model.hidden=128", "model.layers=1", "batch=32", "data.window=64")
WAYS = {
    "characters, sequential": ("data.tokens=char", "data.order=sequential"),
    "characters, random": ("data.tokens=char", "data.order=random"),
    "words, sequential": ("data.tokens=word", "data.most=10000", "data.order=sequential"),
}


def words(draw: np.random.Generator, count: int) -> list[bytes]:
    """So many words of one to twelve letters, most of them common ones."""
    lengths = 1 + draw.binomial(11, 0.4, count)
    letters = LETTERS[(draw.random((count, 12)) ** 2 * len(LETTERS)).astype(np.int64)]
    return [row[:length].tobytes() for row, length in zip(letters, lengths, strict=True)]


def blocks(seed: int = 0) -> Iterator[bytes]:
    """The text without end."""
    draw = np.random.default_rng(seed)
    known = np.array(words(draw, WORDS), object)
    chances = (1 / np.arange(3, WORDS + 3)).cumsum()
    while True:
        block = known[np.searchsorted(chances, draw.random(BLOCK) * chances[-1])]
        new = np.flatnonzero(draw.random(BLOCK) < ONCE)
        block[new] = [b"%x" % number for number in draw.integers(1 << 48, size=len(new)).tolist()]
        block[LINE - 1 :: LINE] += b".\n"
        yield b" ".join(block.tolist())


def made(path: Path, size: int) -> Path:
    """A file of so many bytes, made if it is not there."""
    if path.exists() and path.stat().st_size == size:
        return path
    with open(path, "wb") as file:
        for block in blocks():
            if file.write(block[: size - file.tell()]) < len(block):
                break
    return path


def held(process: int) -> tuple[int, int]:
    """Bytes of a process's own, and of all that it has in memory."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0, 0
    found = {name: value for name, _, value in (line.partition(":") for line in lines)}
    own, everything = (int(found.get(name, "0 kB").split()[0]) * 1024 for name in ("RssAnon", "VmRSS"))
    return own, everything


def trained(text: Path, size: int, steps: int, way: tuple[str, ...]) -> tuple[float, float, float, float]:
    """Train once: MiB of its own and in all at most, seconds until the first step, and to the end."""
    begun, first, own, everything = time.perf_counter(), 0.0, 0, 0
    with tempfile.TemporaryDirectory() as home:
        source = (f"data={text}", f"data.test={JUDGED / size}", f"steps={steps}", *SMALL, *way)
        command = [sys.executable, "-m", "flori", "train", "lstm", *source, "--run", f"{home}/run", "--quiet"]
        environment = {**os.environ, "XDG_CACHE_HOME": home, "CUDA_VISIBLE_DEVICES": ""}
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            while process.poll() is None:
                own, everything = map(max, (own, everything), held(process.pid))
                if not first and Path(f"{home}/run/metrics.jsonl").exists():
                    first = time.perf_counter() - begun
                time.sleep(0.02)
            assert process.returncode == 0, process.stderr and process.stderr.read().decode()
    return own / MIB, everything / MIB, first, time.perf_counter() - begun


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--mib", type=int, nargs="+", default=[64, 256, 1024])
    asked.add_argument("--steps", type=int, default=300)
    asked.add_argument("--folder", type=Path)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        for way, settings in WAYS.items():
            print(f"{way}, {given.steps} steps\n{'text':>10}{'own':>12}{'in all':>12}{'first step':>12}{'end':>10}")
            for mib in given.mib:
                text = made((given.folder or Path(temporary)) / f"text-{mib}.txt", mib * MIB)
                own, everything, first, end = trained(text, mib * MIB, given.steps, settings)
                print(f"{mib:6} MiB{own:8.0f} MiB{everything:8.0f} MiB{first:10.1f} s{end:8.1f} s", flush=True)


if __name__ == "__main__":
    main()
