"""The model folder: enough to predict without the choices of training. A folder → a predictor."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from flori import models
from flori.artifacts.writing import folder_aside, put, write_json
from flori.core.device import choose_device, multiplies_bfloat16, parameter_type
from flori.core.errors import UserError
from flori.core.ranks import ALONE, Ranks
from flori.data import families
from flori.data.codec import Batches, Codec, Part
from flori.data.preparation import PicturePreparation
from flori.prediction.averaged import Averaged
from flori.prediction.mirrored import BothWays
from flori.prediction.outputs import outputs
from flori.prediction.wishes import Wishes

ANSWERING = {
    "ExampleCodec": "examples",
    "LanguageCodec": "language",
    "TranslationCodec": "translation",
    "TaggingCodec": "tagging",
    "TextCodec": "texts",
}
"""By the class of the codec: the module that reads inputs and answers."""
BATCH, NUMBERS = 1000, 1 << 23  # examples, and numbers in their inputs, of a batch at most
DAMAGE = (OSError, LookupError, TypeError, AttributeError, ValueError, RuntimeError, SafetensorError)
WEIGHTS, RECIPE, CODEC, SCORES = "model.safetensors", "recipe.json", "preprocessing.json", "scores.json"


@dataclass(frozen=True)
class Predictor:
    """A trained network with all that leads from files to answers; several `ranks` share what is to be judged."""

    system: str
    codec: Codec
    model: nn.Module
    device: torch.device
    precision: str
    ranks: Ranks = ALONE

    @staticmethod
    def load(folder: Path, device: str = "auto") -> Predictor:
        """The predictor in a model folder. Raises UserError if it is not whole."""
        recipe, state = _read(folder, RECIPE), _read(folder, CODEC)
        try:
            codec = families.restore(state)
            options = {name: _plain(value) for name, value in recipe["options"].items()}
            model = _built(recipe, codec, options)
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
        recipe: dict[str, Any] = {"system": self.system, "options": options, "precision": self.precision}
        if isinstance(self.model, Averaged):
            recipe["members"] = len(self.model.models)
        weights = {name: t.detach().cpu().contiguous() for name, t in self.model.state_dict().items()}
        with folder_aside(folder) as aside:
            put(aside / WEIGHTS, safetensors.torch.save(weights))
            for name, document in ((RECIPE, recipe), (CODEC, families.state(self.codec)), (SCORES, scores)):
                write_json(aside / name, document)

    def both_ways(self) -> Predictor:
        """The same with test-time flip: probabilities are the mean over each picture and its mirror image.

        Raises UserError unless it classifies pictures.
        """
        if not isinstance(getattr(self.codec, "preparation", None), PicturePreparation):
            raise UserError("flip averages over mirror images, which pictures have; this network takes none")
        return replace(self, model=BothWays(self.model))

    def outputs(self, part: Part) -> Tensor:
        """The network's outputs for prepared examples, [N, K] or [N]."""
        return outputs(self.model, self.in_order(part), self.device, self.precision, self.ranks).cpu()

    def in_order(self, part: Part) -> Iterator[Any]:
        """The batches of a part that are this rank's to judge."""
        return self.batches(part).in_order(self.ranks)

    def batches(self, part: Part) -> Batches:
        """The examples of a part in batches that are quick to judge and fit into memory."""
        size = max(1, min(BATCH, NUMBERS // self.codec.numbers))
        return self.codec.batches(part, size, self.device, parameter_type(self.precision))

    def predict(self, inputs: Sequence[str | Path], wishes: Wishes | None = None) -> list[dict[str, Any]]:
        """Answers for files and folders of pictures, for every row of tables, or for texts.

        Raises UserError listing every input that cannot be read.
        """
        if not inputs:
            raise UserError("nothing to predict: name pictures, folders of pictures, tables, or texts")
        answering = import_module(f"flori.artifacts.answering.{ANSWERING[type(self.codec).__name__]}")
        return answering.answers(self, inputs, wishes or Wishes())


def _built(recipe: dict[str, Any], codec: Codec, options: dict[str, Any]) -> nn.Module:
    """The network of a model folder, or as many of them as it is the mean of."""
    made = [models.build(recipe["system"], *codec.sizes, options) for _ in range(recipe.get("members", 1))]
    return Averaged(made, codec.task == "classification") if "members" in recipe else made[0]


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
