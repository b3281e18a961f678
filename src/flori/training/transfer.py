"""Weights that were learnt elsewhere → a network, by name, with word of what was taken and what was left.

The heads are learnt anew for other classes (Dive into Deep Learning, section 14.2), but the row of a class that both
sets know is taken over (exercise 4 there: ImageNet knows hot dogs). So is the row of a token that both vocabularies
know, in embeddings and in outputs (Howard and Ruder, "Universal language model fine-tuning", 2018).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn

from flori.core.errors import UserError
from flori.training.heads import in_head, is_head
from flori.training.rows import Rows

SHOWN = 5  # names or reasons in a text; the document has them all


@dataclass
class Transfer:
    """What became of every tensor: `partly` and `left` say by name what was done or why; `unused` are in the source
    alone. `classes` are those whose rows in the heads were taken over; `notes` what else a user should know."""

    source: str
    loaded: list[str] = field(default_factory=list)
    partly: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def took(self, name: str, what: str = "") -> None:
        """Note a tensor that was loaded; `what` says what was done to it, if not all of it as it was."""
        if what:
            self.partly[name] = what
        else:
            self.loaded.append(name)

    def lines(self) -> list[str]:
        """What a user should know, in a few lines."""
        count = len(self.loaded) + len(self.partly) + len(self.left)
        lines = [f"init={self.source}: {len(self.loaded)} of {count} tensors loaded"]
        lines += _by_reason("loaded in part", self.partly)
        if self.classes:
            lines.append(f"rows of {_counted(self.classes, 'class', 'classes')} reused: {some(self.classes)}")
        lines += _by_reason("left as they begin", self.left)
        if self.unused:
            lines.append(f"not needed: {_counted(self.unused, 'tensor', 'tensors')}: {some(self.unused)}")
        return [*lines, *self.notes]


def transfer(
    model: nn.Module,
    tensors: dict[str, Tensor],
    theirs: Sequence[str],
    ours: Sequence[str],
    source: str,
    tokens: Mapping[str, Rows] | None = None,
) -> Transfer:
    """Copy `tensors` into those of the model that have their names.

    A layer of which one shape differs is left whole: a bias is nothing without its weights. Only a first convolution of
    grey pictures is made one of colour, or the other way.

    Args:
        theirs: the class of each row of the source's heads, empty where that is not known; ours: those of the model's.
        source: what the user calls it.
        tokens: of each layer that has a row for each token, by its name.

    Raises UserError where nothing fits.
    """
    target, by_token, classes = model.state_dict(), tokens or {}, Rows(theirs, ours, "class")
    given, fitted = _in_our_channels(model, tensors)
    misfits = {
        _layer(name): why
        for name, t in target.items()
        if name in given and (why := _misfit(given[name], t, by_token.get(_layer(name))))
    }
    found, same = Transfer(source), bool(ours) and list(theirs) == list(ours)
    found.unused = [name for name in tensors if name not in target]
    for name, tensor in target.items():
        if name not in given:
            found.left[name] = "not there"
        elif _layer(name) in by_token and _layer(name) not in misfits:
            _take_rows(found, name, tensor, given[name], by_token[_layer(name)])
        elif in_head(model, name) and not same and _layer(name) not in by_token:
            _take_rows(found, name, tensor, given[name], classes, alone=is_head(model, _layer(name)))
        elif _layer(name) in misfits:
            found.left[name] = misfits[_layer(name)]
        else:
            tensor.copy_(given[name])
            found.took(name, fitted.get(name, ""))
    taken = {*found.partly, *found.loaded}
    if not any(name in taken for name, _ in model.named_parameters()):  # counters of batch norms are no weights
        raise UserError(_nothing_fits(source, tensors, target))
    if any(in_head(model, name) and _layer(name) not in by_token for name in taken):
        found.classes = classes.shared
    return found


def _nothing_fits(source: str, tensors: dict[str, Tensor], target: dict[str, Tensor]) -> str:
    there, here = (some([f"{name} {_size(t)}" for name, t in side.items() if t.dim()]) for side in (tensors, target))
    return f"init={source}: none of its weights fits this network; it has {there}, the network {here}"


def _in_our_channels(model: nn.Module, tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors with the first convolution made for as many channels as ours has; and what was done to it.

    A grey picture as three equal channels has the same activations before and after.
    """
    name, ours = next(((name, p) for name, p in model.named_parameters() if p.dim() == 4), ("", None))
    if name not in tensors or ours is None or tensors[name].dim() != 4:
        return tensors, {}
    weight = tensors[name]
    match weight.shape[1], ours.shape[1]:
        case 3, 1:
            return tensors | {name: weight.sum(1, keepdim=True)}, {name: "made grey: the sum over its three channels"}
        case 1, 3:
            spread = weight.expand(-1, 3, -1, -1) / 3
            return tensors | {name: spread}, {name: "made one of colour: a third of it for each channel"}
    return tensors, {}


def _take_rows(found: Transfer, name: str, tensor: Tensor, given: Tensor, rows: Rows, alone: bool = True) -> None:
    """The rows of a tensor [K, …] whose class or token both sides know by the same name.

    Args:
        alone: whether the head is this one layer; of several, a row of the first stands for no class.
    """
    shared = rows.shared
    if not shared:
        found.left[name] = f"no {rows.what} is known to both"
    elif not alone:
        found.left[name] = "its head has several layers, which know their own classes alone"
    elif given.shape != (len(rows.theirs), *tensor.shape[1:]):
        found.left[name] = _misfit(given, tensor) or f"not a row for each of {len(rows.theirs)} classes"
    else:
        rows.copy(given, tensor)
        found.took(name, "" if len(shared) == len(rows.ours) else f"the rows of {rows.counted(shared)}")


def _misfit(given: Tensor, tensor: Tensor, rows: Rows | None = None) -> str:
    """Why a tensor cannot take the place of another, or a few rows of it theirs; "" where they can."""
    if given.shape != (tensor.shape if rows is None else (len(rows.theirs), *tensor.shape[1:])):
        return f"{_size(given)} there, {_size(tensor)} here"
    if given.is_floating_point() != tensor.is_floating_point():
        return f"{given.dtype} there, {tensor.dtype} here".replace("torch.", "")
    return ""


def _layer(name: str) -> str:
    return name.rpartition(".")[0]


def _size(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "one number"


def some(names: Sequence[str]) -> str:
    """The first of some names, and how many more there are."""
    more = f", … and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _counted(things: Sequence[str], one: str, many: str) -> str:
    return f"{len(things)} {one if len(things) == 1 else many}"


def _by_reason(what: str, reasons: dict[str, str]) -> list[str]:
    """A line for each reason, the most frequent first, with the names that it holds for."""
    groups: dict[str, list[str]] = {}
    for name, why in reasons.items():
        groups.setdefault(why, []).append(name)
    ranked = sorted(groups.items(), key=lambda group: -len(group[1]))
    lines = [f"{what}: {some(names)} ({why})" for why, names in ranked[:SHOWN]]
    if len(ranked) > SHOWN:
        lines.append(f"{what}, for other reasons: {some([n for _, names in ranked[SHOWN:] for n in names])}")
    return lines
