"""Examples as read → parts to learn from, with the codec that leads from inputs to tensors and back to answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch

from flori.core.errors import Fault, UserError
from flori.core.recipe import Data
from flori.data import named, preparation, tables
from flori.data.examples import Part, Pictures, PictureSet, Rows, TableSet
from flori.data.pictures import resize
from flori.data.preparation import PicturePreparation, Scale, TablePreparation
from flori.data.sources import RawSet, divide


@dataclass(frozen=True)
class Codec:
    """How inputs become tensors and outputs become answers: saved with the model, all that predicting needs.

    `labels` are the classes of a classification, `scale` the units of a regression.
    """

    task: str
    preparation: PicturePreparation | TablePreparation
    labels: list[str] = field(default_factory=list)
    scale: Scale = field(default_factory=lambda: Scale("none"))
    target: str = ""
    encoding: str = "utf-8"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one input: (C, H, W) or (D,)."""
        return self.preparation.shape

    @property
    def outputs(self) -> int:
        """How many numbers the network gives for one input."""
        return len(self.labels) if self.task == "classification" else 1

    def state(self) -> dict[str, Any]:
        return {**asdict(self), "preparation": self.preparation.state()}

    @staticmethod
    def restore(state: dict[str, Any]) -> Codec:
        scale, prepared = Scale(**state["scale"]), preparation.restore(state["preparation"])
        return Codec(**{**state, "scale": scale, "preparation": prepared})

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
            raise UserError(f"{source}: pictures of {pictures.images.shape[1]} channels, the network takes {prepared.channels}; data.channels={prepared.channels} converts them")
        number = torch.tensor([self.labels.index(label) for label in labels])
        return Part(resize(pictures.images, prepared.size), number[pictures.targets], pictures.names)

    def _encode_rows(self, rows: Rows, source: str) -> Part:
        if not isinstance(self.preparation, TablePreparation):
            raise UserError(f"{source} is a table, but the network was trained on pictures")
        inputs, column = self.preparation.apply(rows), rows.frame[self.target]
        if self.task == "regression":
            return Part(inputs, self.scale.apply(_numbers(column, rows, self.scale, source)), rows.names)
        classes = tables.as_classes(column)
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


@dataclass(frozen=True)
class Prepared:
    """All parts of a set, ready, with the codec; and what was left out of it."""

    parts: dict[str, Part]
    codec: Codec
    skipped: list[Fault]
    notes: list[str]

    @property
    def judged(self) -> str:
        """The part that scores are watched on: ``valid`` where there is one, else ``test``."""
        return "valid" if "valid" in self.parts else "test"


def prepare(
    raw: RawSet, options: Data, tasks: tuple[str, ...], task: str, seed: int, needs_valid: bool, size: int | None
) -> Prepared:
    """Divide a set, fit the codec on its training part alone, and encode every part.

    Args:
        tasks: what the system can learn; task: what is wanted, ``auto`` for what the data says.
        size: the height and width that the system wants of pictures; None takes them as they are.
    """
    task = _task(raw, tasks, task, options.source)
    try:
        raw = divide(raw, options, task, seed, needs_valid)
        codec = _fit(raw, options, task, size)
    except UserError as problem:
        raise UserError(f"{options.source}: {problem}") from None
    parts = {part: codec.encode(raw, part, options.source) for part in raw.parts}
    notes = [] if isinstance(raw, PictureSet) else raw.notes
    return Prepared(parts, codec, raw.skipped, notes)


def _task(raw: RawSet, tasks: tuple[str, ...], wanted: str, source: str) -> str:
    if wanted != "auto" and wanted not in tasks:
        raise UserError(f"task={wanted}: this system does {' and '.join(tasks)} only")
    if isinstance(raw, PictureSet):
        if "classification" not in tasks or wanted == "regression":
            raise UserError(f"{source} holds pictures by class; regression takes a table with a column of numbers")
        return "classification"
    column = raw.parts["train"].frame[raw.target]
    task = tables.guess_task(column) if wanted == "auto" and len(tasks) > 1 else wanted
    task = tasks[0] if task == "auto" else task
    if task == "regression" and column.dtype == object:
        raise UserError(f"{source}: the target {raw.target!r} is text, such as {column.iloc[0]!r}; a regression needs numbers. A classification takes it: softmax-regression or mlp")
    classes = column.nunique()
    if task == "classification" and column.dtype != object and tables.guess_task(column) == "regression" and wanted == "auto":
        raise UserError(f"{source}: the target {raw.target!r} takes {classes:,} different numbers, which is a regression: linear-regression or mlp learn it; task=classification reads each number as a class")
    if classes < 2:
        raise UserError(f"{source}: the target {raw.target!r} has one value only ({column.iloc[0]}): there is nothing to learn")
    return task


def _fit(raw: RawSet, options: Data, task: str, size: int | None) -> Codec:
    train = raw.parts["train"]
    if isinstance(raw, PictureSet):
        assert isinstance(train, Pictures)
        images = train.images if size is None else resize(train.images, (size, size))
        return Codec(task, PicturePreparation.fit(images), raw.labels)
    assert isinstance(train, Rows)
    column = train.frame[raw.target]
    prepared = TablePreparation.fit(train.frame.drop(columns=raw.target))
    common = {"preparation": prepared, "target": raw.target, "encoding": options.encoding}
    if task == "classification":
        every = {label for rows in raw.parts.values() for label in tables.as_classes(rows.frame[raw.target])}
        return Codec(task, labels=sorted(every), **common)
    return Codec(task, scale=Scale.fit(_scale(options), column.to_numpy("float64")), **common)


def _scale(options: Data) -> str:
    if options.scale != "auto":
        return options.scale
    known = named.NAMED.get(options.source)
    return known.scale if known else "standard"


