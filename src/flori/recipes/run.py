"""A run as users hold it: trained, loaded, evaluated, predicted with."""

from __future__ import annotations

import contextlib
import shlex
import signal
import sys
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from flori.artifacts.predictor import Predictor
from flori.artifacts.run_folder import RunFolder, check_free
from flori.core.errors import UserError
from flori.core.launch import launch
from flori.core.lost import told_to_end
from flori.core.overrides import apply_values
from flori.core.paths import path_of
from flori.core.ranks import current, joined
from flori.core.recipe import Recipe, replace, values
from flori.data.codec import Codec, Part, fingerprint
from flori.data.language import LanguageCodec, LanguagePart, notes
from flori.data.named import NAMED
from flori.data.preparation import PicturePreparation, TablePreparation
from flori.data.preparing import ExampleCodec
from flori.prediction.wishes import Wishes
from flori.recipes.assembly import Assembly, assemble
from flori.recipes.catalogue import find
from flori.recipes.session import Report, Session
from flori.recipes.tasks import task_of


class Run:
    """A run folder: `predict`, `evaluate`, and what it reached in `summary`."""

    def __init__(self, path: str | Path) -> None:
        self.folder = RunFolder.open(path)
        self.path = self.folder.path

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def recipe(self) -> Recipe:
        """The whole recipe that the run was made by."""
        return recorded_recipe(self.folder)

    @property
    def summary(self) -> dict[str, Any]:
        """What summary.json says: status, scores, time."""
        return self.folder.read("summary.json")

    def predictor(self, flip: bool = False) -> Predictor:
        """The trained network with its preparation. With `flip` its probabilities are the mean over each picture and
        its mirror image. Raises UserError if the run wrote none yet, or if `flip` does not suit it."""
        if not self.folder.model.is_dir():
            raise UserError(f"{self.path} holds no model yet; flori resume {self.path} trains it to the end")
        found = Predictor.load(self.folder.model, self.recipe.device)
        return found.both_ways() if flip else found

    def predict(self, *inputs: str | Path, flip: bool = False, **wishes: Any) -> list[dict[str, Any]]:
        """Answers for pictures, folders of pictures, rows of tables, or texts: a dictionary each, as in
        ``flori predict --json``. For `flip` see `predictor`, for the others `flori.prediction.wishes.Wishes`."""
        return self.predictor(flip).predict(inputs, Wishes(**wishes))

    def evaluate(self, data: str | None = None, *, flip: bool = False, **settings: Any) -> dict[str, Any]:
        """Scores on the run's own test (else valid) part, or on another set of the same kind; for classes also
        those of each class, and the confusion matrix.

        Other settings of how `data` is read may be given too, such as ``data.on_bad``. For `flip` see `predictor`:
        the loss is then −log of the mean probability of the true class.
        """
        predictor, recipe = self.predictor(flip), self.recipe
        codec = predictor.codec
        if data is not None:
            settings = {"data": data, **_as_the_network_takes_it(codec), **settings}
        recipe = apply_values(recipe, settings)
        parts = self.parts(codec, settings) if data is None else codec.read(recipe.data, recipe.seed, False)
        name = next(part for part in ("test", "valid", "train") if part in parts)
        judged = task_of(codec, recipe.training).judge(predictor, parts[name], True)
        result = {
            "system": predictor.system,
            "data": recipe.data.source,
            "part": name if len(parts) > 1 else "all",
            "examples": len(parts[name]),
            "flip": flip,
            "scores": judged.scores,
            **judged.tables,
        }
        remarks = _unknown(codec, result["part"], parts[name])
        if data is not None and len(parts) == 1 and _whole(data) == self.recipe.data.source:
            remarks.append(f"the run learnt from most of {data}; without data= its test part is scored")
        return {**result, "remark": "; ".join(remarks)} if remarks else result

    def parts(self, codec: Codec, settings: Mapping[str, Any] | None = None) -> Mapping[str, Part]:
        """The parts that the run learnt from and is judged by. Raises UserError if the data changed since."""
        recipe = self.recipe
        recipe = apply_values(replace(recipe, held_pictures(self.folder, recipe)), settings or {})
        parts = codec.read(recipe.data, recipe.seed, True, recipe.training.patience is not None)
        self._must_be_unchanged(parts)
        return parts

    def _must_be_unchanged(self, parts: Mapping[str, Part]) -> None:
        if self.folder.read("recipe.json").get("fingerprint") != fingerprint(parts):
            source = self.recipe.data.source
            raise UserError(
                f"{self.path}: the data behind data={source} has changed since the run began, so its test part may "
                f"hold what was learnt from; put the data back, or say data={source} to score on all of it as it is now"
            )


def _unknown(codec: Codec, name: str, part: Part) -> list[str]:
    """How much of a text the vocabulary does not know: a perplexity over unknown tokens tells little."""
    if isinstance(codec, LanguageCodec) and isinstance(part, LanguagePart):
        return notes({name: part}, codec.vocabulary)
    return []


def _as_the_network_takes_it(codec: Codec) -> dict[str, Any]:
    """Settings by which other data is read as the network knows it: the column that it predicts, no groups of rows, and
    the side of square pictures, which are then of any size."""
    found: dict[str, Any] = {}
    if isinstance(codec, ExampleCodec) and codec.target:
        found = {"target": codec.target, "data.group": None}
    prepared = getattr(codec, "preparation", None)
    if isinstance(prepared, PicturePreparation) and len(set(prepared.size)) == 1:
        found["data.size"] = prepared.size[0]
    return found


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


def load(path: str | Path) -> Run:
    """The run in a folder. Raises UserError if it is none."""
    return Run(path)


def train(system: str, *, run: str | Path | None = None, **settings: Any) -> Run:
    """Train a system to the end.

    Args:
        system: its name, as in ``flori list``.
        run: the folder to write; without it ``runs/SYSTEM-N``.
        settings: values of the recipe, as in ``epochs=10`` or ``**{"model.activation": "tanh"}``.

    Under torchrun all its workers are to call it, and train together.

    Raises UserError for settings or data that are wrong, Interrupted after Ctrl-C, once all is saved.
    """
    recipe = apply_values(find(system), settings)
    with joined(recipe.device, recipe.parallel.timeout), locked(recipe, run) as session:
        for _ in stoppable(session):
            pass
        session.finish()
    return Run(session.folder.path)


def steps(system: str, *, run: str | Path | None = None, **settings: Any) -> Iterator[Report]:
    """As `train`, but step by step: yields a Report after each; leaving the ``for`` stops and saves the run."""
    recipe = apply_values(find(system), settings)
    with joined(recipe.device, recipe.parallel.timeout), locked(recipe, run) as session:
        yield from session.reports()
        session.finish()


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
    with RunFolder.open(path, ranks.first).lock(_patience(recipe)):
        ranks.gathered("the folder is ours")
        yield go_on(path)


def _patience(recipe: Recipe) -> float:
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
            with folder.lock(_patience(recipe)):
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
    lacking = [str(path) for path in inputs if not path_of(path).exists()]
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
    return replace(recipe, {name: _whole(text) for name, text in paths.items() if text is not None})


def _whole(text: str) -> str:
    """A path from the root on; a name of a set, and what leads nowhere, as it is."""
    with contextlib.suppress(OSError):  # reading it says what is wrong
        if text not in NAMED and path_of(text).exists():
            return str(path_of(text).absolute())
    return text


def stoppable(session: Session) -> Generator[Report, None, None]:
    """The session's reports until the end, or until SIGINT or SIGTERM: then the step is finished, everything
    saved, and Interrupted raised with the command that goes on. Closing the iterator saves too."""
    with _asked_to_stop() as asked, contextlib.closing(session.reports()) as reports:
        for report in reports:
            yield report
            if asked.is_set() and not session.run.ranks.alone:
                session.agreement.ask_to_stop()
            elif asked.is_set() and report.step < report.steps:
                reports.close()
                raise session.interruption()


@contextmanager
def _asked_to_stop() -> Iterator[threading.Event]:
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.signal(number, lambda *_: asked.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        if asked.is_set():
            told_to_end.set()
        for number, handler in before.items():
            signal.signal(number, handler)
