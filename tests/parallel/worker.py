"""What each process of a group does: the cases named, one after the other; the first writes what came of them."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import torch
from safetensors.torch import save_file

from flori.core.ranks import joined
from tests.parallel.cases import trained


def main(texts: Path, out: Path, cases: list[str]) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("error")
    with joined("cpu", 900.0) as ranks:
        for case in cases:
            found = {name: t.contiguous() for name, t in trained(case, texts).items()}
            save_file(found, out / f"{case}-{ranks.rank}.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
