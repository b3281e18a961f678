"""The command line in this process, and what every refusal must look like."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from flori.cli.app import app


def flori(*words: str) -> Any:
    """The answer to ``flori …``: exit_code, stdout, stderr."""
    return CliRunner().invoke(app, list(words))


def assert_refused(answer: Any, *says: str) -> None:
    """Exit status 2, one message without a traceback, and in it all that it must name."""
    assert answer.exit_code == 2, answer.output
    assert "Traceback" not in answer.output
    assert answer.stderr.startswith("flori: ") and answer.stderr.count("flori: ") == 1, answer.stderr
    for word in says:
        assert word in answer.stderr, f"{word!r} is not in: {answer.stderr}"


def refused(system: str, *words: str, says: tuple[str, ...], run: str = "run") -> None:
    """``flori train`` refuses, and leaves no run folder behind."""
    before = sorted(Path.cwd().rglob("*"))
    assert_refused(flori("train", system, *words, "--run", run, "--quiet"), *says)
    assert sorted(Path.cwd().rglob("*")) == before


def trains(system: str, *words: str) -> tuple[dict[str, Any], str]:
    """``flori train`` for one epoch succeeds: summary.json, and what stood on standard error."""
    answer = flori("train", system, *words, "epochs=1", "device=cpu", "--run", "run", "--quiet")
    assert answer.exit_code == 0, answer.output
    return json.loads(Path("run/summary.json").read_text()), answer.stderr


def left_out(system: str, *words: str, faults: tuple[str, ...]) -> dict[str, Any]:
    """With data.on_bad=skip training succeeds; just these faults are in the summary and on standard error."""
    summary, said = trains(system, *words, "data.on_bad=skip")
    assert len(summary["skipped"]) == len(faults), summary["skipped"]
    for fault in faults:
        assert any(fault in line for line in summary["skipped"]), (fault, summary["skipped"])
        assert fault in said
    if len(faults) > 1:
        assert f"{len(faults)} faults" in said
    return summary
