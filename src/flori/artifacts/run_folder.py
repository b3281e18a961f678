"""The run folder: who may write in it, its metrics, its summary."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from flori.artifacts.writing import saying_why, sweep, write, write_json
from flori.core.errors import UserError
from flori.core.paths import path_of

LAUNCH = ".launch"  # the file that says which workers a folder is of


class RunFolder:
    """The folder of one run, by its path. Of several ranks that train together one `writes`; for the others what they
    would write, lock or remove is left alone."""

    def __init__(self, path: Path, writes: bool = True) -> None:
        self.path = path
        self.writes = writes
        self.checkpoints = path / "checkpoints"
        self.model = path / "model"
        self.report = path / "report.html"

    @staticmethod
    def create(wanted: str | Path | None, system: str, launch: str | None = None) -> RunFolder:
        """A new folder: the wanted one, which must be empty or not there, or the next ``runs/SYSTEM-N``. In it stands
        which `launch` of torchrun it is of. Of several who want one at once one gets it."""
        folder = RunFolder._made(wanted, system)
        with saying_why(folder.path):
            try:
                with open(folder.path / LAUNCH, "x") as file:
                    file.write(launch or "")
            except FileExistsError:
                raise UserError(_in_use(folder.path)) from None
        return folder

    @staticmethod
    def _made(wanted: str | Path | None, system: str) -> RunFolder:
        if wanted is not None:
            path = path_of(wanted)
            check_free(path)
            with saying_why(path):
                path.mkdir(parents=True, exist_ok=True)
            return RunFolder(path)
        for number in itertools.count(1):
            path = Path("runs") / f"{system}-{number}"
            with saying_why(path):
                try:
                    path.mkdir(parents=True)
                except FileExistsError:
                    continue
            return RunFolder(path)
        raise AssertionError("unreachable")

    @staticmethod
    def open(path: str | Path, writes: bool = True) -> RunFolder:
        """The folder of a run that was begun. Raises UserError if it is none."""
        folder = RunFolder(path_of(path), writes)
        if not (folder.path / "recipe.json").is_file():
            raise UserError(f"{path} is not a run folder: it holds no recipe.json")
        return folder

    def discard(self) -> None:
        """Remove a folder that was created but did not become a run."""
        if not self.writes:
            return
        shutil.rmtree(self.path, ignore_errors=True)

    def is_of(self, launch: str) -> bool:
        """Whether that launch made the folder."""
        try:
            return (self.path / LAUNCH).read_text() == launch
        except OSError:
            return False

    @contextmanager
    def lock(self, patience: float = 0.0) -> Iterator[None]:
        """Only one process at a time trains into the folder; a killed one holds it no longer. One that does not answer
        may hold it until it has found out that it is cut off: it is waited for so many seconds."""
        if not self.writes:
            yield
            return
        with saying_why(self.path):
            guard = FileLock(self.path / ".lock", timeout=patience)
            try:
                guard.acquire()
            except Timeout:
                raise UserError(
                    f"{self.path} is being trained into by another process; wait for it or stop it"
                ) from None
        try:
            for place in (self.path, self.checkpoints):
                sweep(place)
            yield
        finally:
            guard.release()

    def read(self, name: str) -> dict[str, Any]:
        """A JSON file of the folder. Raises UserError if it is not there or damaged."""
        try:
            return json.loads((self.path / name).read_bytes())
        except (OSError, ValueError) as problem:
            raise UserError(f"{self.path / name} cannot be read: {problem}") from None

    def write(self, name: str, document: dict[str, Any]) -> None:
        if self.writes:
            write_json(self.path / name, document)

    def append_metrics(self, line: dict[str, Any]) -> None:
        """One more line of metrics.jsonl."""
        if not self.writes:
            return
        with saying_why(self.path / "metrics.jsonl"), open(self.path / "metrics.jsonl", "a") as file:
            file.write(json.dumps(line) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """All lines of metrics.jsonl; a last line cut short by a kill is left out."""
        try:
            lines = (self.path / "metrics.jsonl").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines if line.endswith("}")]

    def forget_metrics_after(self, step: int) -> None:
        """Drop the lines of steps that will be done again."""
        if not self.writes:
            return
        kept = [line for line in self.metrics() if line["step"] <= step]
        write(self.path / "metrics.jsonl", "".join(json.dumps(line) + "\n" for line in kept))


def check_free(path: Path) -> None:
    """Raise UserError unless a new run can be written at `path`."""
    with saying_why(path):
        if (path / "recipe.json").exists():
            hint = f"flori resume {path} goes on with it, --run DIR takes another folder"
            raise UserError(f"{path} already holds a run; {hint}")
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise UserError(_in_use(path))
        above = next(parent for parent in (path, *path.absolute().parents) if parent.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise UserError(f"{path} could not be written: {above} does not allow it; choose another place with --run")


def _in_use(path: Path) -> str:
    return f"{path} is in use already; a run wants a folder of its own: --run DIR"
