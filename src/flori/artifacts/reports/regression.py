"""Numbers: answers against truth, and the largest errors."""

from __future__ import annotations

from pathlib import Path

from flori.artifacts.kernel import kernel_regression
from flori.artifacts.predictor import Predictor
from flori.artifacts.section import Section, save
from flori.data.examples import Part
from flori.data.preparing import ExampleCodec
from flori.evaluation import plots, regression
from flori.evaluation.judged import Judged

SCORE = regression.BETTER[0]
SHOWN = 24


def sections(folder: Path, name: str, part: Part, judged: Judged, predictor: Predictor) -> list[Section]:
    """Answers against truth, and the largest errors."""
    codec = predictor.codec
    assert isinstance(codec, ExampleCodec)
    predicted, truth = codec.scale.invert(judged.answers), codec.scale.invert(part.targets)
    picture = save(folder, "errors.png", plots.scatter(predicted, truth, codec.target))
    rows = tuple(
        (
            part.names[i],
            f"{float(truth[i]):.6g}",
            f"{float(predicted[i]):.6g}",
            f"{float(predicted[i] - truth[i]):+.4g}",
        )
        for i in regression.worst(predicted, truth, SHOWN)
    )
    return [
        Section(f"Answers against truth ({name})", picture=picture),
        Section("Largest errors", head=("example", "truth", "answer", "error"), rows=rows),
        *kernel_regression(folder, predictor, name, part),
    ]
