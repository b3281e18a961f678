"""What each of two processes does that stand for two machines: they meet, and one of them stops to answer."""

from __future__ import annotations

import os
import sys
import time
import warnings

import torch
import torch.distributed as dist

from flori.core.launch import launch
from flori.core.lost import is_lost
from flori.core.ranks import Ranks, give_up_within, joined

SECONDS = 1.0


def main() -> None:
    warnings.simplefilter("error")
    with joined("cpu", 60.0) as ranks:
        print(f"joined {ranks.rank} of {ranks.size} in {launch()}", flush=True)
        part = Ranks(ranks.rank, ranks.size, dist.new_group([0, 1]))
        give_up_within(SECONDS, part)
        assert part.total(torch.ones(1)) == 2
        if ranks.rank == 1:
            time.sleep(8 * SECONDS)
            os._exit(0)
        begun = time.monotonic()
        try:
            part.total(torch.ones(1))
        except RuntimeError as problem:
            print(f"lost: {is_lost(problem)} after {time.monotonic() - begun:.2f} s", flush=True)
        sys.stdout.flush()
        os._exit(0)


if __name__ == "__main__":
    main()
