"""A run's folder or a file of weights → tensors by name, with what is known of the pictures that they learnt from.

Files are read as data only: nothing in them is ever executed.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError  # the name of a fault alone: nothing is ever unpickled but by torch's weights_only
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from flori.artifacts.predictor import CODEC, DAMAGE, RECIPE, WEIGHTS
from flori.core.errors import UserError
from flori.core.paths import path_of
from flori.data import families
from flori.data.preparation import PicturePreparation
from flori.data.vocabulary import Vocabulary, vocabularies

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALVES = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
STANDARDISED = {"googlenet": HALVES, "inception-v3": HALVES}
"""The mean and deviation that torchvision's weights want; those of all others are ImageNet's. Inception's were trained
on values from −1 to 1, and torchvision's networks bring them there themselves (``transform_input``)."""
PICKLED = (".pth", ".pt", ".bin")
NESTED = ("state_dict", "model_state_dict", "model")
PREFIXES = ("module.", "model.", "_orig_mod.")


@dataclass(frozen=True)
class Weights:
    """Tensors by name; the class of each row of the heads, [] where not known; the mean and deviation of each channel
    by which pictures were standardised, () where there were none; the features that a table gave. Of a run also its
    `system` and the `options` of its network, and of text the vocabularies by name."""

    tensors: dict[str, Tensor]
    labels: list[str] = field(default_factory=list)
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    features: list[str] = field(default_factory=list)
    system: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    vocabularies: dict[str, Vocabulary] = field(default_factory=dict)


def read_weights(source: str, system: str) -> Weights:
    """The weights that ``init=source`` names for a system: a run's folder, its model folder, or a file.

    A file that is no run's is taken for one of torchvision's, with ImageNet's classes where it has as many rows.
    Raises UserError for whatever is neither.
    """
    path = path_of(source)
    try:
        folder = _model_folder(path)
        tensors = _tensors(path if folder is None else folder / WEIGHTS)
    except (OSError, _Unfit) as problem:
        raise UserError(f"init={source}: {_why(problem)}") from None
    if folder is not None:
        return _of_run(folder, tensors)
    from torchvision.models import ResNet18_Weights

    mean, std = STANDARDISED.get(system, IMAGENET)
    return Weights(tensors, ResNet18_Weights.DEFAULT.meta["categories"], mean, std)


class _Unfit(Exception):
    """What is wrong with the source, without its name."""


def _why(problem: Exception) -> str:
    if isinstance(problem, OSError):
        return f"cannot be read: {problem.strerror or problem}"
    return str(problem)


def _model_folder(path: Path) -> Path | None:
    """The model folder of a run that a path leads to, None for another file."""
    if path.is_dir():
        for folder in (path / "model", path):
            if (folder / WEIGHTS).is_file() and (folder / CODEC).is_file():
                return folder
        if (path / RECIPE).is_file():
            raise _Unfit(f"the run holds no model yet; flori resume {path} trains it")
        raise _Unfit(f"is no run: a run's folder holds model/{WEIGHTS}")
    if not path.exists():
        raise _Unfit("no such file or folder; name a run's folder, or a .safetensors or .pth file of weights")
    return path.parent if path.name == WEIGHTS and (path.parent / CODEC).is_file() else None


def _of_run(folder: Path, tensors: dict[str, Tensor]) -> Weights:
    """The weights of a run, with its classes and how it standardised."""
    try:
        file = folder / CODEC
        codec = families.restore(json.loads(file.read_bytes()))
        file = folder / RECIPE
        made_by = json.loads(file.read_bytes())
        made = {"system": made_by["system"], "options": dict(made_by["options"])}
        members = made_by.get("members")
    except DAMAGE as problem:
        raise UserError(f"{file} is not what flori writes there: {problem}") from None
    if members:
        raise UserError(
            f"init={folder.parent}: an ensemble of {members}; name one of them, as {folder.parent}/member-1"
        )
    prepared = getattr(codec, "preparation", None)
    if isinstance(prepared, PicturePreparation):
        return Weights(tensors, codec.labels, prepared.mean, prepared.std, **made)
    return Weights(
        tensors,
        codec.labels,
        features=getattr(prepared, "features", []),
        vocabularies=vocabularies(codec),
        **made,
    )


def _tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name. Raises _Unfit for one that holds anything else."""
    if path.suffix == ".safetensors":
        found: Any = _safe(path)
    elif path.suffix in PICKLED:
        found = _pickled(path)
    else:
        raise _Unfit(f"is no file of weights by its name: .safetensors, {', '.join(PICKLED)}")
    return _checked(_without_prefixes(_state_dict(found)))


def _safe(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except SafetensorError as problem:
        raise _Unfit(f"is no whole .safetensors file: {problem}") from None


def _pickled(path: Path) -> Any:
    try:
        with warnings.catch_warnings(action="ignore"):
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as problem:  # a damaged pickle can raise anything
        known = isinstance(problem, RuntimeError | UnpicklingError) and str(problem)
        first = str(problem).splitlines()[0] if known else "it cannot be unpacked"
        hint = "save the network's state_dict() rather than the network"
        raise _Unfit(
            f"is no whole file of tensors alone, and nothing else in it is ever run ({first}); {hint}"
        ) from None


def _state_dict(found: Any) -> Mapping[str, Any]:
    """The dictionary of tensors, be it within another one that training scripts write."""
    for key in NESTED:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping):
        raise _Unfit(f"holds no dictionary of tensors by name, but {_kind(found)}")
    return found


def _without_prefixes(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Names without what wrappers of networks put before all of them."""
    while found:
        prefix = next((p for p in PREFIXES if all(str(name).startswith(p) for name in found)), None)
        if prefix is None:
            break
        found = {name.removeprefix(prefix): t for name, t in found.items()}
    return found


def _checked(found: Mapping[str, Any]) -> dict[str, Tensor]:
    """Plain tensors of finite numbers, and nothing else."""
    if not found:
        raise _Unfit("holds no weights at all")
    for name, tensor in found.items():
        if not isinstance(name, str) or not isinstance(tensor, Tensor):
            raise _Unfit(f"holds no dictionary of tensors by name: {name!r} is {_kind(tensor)}")
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex() or tensor.is_meta:
            raise _Unfit(f"{name} is no tensor of plain numbers")
        # torch cannot ask numbers of one byte whether they are finite
        if not (tensor if tensor.itemsize > 1 else tensor.float()).isfinite().all():
            raise _Unfit(f"{name} holds numbers that are infinite or none")
    return {name: tensor.detach() for name, tensor in found.items()}


def _kind(thing: Any) -> str:
    return f"of the type {type(thing).__name__}"
