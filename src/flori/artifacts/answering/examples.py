"""Answers for pictures and for rows of tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from flori.core.errors import Fault, Faults, UserError
from flori.core.paths import is_address
from flori.data import fetching, pictures
from flori.data.columns import TABLE_ENDINGS
from flori.data.examples import Part
from flori.data.picture_files import PictureFiles, taken, together
from flori.data.preparation import PicturePreparation, TablePreparation
from flori.data.preparing import ExampleCodec
from flori.data.progress import each_picture
from flori.prediction import classification, regression
from flori.prediction.wishes import Wishes

if TYPE_CHECKING:
    from flori.artifacts.predictor import Predictor

MOST_HELD = 1000  # pictures; more are left on disk


def answers(predictor: Predictor, inputs: Sequence[str | Path], wishes: Wishes) -> list[dict[str, Any]]:
    """A label with probabilities, or a number, for each picture of files and folders, or for each row of tables."""
    codec = predictor.codec
    assert isinstance(codec, ExampleCodec)
    paths = [fetching.local(item) for item in inputs]
    named: list[dict[str, str]] = []
    if isinstance(codec.preparation, PicturePreparation):
        names, examples = _read_pictures(paths, codec.preparation, wishes.skipped)
    else:
        names, named, examples = _read_tables(paths, codec, codec.preparation)
    found = predictor.outputs(Part(examples, torch.zeros(len(names)), names))
    if codec.task == "classification":
        said = classification.answers(found, codec.labels)
    else:
        said = regression.answers(found, codec.scale)
    named = named or [{}] * len(names)
    names = [_as_given(name, inputs) for name in names]
    return [{"input": name, **own, **answer} for name, own, answer in zip(names, named, said, strict=True)]


def _as_given(name: str, inputs: Sequence[str | Path]) -> str:
    """The name of an input, with the address that was given in place of where it was fetched to."""
    for given in filter(is_address, inputs):
        name = fetching.shown(name, str(given))
    return name


def _read_pictures(
    paths: list[Path], prepared: PicturePreparation, skipped: list[Fault] | None
) -> tuple[list[str], Tensor | PictureFiles]:
    """Names and pictures; where they are many, they are left on disk."""
    files, faults = pictures.listed(paths), Faults()
    held, good = len(files) <= MOST_HELD, []
    for path, found in each_picture(files, lambda path: taken(path, prepared.channels, prepared.size, held)):
        if isinstance(found, str):
            faults.add(pictures.shown(path), found)
        else:
            good.append((path, found))
    if skipped is None:
        faults.stop_if_any("the input", "--skip-bad leaves the bad ones out." if good else "")
    else:
        skipped += faults.found
    if not good:
        raise UserError(f"{', '.join(map(str, paths))}: no picture is in there")
    return [str(path) for path, _ in good], together(
        [path for path, _ in good], [found for _, found in good], prepared.size
    )


def _read_tables(
    paths: list[Path], codec: ExampleCodec, prepared: TablePreparation
) -> tuple[list[str], list[dict[str, str]], Tensor]:
    """File and line of each row, what the table itself calls it if it does (``{"id": …}``), and its features."""
    kinds = {column.name: column.kind for column in prepared.columns}
    from flori.data.tables import read_rows  # brings pandas, which pictures do not wait for

    names, named, blocks = [], [], []
    for path in paths:
        if path.is_file() and path.suffix.lower() not in TABLE_ENDINGS:
            raise UserError(f"{path} is no table; the network takes {', '.join(sorted(TABLE_ENDINGS))}")
        rows = read_rows(path, {codec.identifier: "category", **kinds}, codec.encoding)
        names += rows.names
        if codec.identifier in rows.frame:
            named += [{"id": cell or ""} for cell in rows.frame[codec.identifier]]
        else:
            named += [{}] * len(rows)
        blocks.append(prepared.apply(rows))
    return names, named, torch.cat(blocks)
