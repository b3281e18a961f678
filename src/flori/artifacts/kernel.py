"""The sections of a report on kernel regression: the fitted curve, the weights of the training rows, the widths."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from flori.artifacts.predictor import Predictor
from flori.artifacts.section import Section, save
from flori.core.device import parameter_type
from flori.data.examples import Part
from flori.data.preparation import TablePreparation
from flori.data.preparing import ExampleCodec
from flori.evaluation import plots
from flori.models.nadaraya_watson import WIDE, NadarayaWatson

QUERIES, CELLS = 60, 240  # rows and columns of a picture of weights in the order of a feature, at most
HEAVIEST = (10, 60)  # its columns in the order of weights, at least and at most
SHOWN = 0.99  # of a row's weight, if so many columns have it
POINTS = 400  # of a curve
LISTED = 24  # widths; more are folded away
MARKS = 7  # along an axis


def kernel_regression(folder: Path, predictor: Predictor, name: str, part: Part) -> list[Section]:
    """What a kernel regression made of its rows, and of those of the part `name`; nothing for another system."""
    model, prepared = predictor.model, getattr(predictor.codec, "preparation", None)
    if not isinstance(model, NadarayaWatson) or not isinstance(prepared, TablePreparation):
        return []
    assert isinstance(part.inputs, Tensor)
    inputs = part.inputs.to(predictor.device, parameter_type(predictor.precision))
    widths = _widths(model, prepared)
    if inputs.shape[1] > 1:
        return [_by_weight(folder, model, name, inputs), widths]
    return [
        _curve(folder, predictor, model, prepared, (name, part)),
        _by_feature(folder, model, prepared, name, inputs),
        widths,
    ]


def _curve(
    folder: Path, predictor: Predictor, model: NadarayaWatson, prepared: TablePreparation, judged: tuple[str, Part]
) -> Section:
    """The answers for one feature over all of its range, with the data."""
    (name, part), codec = judged, predictor.codec
    assert isinstance(part.inputs, Tensor) and isinstance(codec, ExampleCodec)
    keys, queries = model.keys[:, 0].double().cpu(), part.inputs[:, 0].double()
    both = torch.cat([keys, queries])
    along = torch.linspace(float(both.min()), float(both.max()), POINTS, dtype=torch.float64)
    answers = predictor.outputs(Part(along[:, None], torch.zeros(POINTS), [""] * POINTS))
    picture = plots.fitted(
        (_in_units(along, prepared), codec.scale.invert(answers)),
        {
            "train": (_in_units(keys, prepared), codec.scale.invert(model.values.cpu())),
            name: (_in_units(queries, prepared), codec.scale.invert(part.targets)),
        },
        (prepared.features[0], codec.target),
    )
    return Section("The curve and the data", picture=save(folder, "curve.png", picture))


def _by_feature(folder: Path, model: NadarayaWatson, prepared: TablePreparation, name: str, inputs: Tensor) -> Section:
    """Weights with queries and keys in the order of their one feature."""
    chosen = _spread_out(inputs[:, 0].argsort(stable=True), QUERIES)
    order = model.keys[:, 0].argsort(stable=True)
    shares = _weights(model, inputs[chosen])
    several = -(-len(order) // CELLS)
    cells = torch.stack([cell.sum(1) for cell in shares[:, order.cpu()].split(several, 1)], 1)
    across, down = (
        _marks(_in_units(x.double().cpu(), prepared)) for x in (model.keys[order, 0][::several], inputs[chosen, 0])
    )
    labels = f"training rows in the order of {prepared.features[0]}", f"{name} rows in the same order"
    picture = plots.weights(cells, (labels[0], across), (labels[1], down))
    each = f"{several} training rows" if several > 1 else "training row"
    text = f"A line for each of {len(chosen)} {name} rows, a cell for each {each}: the darker, the more of the answer "
    text += f"comes from there. {_owed(shares)}"
    return Section(f"What it attends to ({name})", text=text, picture=save(folder, "weights.png", picture))


def _by_weight(folder: Path, model: NadarayaWatson, name: str, inputs: Tensor) -> Section:
    """Weights of the rows that each query attends to most, the heaviest first."""
    shares = _weights(model, inputs[_spread_out(torch.arange(len(inputs)), QUERIES)])
    ordered = shares.sort(1, descending=True).values
    enough = int((ordered.cumsum(1) < SHOWN).sum(1).max()) + 1
    heaviest = ordered[:, : min(max(enough, HEAVIEST[0]), HEAVIEST[1])]
    heaviest = heaviest[heaviest[:, 0].argsort(descending=True, stable=True)]
    ranks = _marks(torch.arange(heaviest.shape[1]) + 1)
    picture = plots.weights(heaviest, ("training rows, those of the largest weight first", ranks), (f"{name} rows", {}))
    rest = max(0.0, 1 - float(heaviest.sum(1).median()))
    text = f"A line for each of {len(shares)} {name} rows, the most decided above: the weights of the "
    text += f"{heaviest.shape[1]} training rows that it attends to most. All others together have {rest:.0%} (median). "
    text += _owed(shares)
    return Section(f"What it attends to ({name})", text=text, picture=save(folder, "weights.png", picture))


def _owed(shares: Tensor) -> str:
    """How many rows an answer rests on: so many equal weights have the same sum of squares."""
    rows = float(1 / shares.square().sum(1).median())
    return f"An answer rests on as many as {rows:,.1f} training rows, were their weights α equal (median of 1/Σα²)."


def _widths(model: NadarayaWatson, prepared: TablePreparation) -> Section:
    """The width of the kernel along each feature, the narrowest first."""
    features = prepared.features
    width = model.kernel.log_width.detach().double().exp().expand(len(features)).tolist()
    if min(width) >= WIDE / 2:
        return Section("How wide the kernel is", text="Infinitely: every answer is the mean of the training part.")
    ordered = sorted(zip(features, width, _deviations(prepared), strict=True), key=lambda row: row[1])
    rows = tuple((feature, f"{wide:.3g}", f"{wide * deviation:.3g}") for feature, wide, deviation in ordered)
    text = (
        "Rows that differ by one width have 61% of the weight of equal ones, by two 14%, by three 1%. Where the "
        "kernel is narrow the feature matters; where it is many deviations wide it hardly does."
    )
    head = ("feature", "width in standard deviations", "in its own units")
    return Section("How wide the kernel is", text, head=head, rows=rows[:LISTED], folded=rows[LISTED:])


def _deviations(prepared: TablePreparation) -> list[float]:
    """What one unit of each feature, as the model sees it, is in the units of the table."""
    found: list[float] = []
    for column in prepared.columns:
        found += [column.std] * (column.width - column.marks_missing) + [1.0] * column.marks_missing
    return found


def _in_units(feature: Tensor, prepared: TablePreparation) -> Tensor:
    """The numbers of the first column as they stand in the table."""
    return feature * prepared.columns[0].std + prepared.columns[0].mean


def _weights(model: NadarayaWatson, queries: Tensor) -> Tensor:
    with torch.inference_mode():
        return model.eval().attention(queries).double().cpu()


def _marks(numbers: Tensor) -> dict[int, str]:
    """Some of the numbers along an axis, by their places."""
    return {place: f"{float(numbers[place]):.3g}" for place in _spread_out(torch.arange(len(numbers)), MARKS).tolist()}


def _spread_out(order: Tensor, most: int) -> Tensor:
    """At most so many of an order, from its first to its last, evenly."""
    places = torch.linspace(0, len(order) - 1, min(most, len(order))).round().long()
    return order[places.to(order.device)]
