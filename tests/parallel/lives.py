"""What each process of a group does: begins a run and leaves it half done, or reads its checkpoint and goes on to the
end. Each process writes the weights that it has when it leaves, or has read."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import torch
from safetensors.torch import save_file

from flori.artifacts.run_folder import RunFolder
from flori.core.overrides import apply
from flori.core.ranks import current, joined
from flori.recipes.beginning import go_on, locked
from flori.recipes.catalogue import find
from flori.recipes.session import Session

HALF = 23  # steps


def write(folder: Path, settings: list[str]) -> None:
    """The first half of a run."""
    with locked(apply(find("lstm"), settings), folder) as session:
        reports = session.reports()
        while next(reports).step < HALF:
            pass
        reports.close()
        keep_weights(session, "written")


def read(folder: Path) -> None:
    """The second half of it."""
    with RunFolder.open(folder, current().first).lock():
        session = go_on(folder)
        keep_weights(session, "read")
        for _ in session.reports():
            pass
        session.finish()


def keep_weights(session: Session, name: str) -> None:
    """As they are judged: put together from all ranks, averaged."""
    found = {key: t.detach().contiguous() for key, t in session.run.state.judged_model.state_dict().items()}
    save_file(found, session.folder.path / f"{name}-{session.run.ranks.rank}.safetensors")


if __name__ == "__main__":
    torch.set_num_threads(1)
    warnings.simplefilter("error")
    with joined("cpu", 900.0):
        if sys.argv[1] == "write":
            write(Path(sys.argv[2]), sys.argv[3:])
        else:
            read(Path(sys.argv[2]))
