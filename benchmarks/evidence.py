"""Makes the runs that the recipes state, and writes what they reached into src/flori/recipes/evidence.json.

    FLORI_DATA=… python benchmarks/evidence.py [SYSTEM …]

Each run is the command as a user types it, as a process of its own, into a folder that is thrown away.
"""

from __future__ import annotations

import datetime
import json
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HOME = Path(__file__).parent.parent / "src" / "flori" / "recipes" / "evidence.json"
COMMANDS = {
    "linear-regression": [
        *("", "data=airfoil", "data=airfoil optimizer=closed-form"),
        "data=house-prices optimizer=closed-form training.weight_decay=0.03 data.skewed=log data.clip=3",
        "data=house-prices optimizer=fista training.l1=0.0025 data.skewed=log data.clip=3",
    ],
    "softmax-regression": ["", "data=penguins", "data=fashion-mnist"],
    "perceptron": ["", "data=penguins"],
    "mlp": ["", "data=fashion-mnist", "data=airfoil", "data=house-prices"],
    "nadaraya-watson": ["", "data=airfoil"],
    "lenet": ["", "data=fashion-mnist", "data=mnist", "data=fashion-mnist model.activation=sigmoid model.pool=average"],
    "ngram": [""],
    "bilstm-tagger": [""],
    **{system: [""] for system in ("rnn", "gru", "lstm")},
    "bilstm-classifier": ["epochs=3"],
    **{system: ["steps=700"] for system in ("seq2seq", "seq2seq-attention", "transformer")},
    "transformer-lm": ["steps=600"],
    "resnet-cifar": ["data=fashion-mnist epochs=15 data.shift=2"],
}


def processor() -> str:
    """The processor by name, and how many cores of it are ours."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{os.cpu_count()} cores of {names[0] if names else 'an unknown processor'}"


def made(system: str, settings: str) -> dict[str, object]:
    """Make one run, and say what it reached."""
    words = ["train", system, *shlex.split(settings)]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "flori", *words, "--run", f"{folder}/run", "--json"]
        summary = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return stated(words, summary)


def stated(words: list[str], summary: dict[str, Any]) -> dict[str, object]:
    """What a recipe states of a run: the words of its command, and what its summary says it reached."""
    return {
        "command": shlex.join(["flori", *words]),
        "data": summary["data"],
        "scores": summary["scores"]["test"],
        "parameters": summary["parameters"],
        "seconds": summary["seconds"],
        "machine": processor(),
        "date": datetime.date.today().isoformat(),
    }


def main() -> None:
    for system in sys.argv[1:] or COMMANDS:
        runs = [made(system, settings) for settings in COMMANDS[system]]
        for one in runs:
            print(one["command"], one["scores"], one["seconds"], flush=True)
        found = json.loads(HOME.read_text()) | {system: runs}  # read now: others may have written meanwhile
        HOME.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
