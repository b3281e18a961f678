"""What the battery shares: trained runs, a cache of its own, and signal handlers put back."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bad_input.asking import flori
from tests.bad_input.making import GOOD_ROWS, SHORT, TINY, classes
from tests.contract import texts


@pytest.fixture(autouse=True)
def same_signals() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens that are made of texts are kept with the tests, and not in the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


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


@pytest.fixture(scope="session")
def text_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of three steps of each system of `SHORT`, by its name."""
    home = tmp_path_factory.mktemp("text_runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
        for system, (kind, words) in SHORT.items():
            source = f"data={texts.written(kind, home)}"
            length = () if system == "ngram" else ("steps=3",)
            answer = flori(
                "train", system, source, *words, *TINY[system], *length, "device=cpu", "--run", str(home / system), "-q"
            )
            assert answer.exit_code == 0, answer.output
    return home
