"""The computational graph of a network: what is computed from what, in boxes of layers and operations.

It is autograd's own graph, so it holds for every network that learns by gradients. Nodes that a layer made are one box,
down to a depth; what a network does between its layers stays an operation, without views and transposes.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor, nn

from flori.models.boxes import Box, in_rows
from flori.models.calls import Call, Calls, nodes_below, tensors_of

MOST_BOXES = 40  # that can be taken in at once: where no depth is asked for, as deep as this allows
MOVES = re.compile(  # what only changes how numbers lie in memory, or in which type
    r"^(T|View|UnsafeView|ReshapeAlias|Transpose|Permute|Expand|Unsqueeze|Squeeze|Select|Slice|Split|SplitWithSizes|"
    r"Unbind|ToCopy|Clone|Alias|AsStrided|AsStridedBackward|Detach|Contiguous|IndexSelect|CopySlices|Chunk|_Turned)$"
)
WORDS = {
    "ScaledDotProductFlashAttentionForCpu": "attention",
    "ScaledDotProductFusedAttentionOverrideable": "attention",
    "LongShortTerm": "LSTM",
    "Gated": "GRU",
    "Plain": "RNN",
    "Addmm": "linear",
    "Mm": "matrix product",
    "Bmm": "matrix product",
    "UnsafeViewMm": "matrix product",
}


@dataclass
class _Sketch:
    """A box while it is put together."""

    box: Box
    order: int
    above: dict[Any, None] = field(default_factory=dict)
    learnt: dict[int, Tensor] = field(default_factory=dict)


def graph(model: nn.Module, *inputs: Tensor, depth: int | None = None) -> list[Box]:
    """The boxes from the inputs to the outputs, each after those that it is computed from.

    Args:
        inputs: a batch, [B, …] each; the network computes in the mode that it is in.
        depth: how deep layers within layers are drawn, 0: the whole network as one box; None: as is readable.
    """
    inputs = tuple(t.requires_grad_() if t.is_floating_point() else t for t in inputs)
    with Calls(model, keep=True).watched() as calls:
        outputs = tensors_of(model(*inputs))
    if depth is not None:
        return in_rows(_boxes(calls, inputs, outputs, depth))
    deepest = max(len(call.way) for call in calls.found)
    drawn = [in_rows(_boxes(calls, inputs, outputs, depth)) for depth in range(deepest)]
    return max((boxes for boxes in drawn if len(boxes) <= MOST_BOXES), key=len, default=drawn[0])


def _boxes(calls: Calls, inputs: tuple[Tensor, ...], outputs: list[Tensor], depth: int) -> list[Box]:
    sketches = {("input", i): _input(calls.model, i, t) for i, t in enumerate(inputs)}
    nodes = [node for node in nodes_below(outputs) if not hasattr(node, "variable")]
    for node in nodes:
        key, box = _place(calls, node, depth)
        if box is not None:
            sketch = sketches.setdefault(key, _Sketch(box, 0))
            sketch.order = max(sketch.order, node._sequence_nr() + 1)
    for node in nodes:
        key, box = _place(calls, node, depth)
        if box is not None:
            for source in _sources(calls, node, depth, inputs):
                _join(sketches[key], key, source)
    _join_given(sketches, calls, inputs, depth)
    _add_outputs(sketches, calls, inputs, outputs, depth)
    return _in_order(sketches, calls.model)


def _input(model: nn.Module, number: int, tensor: Tensor) -> _Sketch:
    names = [*inspect.signature(model.forward).parameters]
    name = names[number] if number < len(names) else f"input {number + 1}"
    return _Sketch(Box("", "x" if name == "x" else name.replace("_", " "), tuple(tensor.shape[1:])), -1)


def _place(calls: Calls, node: Any, depth: int) -> tuple[Any, Box | None]:
    """What a node is drawn in: a key, and the box as it begins; no box for what only moves numbers."""
    call = calls.of(node)
    way = call.way if call is not None else []
    if call is not None and (len(way) > depth or (call.whole and len(way) > 1)):
        drawn = way[min(depth, len(way) - 1)]
        part = drawn.parent.name if drawn.parent else ""
        return drawn, Box(drawn.name, type(drawn.module).__name__, _of_one(drawn.shape, calls), part=part)
    word = _word(node)
    if not word:
        return node, None
    shape = tuple(node._input_metadata[0].shape) if node._input_metadata else ()
    return node, Box("", word, _of_one(shape, calls), part=call.name if call is not None else "")


def _of_one(shape: tuple[int, ...], calls: Calls) -> tuple[int, ...]:
    """The shape for one example: without the size of the batch, be it first, second, or multiplied into the first."""
    batch = next((len(t) for t in calls.found[0].given if t.dim()), 1)
    if shape[:1] == (batch,) or not shape:
        return shape[1:]
    if shape[1:2] == (batch,):
        return (shape[0], *shape[2:])
    return (shape[0] // batch, *shape[1:]) if shape[0] % batch == 0 else shape


def _word(node: Any) -> str:
    """An operation in words, "" for what moves numbers only."""
    name = re.sub(r"Backward\d*$", "", node.name().rpartition("::")[2])
    if MOVES.match(name):
        return ""
    return WORDS.get(name) or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).strip("_ ").lower()


def _sources(calls: Calls, node: Any, depth: int, inputs: tuple[Tensor, ...]) -> list[Any]:
    """What a node is computed from: keys of boxes, ("input", number), or parameters."""
    found: list[Any] = []
    for below, _ in node.next_functions:
        if below is None:
            continue
        if hasattr(below, "variable"):
            number = next((i for i, t in enumerate(inputs) if t is below.variable), None)
            found.append(below.variable if number is None else ("input", number))
        else:
            key, box = _place(calls, below, depth)
            found += _sources(calls, below, depth, inputs) if box is None else [key]
    return found


def _join(sketch: _Sketch, key: Any, source: Any) -> None:
    if isinstance(source, Tensor):
        sketch.learnt[id(source)] = source
    elif source is not key:
        sketch.above[source] = None


def _join_given(sketches: dict[Any, _Sketch], calls: Calls, inputs: tuple[Tensor, ...], depth: int) -> None:
    """Inputs without gradient, such as tokens, lead to the layers that are called with them."""
    for call in calls.found:
        key = call.way[min(depth, len(call.way) - 1)]
        for i, t in enumerate(inputs):
            if key in sketches and not t.requires_grad and any(_same(t, given) for given in call.given):
                sketches[key].above[("input", i)] = None


def _same(one: Tensor, other: Tensor) -> bool:
    return one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()


def _add_outputs(
    sketches: dict[Any, _Sketch], calls: Calls, inputs: tuple[Tensor, ...], outputs: list[Tensor], depth: int
) -> None:
    """A box for each output; where nothing has a gradient the network is one box."""
    root = calls.found[0]
    for i, output in enumerate(outputs):
        name = "output" if len(outputs) == 1 else f"output {i + 1}"
        sketch = _Sketch(Box("", name, tuple(output.shape[1:])), (1 << 62) + i)
        if output.grad_fn is None:
            if root not in sketches:
                sketches[root] = _Sketch(Box("", type(root.module).__name__, root.shape[1:]), 0)
                sketches[root].above |= {("input", number): None for number in range(len(inputs))}
            sketch.above[root] = None
        else:
            key, box = _place(calls, output.grad_fn, depth)
            found = _sources(calls, output.grad_fn, depth, inputs) if box is None else [key]
            sketch.above |= {source: None for source in found if not isinstance(source, Tensor)}
        sketches[("output", i)] = sketch


def _in_order(sketches: dict[Any, _Sketch], model: nn.Module) -> list[Box]:
    """Boxes by the order in which they ran, with numbers in place of keys; inputs that nothing reads are left out. An
    operation with weights has the name of the layer that holds them."""
    read = {source for sketch in sketches.values() for source in sketch.above}
    kept = {key: sketch for key, sketch in sketches.items() if key in read or sketch.order > 1 << 61}
    keys = sorted(kept, key=lambda key: kept[key].order)
    places = {key: place for place, key in enumerate(keys)}
    owners = {id(p): name.rpartition(".")[0] for name, p in model.named_parameters()}
    return [
        replace(
            kept[key].box,
            name=_named(key, kept[key], owners),
            parameters=sum(p.numel() for p in kept[key].learnt.values()),
            above=tuple(sorted(places[source] for source in kept[key].above if source in places)),
        )
        for key in keys
    ]


def _named(key: Any, sketch: _Sketch, owners: dict[int, str]) -> str:
    """The name of a layer, none for the whole network; of an operation the layers whose weights it has."""
    if isinstance(key, Call):
        return sketch.box.name
    return sketch.box.name or ", ".join(dict.fromkeys(owners[p] for p in sketch.learnt))
