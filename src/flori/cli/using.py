"""flori evaluate, flori predict."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from flori.cli.classes import print_classes
from flori.cli.predictions import write_predictions
from flori.cli.printing import print_json, print_table, scores_text
from flori.core.errors import Fault, UserError, listing
from flori.core.paths import path_of

LETTERS = 80  # of an input, where its answer stands beside it


def evaluate_run(run: str, settings: list[str], flip: bool, as_json: bool) -> None:
    """Scores of a run on its own test part, or on ``data=…``; by class, and what is taken for what."""
    from flori.recipes.run import load

    given = dict(_pair(word) for word in settings)
    result = load(run).evaluate(given.pop("data", None), flip=flip, **given)
    if as_json:
        print_json(result)
        return
    how = ", each with its mirror image" if flip else ""
    print(f"{result['system']} on {result['part']} of {result['data']}, {result['examples']:,} examples{how}")
    print(scores_text(result["scores"]))
    if "per_class" in result:
        print_classes(result["per_class"], result.get("confusion"))
    if "remark" in result:
        print(f"flori: {result['remark']}", file=sys.stderr)


def _pair(word: str) -> tuple[str, str]:
    key, equals, text = word.partition("=")
    if not equals:
        raise UserError(f"{word!r} is not of the form key=value, as in data=photos/")
    return key, text


def predict_inputs(
    run: str, inputs: list[str], out: str | None, flip: bool, skip_bad: bool, as_json: bool, **wishes: Any
) -> None:
    """Answers for pictures or rows, printed, and written as a table if wanted."""
    from flori.prediction.wishes import Wishes
    from flori.recipes.run import load

    if out is not None and path_of(out).exists() and not path_of(out).is_dir():
        raise UserError(f"--out {out}: is a file; name a folder")
    predictor = load(run).predictor(flip)
    skipped: list[Fault] | None = [] if skip_bad else None
    say = _stream() if predictor.codec.task == "language" and not as_json else None
    predictions = predictor.predict(inputs, Wishes(skipped=skipped, say=say, **wishes))
    if skipped:
        print(f"left out: {listing(skipped, 'the input')}", file=sys.stderr)
    _say_what_was_changed(getattr(predictor.codec, "preparation", None), inputs)
    if out is not None:
        write_predictions(path_of(out), predictions, predictor.codec)
    if as_json:
        left_out = {"skipped": [str(fault) for fault in skipped]} if skipped else {}
        print_json({"system": predictor.system, "task": predictor.codec.task, "predictions": predictions, **left_out})
    elif out is not None:
        print(f"{len(predictions):,} predictions: {path_of(out) / 'predictions.csv'}")
    elif say is None:
        _print(_shortened(predictions) if hasattr(predictor.codec, "vocabulary") else predictions)


def _stream() -> Callable[[str], None]:
    """Prints a text as it comes."""
    return lambda piece: print(piece, end="", flush=True)


def _say_what_was_changed(preparation: Any, inputs: list[str]) -> None:
    from flori.data.fetching import local
    from flori.data.misfits import misfits
    from flori.data.preparation import PicturePreparation

    if isinstance(preparation, PicturePreparation):
        for remark in misfits(map(local, inputs), preparation):
            print(remark, file=sys.stderr)


def _print(predictions: list[dict[str, Any]]) -> None:
    if "value" in predictions[0]:
        print_table(["input", "value"], [[_name(p), f"{p['value']:.6g}"] for p in predictions], numbers=[1])
        return
    if "text" in predictions[0]:
        print("\n".join(p["text"] for p in predictions))
        return
    if "spans" in predictions[0]:
        print_table(["input", "label", "text", "characters"], [row for p in predictions for row in _span_rows(p)])
        return
    rows = [
        [
            _name(p),
            p["label"],
            f"{p['probability']:.3f}",
            "  ".join(f"{n} {c:.3f}" for n, c in p["top"][1:3]),
        ]
        for p in predictions
    ]
    print_table(["input", "label", "probability", "else"], rows, numbers=[2])


def _span_rows(prediction: dict[str, Any]) -> list[list[str]]:
    """A line for each span, and one for a sentence without any."""
    name, found = prediction["input"], prediction["spans"]
    return [[name, s["label"], s["text"], f"{s['start']}–{s['end']}"] for s in found] or [[name, "–", "", ""]]


def _shortened(predictions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same with texts by their beginnings, in a line each; names of files stay whole."""
    texts = [" ".join(prediction["input"].split()) for prediction in predictions]
    begun = [text if len(text) <= LETTERS else f"{text[: LETTERS - 1]}…" for text in texts]
    return [{**prediction, "input": text} for prediction, text in zip(predictions, begun, strict=True)]


def _name(prediction: dict[str, Any]) -> str:
    """What a table itself calls its row, else file and line."""
    return prediction.get("id") or prediction["input"]
