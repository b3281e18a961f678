"""The model folder: enough to predict without the choices of training. A folder → a predictor."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from flori import models
from flori.artifacts.writing import folder_aside, put, write_json
from flori.core.device import choose_device, multiplies_bfloat16, parameter_type
from flori.core.errors import Fault, Faults, UserError
from flori.core.paths import path_of
from flori.data import pictures
from flori.data.batches import Batches
from flori.data.columns import TABLE_ENDINGS
from flori.data.examples import Part
from flori.data.picture_files import PictureFiles, taken, together
from flori.data.preparation import PicturePreparation, TablePreparation
from flori.data.preparing import Codec
from flori.data.progress import each_picture
from flori.prediction import classification, regression
from flori.prediction.mirrored import BothWays
from flori.prediction.outputs import outputs

BATCH, NUMBERS = 1000, 1 << 23  # examples, and numbers in their inputs, of a batch at most
DAMAGE = (OSError, LookupError, TypeError, AttributeError, ValueError, RuntimeError, SafetensorError)
WEIGHTS, RECIPE, CODEC, SCORES = "model.safetensors", "recipe.json", "preprocessing.json", "scores.json"


@dataclass(frozen=True)
class Predictor:
    """A trained network with all that leads from files to answers."""

    system: str
    codec: Codec
    model: nn.Module
    device: torch.device
    precision: str

    @staticmethod
    def load(folder: Path, device: str = "auto") -> Predictor:
        """The predictor in a model folder. Raises UserError if it is not whole."""
        recipe, state = _read(folder, RECIPE), _read(folder, CODEC)
        try:
            codec = Codec.restore(state)
            options = {name: _plain(value) for name, value in recipe["options"].items()}
            model = models.build(recipe["system"], codec.outputs, codec.shape, options)
            place, precision = choose_device(device), recipe["precision"]
            model.to(parameter_type(precision))
            model.load_state_dict(safetensors.torch.load((folder / WEIGHTS).read_bytes()))
        except DAMAGE as problem:
            raise UserError(f"{folder} does not hold a whole model: {problem}") from None
        if precision == "bfloat16" and not multiplies_bfloat16(place):
            precision = "float32"
        model.to(place).to(memory_format=torch.channels_last)  # as in training: the same answers to the last bit
        return Predictor(recipe["system"], codec, model.eval(), place, precision)

    def save(self, folder: Path, options: dict[str, Any], scores: dict[str, Any]) -> None:
        """Write the model folder, whole or not at all."""
        recipe = {"system": self.system, "options": options, "precision": self.precision}
        weights = {name: t.detach().cpu().contiguous() for name, t in self.model.state_dict().items()}
        with folder_aside(folder) as aside:
            put(aside / WEIGHTS, safetensors.torch.save(weights))
            for name, document in ((RECIPE, recipe), (CODEC, self.codec.state()), (SCORES, scores)):
                write_json(aside / name, document)

    def both_ways(self) -> Predictor:
        """The same with test-time flip: probabilities are the mean over each picture and its mirror image.

        Raises UserError unless it classifies pictures.
        """
        if not isinstance(self.codec.preparation, PicturePreparation):
            raise UserError(
                "flip averages over mirror images, which pictures have; this network was trained on a table"
            )
        return replace(self, model=BothWays(self.model))

    def outputs(self, part: Part) -> Tensor:
        """The network's outputs for prepared examples, [N, K] or [N]."""
        dtype = parameter_type(self.precision)
        size = max(1, min(BATCH, NUMBERS // math.prod(self.codec.shape)))
        batches = Batches.of(part, size, self.codec.preparation, self.device, dtype)
        return outputs(self.model, batches.in_order(), self.device, self.precision).cpu()

    def answers(self, found: Tensor) -> list[dict[str, Any]]:
        """Outputs → what they say: labels with probabilities, or numbers."""
        if self.codec.task == "classification":
            return classification.answers(found, self.codec.labels)
        return regression.answers(found, self.codec.scale)

    def predict(self, inputs: Sequence[str | Path], skipped: list[Fault] | None = None) -> list[dict[str, Any]]:
        """Answers for files and folders of pictures, or for every row of tables.

        Args:
            skipped: takes what is wrong with pictures, which are left out then.

        Raises UserError listing every input that cannot be read.
        """
        if not inputs:
            raise UserError("nothing to predict: name pictures, folders of pictures, or tables")
        paths = [path_of(item) for item in inputs]
        if isinstance(self.codec.preparation, PicturePreparation):
            names, examples = self._read_pictures(paths, self.codec.preparation, skipped)
        else:
            names, examples = self._read_tables(paths, self.codec.preparation)
        part = Part(examples, torch.zeros(len(names)), names)
        answers = self.answers(self.outputs(part))
        return [{"input": name, **answer} for name, answer in zip(names, answers, strict=True)]

    def _read_pictures(
        self, paths: list[Path], prepared: PicturePreparation, skipped: list[Fault] | None
    ) -> tuple[list[str], Tensor | PictureFiles]:
        """Names and pictures; where they are many, they are left on disk."""
        files, faults = pictures.listed(paths), Faults()
        held, good = len(files) <= BATCH, []
        for path, found in each_picture(files, lambda path: taken(path, prepared.channels, prepared.size, held)):
            if isinstance(found, Fault):
                faults.found.append(found)
            else:
                good.append((str(path), found))
        if skipped is None:
            faults.stop_if_any("the input", "--skip-bad leaves the bad ones out." if good else "")
        else:
            skipped += faults.found
        if not good:
            raise UserError(f"{', '.join(map(str, paths))}: no picture is in there")
        return [name for name, _ in good], together([found for _, found in good], prepared.size)

    def _read_tables(self, paths: list[Path], prepared: TablePreparation) -> tuple[list[str], Tensor]:
        kinds = {column.name: column.kind for column in prepared.columns}
        from flori.data.tables import read_rows  # brings pandas, which pictures do not wait for

        names, blocks = [], []
        for path in paths:
            if path.is_file() and path.suffix.lower() not in TABLE_ENDINGS:
                raise UserError(f"{path} is no table; the network takes {', '.join(sorted(TABLE_ENDINGS))}")
            rows = read_rows(path, kinds, self.codec.encoding)
            names += rows.names
            blocks.append(prepared.apply(rows))
        return names, torch.cat(blocks)


def _read(folder: Path, name: str) -> dict[str, Any]:
    try:
        document = json.loads((folder / name).read_bytes())
    except (OSError, ValueError) as problem:
        raise UserError(f"{folder / name} cannot be read: {problem}") from None
    if not isinstance(document, dict):
        raise UserError(f"{folder / name} is not what flori writes there")
    return document


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
