"""flori evaluate, flori predict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flori.cli.printing import print_json, print_table, scores_text
from flori.core.errors import UserError
from flori.core.paths import path_of


def evaluate_run(run: str, settings: list[str], as_json: bool) -> None:
    """Scores of a run on its own test part, or on ``data=…``."""
    from flori.recipes.run import load

    given = dict(_pair(word) for word in settings)
    result = load(run).evaluate(given.pop("data", None), **given)
    if as_json:
        print_json(result)
    else:
        print(f"{result['system']} on {result['part']} of {result['data']}, {result['examples']:,} examples")
        print(scores_text(result["scores"]))


def _pair(word: str) -> tuple[str, str]:
    key, equals, text = word.partition("=")
    if not equals:
        raise UserError(f"{word!r} is not of the form key=value, as in data=photos/")
    return key, text


def predict_inputs(run: str, inputs: list[str], out: str | None, as_json: bool) -> None:
    """Answers for pictures or rows, printed, and written as a table if wanted."""
    from flori.recipes.run import load

    predictor = load(run).predictor()
    predictions = predictor.predict(inputs)
    if out is not None:
        _write(path_of(out), predictions, predictor.codec.target)
    if as_json:
        print_json({"system": predictor.system, "task": predictor.codec.task, "predictions": predictions})
    elif out is not None:
        print(f"{len(predictions):,} predictions: {path_of(out) / 'predictions.csv'}")
    else:
        _print(predictions)


def _print(predictions: list[dict[str, Any]]) -> None:
    if "value" in predictions[0]:
        print_table(["input", "value"], [[p["input"], f"{p['value']:.6g}"] for p in predictions], numbers=[1])
        return
    rows = [
        [
            p["input"],
            p["label"],
            f"{p['probability']:.3f}",
            "  ".join(f"{n} {c:.3f}" for n, c in p["top"][1:3]),
        ]
        for p in predictions
    ]
    print_table(["input", "label", "probability", "else"], rows, numbers=[2])


def _write(folder: Path, predictions: list[dict[str, Any]], target: str) -> None:
    """predictions.csv: the input, and the label with its probability, or the number under the target's name."""
    import csv
    import io

    from flori.artifacts.writing import saying_why, write

    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    if "value" in predictions[0]:
        table.writerow(["input", target])
        table.writerows([p["input"], repr(p["value"])] for p in predictions)
    else:
        table.writerow(["input", "label", "probability"])
        table.writerows([p["input"], p["label"], repr(p["probability"])] for p in predictions)
    with saying_why(folder):
        folder.mkdir(parents=True, exist_ok=True)
    write(folder / "predictions.csv", text.getvalue())
