"""The books' recurrent language model on the time machine's text, judged on held-out text, beside flori's.

    FLORI_DATA=… python benchmarks/time_machine.py [--cells gru lstm] [--epochs 500]

The books' recipe (Dive into Deep Learning, 9.5 to 10.1): one layer of 256 units over one-hot characters, batches of 32
windows of 35, stochastic gradient descent at a rate of 1, gradients clipped to a norm of 1, 500 epochs over the first
10,000 characters. It is also given as many steps over the whole training part, which helps it. Characters, training
and test part are those of flori's recipe; the perplexity is over all tokens of the test part, the state carried on. The
books' is judged ten times on the way, outside its time, and its best is what counts.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd import backward

from flori.recipes.assembly import assemble
from flori.recipes.catalogue import find

BATCH, STEPS, HIDDEN, RATE, CLIP, FEW = 32, 35, 256, 1.0, 1.0, 10_000
CELLS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


class Books(nn.Module):
    """One-hot characters, one recurrent layer, logits."""

    def __init__(self, cell: str, vocabulary: int) -> None:
        super().__init__()
        self.vocabulary, self.rnn = vocabulary, CELLS[cell](vocabulary, HIDDEN)
        self.output = nn.Linear(HIDDEN, vocabulary)

    def forward(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        """tokens int64 [B, T] → logits [T, B, V] and the state."""
        h, state = self.rnn(F.one_hot(tokens.t(), self.vocabulary).float(), state)
        return self.output(h), state


def detached(state: Any) -> Any:
    """The state without its past."""
    return tuple(map(Tensor.detach, state)) if isinstance(state, tuple) else state.detach()


def perplexity(model: Books, tokens: Tensor) -> float:
    """Over all tokens but the first, read from beginning to end."""
    total, state = 0.0, None
    with torch.no_grad():
        for first in range(0, len(tokens) - 1, 1000):
            piece = tokens[first : first + 1001]
            logits, state = model(piece[None, :-1], state)
            total += float(F.cross_entropy(logits[:, 0], piece[1:], reduction="sum"))
    return math.exp(total / (len(tokens) - 1))


def trained(cell: str, train: Tensor, test: Tensor, vocabulary: int, steps: int) -> tuple[float, float, float]:
    """The best perplexity of ten on the test part, the last one, and seconds of training in all."""
    torch.manual_seed(0)
    model, found, seconds, done = Books(cell, vocabulary), [], 0.0, 0
    optimizer = torch.optim.SGD(model.parameters(), RATE)
    while done < steps:
        offset = int(torch.randint(STEPS, ()))
        rows = (len(train) - 1 - offset) // BATCH
        inputs, targets = (train[offset + k : offset + k + BATCH * rows].view(BATCH, rows) for k in (0, 1))
        state = None
        for x, y in zip(inputs.split(STEPS, 1), targets.split(STEPS, 1), strict=True):
            if done == steps:
                break
            start = time.perf_counter()
            logits, state = model(x, None if state is None else detached(state))
            loss = F.cross_entropy(logits.flatten(0, 1), y.t().flatten())
            optimizer.zero_grad()
            backward(loss)
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimizer.step()
            done, seconds = done + 1, seconds + time.perf_counter() - start
            if done % (steps // 10) == 0:
                found.append(perplexity(model, test))
    return min(found), found[-1], seconds


def ours(cell: str) -> tuple[float, float]:
    """flori's recipe as it is: perplexity of the test part, seconds of training."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "flori", "train", cell, "--run", f"{folder}/run", "--quiet", "--json"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        summary = json.loads(Path(folder, "run", "summary.json").read_text())
    return summary["scores"]["test"]["perplexity"], summary["seconds"]


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--cells", nargs="+", default=["gru", "lstm"], choices=CELLS)
    asked.add_argument("--epochs", type=int, default=500)
    words = asked.parse_args()
    data = assemble(find("lstm")).data
    train, test = (torch.from_numpy(np.asarray(data.parts[part].tokens, np.int64)) for part in ("train", "test"))
    (vocabulary,) = data.codec.sizes
    steps = words.epochs * (FEW // (BATCH * STEPS))
    print(f"{len(train):,} characters to learn from, {len(test):,} to be judged by, {vocabulary} kinds; {steps} steps")
    for cell in words.cells:
        for name, part in ((f"first {FEW:,}", train[:FEW]), ("whole", train)):
            best, last, seconds = trained(cell, part, test, vocabulary, steps)
            print(f"books' {cell}, {name}: perplexity {best:.3f} at best, {last:.3f} at the end, {seconds:.0f} s")
        score, seconds = ours(cell)
        print(f"flori {cell}: perplexity {score:.3f}, {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
