"""Pictures and tables as read → parts to learn from, with the codec that leads from inputs to tensors and back."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from flori.core.errors import UserError
from flori.core.recipe import Data, Recipe
from flori.data import named, preparation, sources
from flori.data.batches import Batches
from flori.data.codec import Prepared
from flori.data.columns import as_classes, guess_task, useful
from flori.data.dividing import seed_of
from flori.data.examples import Part, Pictures, PictureSet, Rows, TableSet
from flori.data.picture_files import resized
from flori.data.preparation import PicturePreparation, Scale, TablePreparation
from flori.data.shares import WHOLE, Share
from flori.data.sources import RawSet, divide, resampled

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ExampleCodec:
    """How inputs become tensors and outputs become answers: saved with the model, all that predicting needs.

    `labels` are the classes of a classification, `scale` the units of a regression; `identifier` is the column of a
    table that names its rows, if one does.
    """

    task: str
    preparation: PicturePreparation | TablePreparation
    labels: list[str] = field(default_factory=list)
    scale: Scale = field(default_factory=lambda: Scale("none"))
    target: str = ""
    encoding: str = "utf-8"
    identifier: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one input: (C, H, W) or (D,)."""
        return self.preparation.shape

    @property
    def outputs(self) -> int:
        """How many numbers the network gives for one input."""
        return len(self.labels) if self.task == "classification" else 1

    @property
    def sizes(self) -> tuple[int, tuple[int, ...]]:
        """Outputs, and the shape of one input."""
        return self.outputs, self.shape

    @property
    def numbers(self) -> int:
        """How many numbers one input is of."""
        return math.prod(self.shape)

    @property
    def described(self) -> str:
        return f"examples of {'×'.join(map(str, self.shape))}"

    def sample(self) -> tuple[torch.Tensor]:
        return (torch.zeros(1, *self.shape),)

    @property
    def example(self) -> str:
        return "PICTURE.png" if len(self.shape) == 3 else "ROWS.csv"

    def state(self) -> dict[str, Any]:
        return {**asdict(self), "preparation": self.preparation.state()}

    @staticmethod
    def restore(state: dict[str, Any]) -> ExampleCodec:
        scale, prepared = Scale(**state["scale"]), preparation.restore(state["preparation"])
        return ExampleCodec(**{**state, "scale": scale, "preparation": prepared})

    def read(self, options: Data, seed: int, divided: bool, needs_valid: bool = False) -> dict[str, Part]:
        """The parts of a set, prepared as the training part was. Raises UserError where they do not fit."""
        raw = sources.read(options)
        if divided:
            raw = resampled(divide(raw, options, self.task, seed, needs_valid), options, seed)
        return {part: self.encode(raw, part, options.source) for part in raw.parts}

    def batches(
        self,
        part: Part,
        size: int,
        device: torch.device,
        dtype: torch.dtype,
        seed: int = 0,
        options: Data | None = None,
        share: Share = WHOLE,
    ) -> Batches:
        """A part in batches of `size` examples; without `options` nothing is augmented."""
        return Batches.of(part, size, self.preparation, device, dtype, seed, options, share)

    def encode(self, raw: RawSet, part: str, source: str) -> Part:
        """One part of a set, prepared as the training part was. Raises UserError where it does not fit."""
        examples = raw.parts[part]
        if isinstance(examples, Pictures):
            assert isinstance(raw, PictureSet)
            return self._encode_pictures(examples, raw.labels, source)
        assert isinstance(examples, Rows) and isinstance(raw, TableSet)
        if self.target not in ("", raw.target):
            raise UserError(f"{source}: target={raw.target}, but the network predicts {self.target!r}")
        return self._encode_rows(examples, source)

    def _encode_pictures(self, pictures: Pictures, labels: list[str], source: str) -> Part:
        prepared = self.preparation
        if not isinstance(prepared, PicturePreparation):
            raise UserError(f"{source} holds pictures, but the network was trained on a table")
        unknown = sorted(set(labels) - set(self.labels))
        if unknown:
            raise UserError(f"{source} has classes that the network does not know: {', '.join(unknown)}")
        if pictures.images.shape[1] != prepared.channels:
            found, wanted = pictures.images.shape[1], prepared.channels
            hint = f"data.channels={wanted} converts them"
            raise UserError(f"{source}: pictures of {found} channels, the network takes {wanted}; {hint}")
        number = torch.tensor([self.labels.index(label) for label in labels])
        return Part(resized(pictures.images, prepared.size), number[pictures.targets], pictures.names)

    def _encode_rows(self, rows: Rows, source: str) -> Part:
        if not isinstance(self.preparation, TablePreparation):
            raise UserError(f"{source} is a table, but the network was trained on pictures")
        inputs, column = self.preparation.apply(rows), rows.frame[self.target]
        if self.task == "regression":
            return Part(inputs, self.scale.apply(_numbers(column, rows, self.scale, source)), rows.names)
        classes = as_classes(column)
        unknown = sorted(set(classes) - set(self.labels))
        if unknown:
            raise UserError(f"{source} has classes that the network does not know: {', '.join(unknown)}")
        number = {label: i for i, label in enumerate(self.labels)}
        return Part(inputs, torch.tensor([number[label] for label in classes]), rows.names)


def _numbers(column: pd.Series, rows: Rows, scale: Scale, source: str) -> np.ndarray:
    if column.dtype == object:
        text = f"the target {column.name!r} is text, such as {column.iloc[0]!r}"
        raise UserError(f"{source}: {text}; the network predicts numbers")
    numbers = column.to_numpy("float64")
    if scale.kind == "log" and (numbers <= -1).any():
        first = int((numbers <= -1).argmax())
        what = f"{numbers[first]:g} in the target {column.name!r} is not above −1"
        raise UserError(f"{rows.names[first]}: {what}, as data.scale=log needs")
    return numbers


def read_set(options: Data) -> RawSet:
    """The pictures or rows behind ``data=``, by part."""
    return sources.read(options)


def prepare(recipe: Recipe) -> Prepared:
    """Read and divide the set of a recipe, fit the codec on its training part alone, and encode every part."""
    options: Data = recipe.data
    raw = read_set(options)
    if isinstance(raw, PictureSet) and options.target not in (None, raw.target):
        raise UserError(
            f"target={options.target} is for tables; {options.source} holds pictures, whose folders say the class"
        )
    task = _task(raw, recipe.tasks, recipe.task, options.source)
    try:
        raw = divide(raw, options, task, recipe.seed, recipe.training.patience is not None)
        codec, notes = _fit(raw, options, task, options.size or recipe.input_size, seed_of(options, recipe.seed))
    except UserError as problem:
        raise UserError(f"{options.source}: {problem}") from None
    raw = resampled(raw, options, recipe.seed)
    parts = {part: codec.encode(raw, part, options.source) for part in raw.parts}
    return Prepared(parts, codec, raw.skipped, notes)


def _task(raw: RawSet, tasks: tuple[str, ...], wanted: str, source: str) -> str:
    """What is to be learnt. Raises UserError where system, wish and data do not agree."""
    if isinstance(raw, PictureSet):
        if "classification" not in tasks or wanted == "regression":
            raise UserError(f"{source} holds pictures by class; regression takes a table with a column of numbers")
        return "classification"
    column, target = raw.parts["train"].frame[raw.target], f"{source}: the target {raw.target!r}"
    if column.nunique() < 2:
        raise UserError(f"{target} has one value only ({column.iloc[0]}): there is nothing to learn")
    said = guess_task(column)
    task = wanted if wanted != "auto" else said if said in tasks else tasks[0]
    if task == "regression" and column.dtype == object:
        hint = "softmax-regression and mlp take it as a class"
        raise UserError(f"{target} is text, such as {column.iloc[0]!r}; a regression needs numbers: {hint}")
    if task == "classification" and said == "regression" and wanted == "auto":
        hint = "linear-regression and mlp learn it; task=classification reads each number as a class"
        raise UserError(f"{target} takes {column.nunique():,} different numbers, which is a regression: {hint}")
    return task


def _fit(raw: RawSet, options: Data, task: str, size: int | None, seed: int) -> tuple[ExampleCodec, list[str]]:
    """The codec of the training part, and notes on what is left out of it."""
    if isinstance(raw, PictureSet):
        images = raw.parts["train"].images
        images = images if size is None else resized(images, (size, size))
        return ExampleCodec(task, PicturePreparation.fit(images, seed), raw.labels), []
    from flori.data.identifiers import without_identifier  # brings pandas, which pictures do not wait for

    frame = raw.parts["train"].frame
    features = frame.drop(columns=[raw.target, *_group(options)])
    features, identifier, named_by = without_identifier(features, raw.identifier, options.categories)
    features, left_out = useful(features, options.categories)
    notes = named_by + left_out
    if not features.shape[1]:
        raise UserError(f"beside the target {raw.target!r} no column is left to learn from: {'; '.join(notes)}")
    codec = ExampleCodec(
        task,
        TablePreparation.fit(features, options.skewed == "log", options.clip),
        target=raw.target,
        encoding=options.encoding,
        identifier=identifier,
    )
    if task == "classification":
        every = {label for rows in raw.parts.values() for label in as_classes(rows.frame[raw.target])}
        return replace(codec, labels=sorted(every)), notes
    return replace(codec, scale=Scale.fit(_scale(options), frame[raw.target].to_numpy("float64"))), notes


def _group(options: Data) -> list[str]:
    return [] if options.group is None else [options.group]


def _scale(options: Data) -> str:
    if options.scale != "auto":
        return options.scale
    known = named.NAMED.get(options.source)
    return known.scale if known else "standard"
