"""Everything that training changes, so that saving it and putting it back loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from flori.core.ranks import ALONE, Ranks
from flori.data.shares import WHOLE, Share
from flori.layers.recurrent import Carried
from flori.training.memories import of_all, share_of
from flori.training.sharding import all_of, in_one_piece, is_sharded, share_like, whole

COUNT = "average.n_averaged"  # of no weight, and needed by all
NUMBERS = (
    "step",
    "best_score",
    "best_step",
    "waited",
    "loss_sum",
    "loss_examples",
    "seconds",
    "busy",
    "examples",
    "notes",
    "settled",
)


@dataclass
class State:
    """Weights, optimiser, moving average, the best weights so far, the layers that do not learn, what recurrent layers
    remember of the last batch (of each of its parts), and the counters.

    `step` counts finished updates; `waited` judgements since the best score; `loss_sum` and `loss_examples`
    the training loss since it was last reported; `seconds` is the time of all sittings, `busy` that of the updates
    alone, `examples` how many went through them. `notes` is what a rule counts of its own, `settled` whether it has
    nothing left to change. `wrapped` is the network as several ranks learn it together; where it is `sharded`, each
    keeps a part of the weights, and `rebuild` makes a network for all of them. Of those of a pipeline each has some of
    the layers: `stages` have all, and `numbered` are the numbers that the parameters of its optimiser have among all.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer | None
    average: AveragedModel | None = None
    best: dict[str, Tensor] = field(default_factory=dict)
    frozen: list[nn.Module] = field(default_factory=list)
    memory: dict[int, Carried] = field(default_factory=dict)
    step: int = 0
    best_score: float | None = None
    best_step: int = 0
    waited: int = 0
    loss_sum: float = 0.0
    loss_examples: int = 0
    seconds: float = 0.0
    busy: float = 0.0
    examples: int = 0
    notes: dict[str, float] = field(default_factory=dict)
    settled: bool = False
    wrapped: nn.Module | None = None
    rebuild: Callable[[], nn.Module] | None = None
    sharded: bool = False
    stages: Ranks = ALONE
    numbered: list[int] | None = None

    @property
    def network(self) -> nn.Module:
        """What losses are taken of: the model, or what several ranks learn it through."""
        return self.model if self.wrapped is None else self.wrapped

    @property
    def learnt(self) -> nn.Module:
        """What scores are taken of, as it is learnt: the moving average where there is one."""
        return self.model if self.average is None else self.average.module

    @property
    def judged_model(self) -> nn.Module:
        """The network that scores are taken of. Where its weights are sharded, a copy with all of them: all ranks have
        to ask."""
        if self.rebuild is None:
            return self.learnt
        model = self.rebuild()
        own = {name: whole(t) for name, t in self.learnt.state_dict().items()}
        model.load_state_dict(all_of(own, self.stages))
        return model

    def like(self, name: str, shape: torch.Size, dtype: torch.dtype) -> Tensor | None:
        """An empty tensor to read one of `tensors` into: a rank's share, where it keeps one; None where it needs none
        of it."""
        kept = self._home(name)
        if kept is None and not self.stages.alone and name.split(".")[0] != "memory" and name != COUNT:
            return None
        if kept is None or not is_sharded(kept) or kept.shape != shape or not in_one_piece(kept):
            return torch.empty(shape, dtype=dtype)
        return torch.empty_like(kept, dtype=dtype)

    def _home(self, name: str) -> Tensor | None:
        """The weight that a tensor is of, by its name in `tensors`. A moving average may be laid out in another way
        than the weights, of which ranks that learn the same have DTensors."""
        what, rest = name.split(".", 1)
        if what == "optimizer" and self.optimizer is not None:
            return self._learning().get(int(rest.split(".")[0]))
        if what == "average" and self.average is not None:
            return self.average.state_dict().get(rest)
        return (self.learnt if what == "best" else self.model).state_dict().get(rest)

    def _learning(self) -> dict[int, Tensor]:
        """The parameters of the optimiser by their number among those of all stages."""
        assert self.optimizer is not None
        found = [p for group in self.optimizer.param_groups for p in group["params"]]
        return dict(zip(self.numbered or range(len(found)), found, strict=True))

    def learn(self) -> None:
        """Training mode, but for the layers that do not learn."""
        self.model.train()
        for module in self.frozen:
            module.eval()

    def keep_best(self, score: float, higher_is_better: bool) -> None:
        """Remember the judged weights if `score` beats all before."""
        better = self.best_score is None or (score > self.best_score if higher_is_better else score < self.best_score)
        if better:
            self.best_score, self.best_step, self.waited = score, self.step, 0
            self.best = {name: t.detach().clone() for name, t in self.learnt.state_dict().items()}
        else:
            self.waited += 1

    def tensors(self, ranks: Ranks = ALONE) -> dict[str, Tensor]:
        """All tensors by name, on the processor. Of several ranks all have to ask."""
        found = {f"model.{name}": t for name, t in self.model.state_dict().items()}
        if self.average is not None:
            found |= {f"average.{name}": t for name, t in self.average.state_dict().items()}
        found |= {f"best.{name}": t for name, t in self.best.items()}
        for part, carried in of_all(self.memory, ranks).items():
            found |= {f"memory.{part}.{number}": t for number, t in enumerate(carried.tensors)}
        numbers = [*self._learning()] if self.optimizer is not None else []
        for number, slots in self._slots().items():
            found |= {f"optimizer.{numbers[number]}.{slot}": t for slot, t in slots.items() if isinstance(t, Tensor)}
        kept = {name: t if in_one_piece(t) else whole(t) for name, t in found.items()}
        return {name: t.detach().cpu().contiguous() for name, t in kept.items()}

    def numbers(self) -> dict[str, Any]:
        """All counters, as JSON holds them exactly."""
        return {name: getattr(self, name) for name in NUMBERS}

    def restore(self, tensors: dict[str, Tensor], numbers: dict[str, Any], share: Share = WHOLE) -> None:
        """Put back what `tensors` and `numbers` gave, of what recurrent layers carry a rank's share."""
        for name in NUMBERS:
            setattr(self, name, numbers.get(name, getattr(self, name)))
        tensors = {name: self._fitted(name, t) for name, t in tensors.items()}
        self.model.load_state_dict(_under("model.", tensors))
        if self.average is not None:
            self.average.load_state_dict(_under("average.", tensors))
        device = next(iter(self.model.state_dict().values())).device
        self.best = {name: t.to(device) for name, t in _under("best.", tensors).items()}
        carried = _memories({name: t.to(device) for name, t in _under("memory.", tensors).items()})
        self.memory = share_of(carried, share)
        if self.optimizer is not None:
            slots: dict[int, dict[str, Tensor]] = {}
            learning = self._learning()
            own = {number: place for place, number in enumerate(learning)}
            for name, t in _under("optimizer.", tensors).items():
                number, slot = name.split(".", 1)
                slots.setdefault(own[int(number)], {})[slot] = _laid_out_as(learning[int(number)], t)
            groups = self.optimizer.state_dict()["param_groups"]
            self.optimizer.load_state_dict({"state": slots, "param_groups": groups})

    def _fitted(self, name: str, t: Tensor) -> Tensor:
        """A rank's share of a tensor, where it keeps one and was given the whole."""
        home = self._home(name)
        return t if home is None or home.shape != t.shape or is_sharded(t) else share_like(home, t)

    def _slots(self) -> dict[int, dict[str, Any]]:
        return self.optimizer.state_dict()["state"] if self.optimizer is not None else {}


def _memories(tensors: dict[str, Tensor]) -> dict[int, Carried]:
    """By part of a batch what was carried on, from tensors named ``part.number``."""
    found: dict[int, list[Tensor]] = {}
    for name in sorted(tensors):
        found.setdefault(int(name.split(".")[0]), []).append(tensors[name])
    return {part: Carried(tuple(carried)) for part, carried in found.items()}


def _laid_out_as(parameter: Tensor, t: Tensor) -> Tensor:
    """`t` in the memory order of its parameter: one kernel for a whole update reads both in the order they lie in."""
    return torch.empty_like(parameter, dtype=t.dtype).copy_(t) if t.shape == parameter.shape else t


def averaged(model: nn.Module, decay: float) -> AveragedModel | None:
    """A moving average of the weights, θ̄ ← decay·θ̄ + (1 − decay)·θ, or None for a decay of 0."""
    if not decay:
        return None
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
