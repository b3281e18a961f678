"""A run as it is begun, or gone on with: its folder, which it alone trains into, and its session."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from flori.artifacts.predictor import Predictor
from flori.artifacts.run_folder import RunFolder, check_free
from flori.core.errors import UserError
from flori.core.launch import launch
from flori.core.overrides import apply_values
from flori.core.paths import is_address, path_of, whole_address
from flori.core.ranks import current
from flori.core.recipe import Recipe, replace, values
from flori.data.named import NAMED
from flori.data.preparation import TablePreparation
from flori.data.preparing import ExampleCodec
from flori.recipes.assembly import Assembly, assemble
from flori.recipes.catalogue import find
from flori.recipes.session import Session


@contextmanager
def locked(
    recipe: Recipe, run: str | Path | None, command: str | None = None, inputs: Sequence[str | Path] = ()
) -> Iterator[Session]:
    """A new run in a folder that it alone trains into; for workers that torchrun has started again the run that those
    before them began."""
    ranks = current()
    path = ranks.decided(lambda: _begun_before(with_whole_paths(recipe), run))
    if path is None:
        session = begin(recipe, run, command, inputs)
        with session.folder.lock():
            yield session
        return
    with RunFolder.open(path, ranks.first).lock(patience(recipe)):
        ranks.gathered("the folder is ours")
        yield go_on(path)


def patience(recipe: Recipe) -> float:
    """Seconds to wait for a worker that was cut off and may not know it yet; the others wait longer for this one."""
    return recipe.parallel.timeout / 2


def _begun_before(recipe: Recipe, run: str | Path | None) -> str | None:
    """The folder of the run that earlier workers of this launch began; what did not become a run is removed."""
    name = launch()
    if name is None:
        return None
    for path in sorted(Path("runs").glob(f"{recipe.system}-*")) if run is None else [path_of(run)]:
        folder = RunFolder(path)
        if folder.is_of(name) and not (path / "recipe.json").exists():
            with folder.lock(patience(recipe)):
                if not (path / "recipe.json").exists():  # its maker is gone
                    folder.discard()
        if folder.is_of(name) and values(recorded_recipe(folder)) == values(recipe):
            return str(path)
    return None


def begin(
    recipe: Recipe, run: str | Path | None, command: str | None = None, inputs: Sequence[str | Path] = ()
) -> Session:
    """Read the data, build everything, and create the run folder: nothing is written before all is well.

    Args:
        inputs: what will be predicted once the network is trained; tables that do not suit it are refused now.
    """
    ranks = current()
    if run is not None:
        ranks.decided(lambda: check_free(path_of(run)))
    recipe = with_whole_paths(recipe)
    assembly = assemble(recipe)
    _must_be_answerable(assembly, inputs)
    _must_be_the_same(assembly)
    path = ranks.decided(lambda: _created(run, recipe.system))
    session = Session(assembly, RunFolder(Path(path), ranks.first), command or shlex.join(sys.argv))
    with session.folder.lock():
        try:
            session.begin()
        except BaseException:
            session.folder.discard()
            raise
    return session


def _created(run: str | Path | None, system: str) -> str:
    return str(RunFolder.create(run, system, launch()).path)


def _must_be_the_same(run: Assembly) -> None:
    """Refuse workers that see different data, as may be on several machines."""
    if run.ranks.alone:
        return
    seen = run.ranks.gathered(run.fingerprint())
    other = next((rank for rank, one in enumerate(seen) if one != seen[0]), None)
    if other is not None:
        what = f"data={run.recipe.data.source} is not the same for all workers: that of worker {other} differs"
        raise UserError(f"{what} from that of worker 0; give every machine the same files")


def _must_be_answerable(run: Assembly, inputs: Sequence[str | Path]) -> None:
    """Refuse inputs that cannot be read, before hours of training: tables are answered for by the untrained network."""
    lacking = [str(path) for path in inputs if not (is_address(path) or path_of(path).exists())]
    if lacking and isinstance(run.codec, ExampleCodec):
        raise UserError(f"--predict {lacking[0]}: no such file or folder")
    if inputs and isinstance(getattr(run.codec, "preparation", None), TablePreparation):
        Predictor(run.recipe.system, run.codec, run.state.model, run.device, run.precision).predict(inputs)


def go_on(path: str | Path) -> Session:
    """A begun run, as far as its newest whole checkpoint; the caller holds the lock of its folder.

    Device, precision, number of threads, and whether pictures are held in memory are as it began, so that no bit
    differs. With another number of workers it is the same run to rounding.
    """
    ranks = current()
    folder = RunFolder.open(path, ranks.first)
    recipe, resolved = recorded_recipe(folder), folder.read("recipe.json")["resolved"]
    if resolved.get("workers", 1) == ranks.size:
        torch.set_num_threads(resolved["threads"])
    found = {name: resolved[name] for name in ("device", "precision")}
    recipe = replace(recipe, {**found, **held_pictures(folder, recipe)})
    begun = folder.read("init.json") if recipe.training.init is not None else None
    session = Session(assemble(recipe, begun), folder, folder.read("recipe.json")["command"])
    session.restore()
    return session


def with_whole_paths(recipe: Recipe) -> Recipe:
    """Paths of data and weights are kept whole, so that the run can go on from any folder."""
    paths = {"data.source": recipe.data.source, "training.init": recipe.training.init}
    return replace(recipe, {name: whole_path(text) for name, text in paths.items() if text is not None})


def whole_path(text: str) -> str:
    """A path from the root on; a name of a set, and what leads nowhere, as it is."""
    if is_address(text):
        return whole_address(text)
    with contextlib.suppress(OSError):  # reading it says what is wrong
        if text not in NAMED and path_of(text).exists():
            return str(path_of(text).absolute())
    return text


def recorded_recipe(folder: RunFolder, name: str = "recipe.json") -> Recipe:
    """The recipe in a run folder's recipe.json, or in another file that holds one."""
    document = folder.read(name)
    try:
        return apply_values(find(document["system"]), document["recipe"])
    except (KeyError, TypeError, AttributeError) as problem:
        raise UserError(f"{folder.path / name} is not what flori writes there: {problem!r}") from None


def held_pictures(folder: RunFolder, recipe: Recipe) -> dict[str, Any]:
    """The setting that says where a run held its pictures: what ``auto`` came to when it began. It is by that what its
    data is known by."""
    if not hasattr(recipe.data, "cache"):
        return {}
    return {"data.cache": folder.read("recipe.json")["resolved"].get("cache", recipe.data.cache)}
