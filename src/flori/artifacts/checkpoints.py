"""Checkpoints: ``checkpoints/step-NNNNNNNN/`` with tensors, counters, and a manifest of hashes.

A checkpoint is written aside and renamed when it is whole. The newest whole one counts; one that was cut
short or altered is noticed by its hashes, and the one before it is taken.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
from torch import Tensor

from flori.artifacts.writing import folder_aside, put

KEPT = 2
TENSORS, NUMBERS, MANIFEST = "state.safetensors", "state.json", "manifest.json"


@dataclass(frozen=True)
class Checkpoint:
    """The tensors and the counters of a state."""

    tensors: dict[str, Tensor]
    numbers: dict[str, Any]


def save(folder: Path, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> Path:
    """Write the checkpoint of ``numbers["step"]`` into `folder` and remove all but the newest two."""
    final = folder / f"step-{numbers['step']:08d}"
    files = {TENSORS: safetensors.torch.save(tensors), NUMBERS: json.dumps(numbers).encode()}
    manifest = {name: {"bytes": len(body), "sha256": _hash(body)} for name, body in files.items()}
    with folder_aside(final) as aside:
        for name, body in files.items():
            put(aside / name, body)
        put(aside / MANIFEST, json.dumps(manifest, indent=2))
    for old in _all(folder)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def load_newest(folder: Path) -> tuple[Checkpoint | None, list[str]]:
    """The newest whole checkpoint, or None where there is none, and a remark on each damaged one passed over."""
    remarks: list[str] = []
    for path in reversed(_all(folder)):
        try:
            return _load(path), remarks
        except (OSError, ValueError, KeyError, safetensors.SafetensorError) as problem:
            remarks.append(f"{path} is damaged ({problem}); the one before it is used")
    return None, remarks


def _load(path: Path) -> Checkpoint:
    manifest = json.loads((path / MANIFEST).read_bytes())
    bodies = {}
    for name in (TENSORS, NUMBERS):
        bodies[name] = (path / name).read_bytes()
        if _hash(bodies[name]) != manifest[name]["sha256"]:
            raise ValueError(f"{name} does not have the hash in its manifest")
    return Checkpoint(safetensors.torch.load(bodies[TENSORS]), json.loads(bodies[NUMBERS]))


def _all(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("step-*") if path.is_dir())


def _hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
