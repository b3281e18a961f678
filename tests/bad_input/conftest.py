"""What the battery shares: two trained runs, and signal handlers put back."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bad_input.asking import flori
from tests.bad_input.making import GOOD_ROWS, classes


@pytest.fixture(autouse=True)
def same_signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a trained run of lenet (`pictures`) and one of linear-regression (`table`)."""
    home = tmp_path_factory.mktemp("runs")
    classes(home / "photos")
    (home / "rows.csv").write_text(GOOD_ROWS)
    for name, words in {
        "pictures": ("lenet", f"data={home / 'photos'}", "epochs=1", "device=cpu"),
        "table": ("linear-regression", f"data={home / 'rows.csv'}", "target=y", "epochs=1"),
    }.items():
        answer = flori("train", *words, "--run", str(home / name), "--quiet")
        assert answer.exit_code == 0, answer.output
    return home
