"""A run as users hold it: trained, loaded, evaluated, predicted with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from flori.artifacts.predictor import Predictor
from flori.artifacts.run_folder import RunFolder
from flori.core.errors import UserError
from flori.core.overrides import apply_values
from flori.core.ranks import joined
from flori.core.recipe import Recipe, replace
from flori.data.codec import Codec, Part, fingerprint
from flori.data.language import LanguageCodec, LanguagePart, notes
from flori.data.preparation import PicturePreparation
from flori.data.preparing import ExampleCodec
from flori.prediction.wishes import Wishes
from flori.recipes.beginning import held_pictures, locked, recorded_recipe, whole_path
from flori.recipes.catalogue import find
from flori.recipes.stating import Report
from flori.recipes.stopping import stoppable
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
        if data is not None and len(parts) == 1 and whole_path(data) == self.recipe.data.source:
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
