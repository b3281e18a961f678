"""What all tests share: few threads, no waiting for a display, folders of their own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)  # two workers of pytest share the cores


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test works in an empty folder: what it writes by default lands there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def real_data() -> Path:
    """The folder of real data sets; tests that need it say that they were skipped where there is none."""
    folder = os.environ.get("FLORI_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("FLORI_DATA is not set: no real data sets here")
    return Path(folder)
