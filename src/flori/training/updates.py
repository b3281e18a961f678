"""One batch → better weights. The only backward pass of the house is here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from flori.core.device import computing
from flori.core.recipe import Training
from flori.data.batches import Batch
from flori.data.sequences import TokenBatch
from flori.objectives.masked import cross_entropy
from flori.objectives.objective import Objective
from flori.training.clipping import clip
from flori.training.closed_form import least_squares
from flori.training.proximal import Fista, shrink
from flori.training.schedules import factor
from flori.training.staged import Staged
from flori.training.state import State
from flori.training.together import BY_ITSELF, Together

Update = Callable[[State, Any], Tensor]
"""Changes the state by one batch, and gives the mean loss of the batch before the change (no gradient)."""


def descent(
    objective: Objective,
    options: Training,
    steps: int,
    device: torch.device,
    precision: str,
    together: Together = BY_ITSELF,
) -> Update:
    """A step of gradient descent, by whichever optimiser the state holds, on as many ranks as are `together`."""

    def update(state: State, batch: Batch) -> Tensor:
        assert state.optimizer is not None
        share = factor(options.schedule, state.step, steps, options.warmup, options.floor, options.until)
        for group in state.optimizer.param_groups:
            group["lr"] = group["highest"] * share
        if isinstance(state.optimizer, Fista):
            state.optimizer.look_ahead()
        state.optimizer.zero_grad(set_to_none=True)
        loss = _by_stages(batch, together) if isinstance(together, Staged) else _gradients(state, batch)
        if options.clip is not None:
            clip(state.model.parameters(), options.clip, together.norm(state.model))
        state.optimizer.step()
        if isinstance(state.optimizer, Fista):
            state.settled = state.optimizer.settled
        elif options.l1:
            shrink(state.optimizer)
        together.settle()
        if state.average is not None:
            state.average.update_parameters(state.model)
        return loss

    def _gradients(state: State, batch: Batch) -> Tensor:
        """Gradients of the mean over the whole batch, worked through in parts: each part weighs as many
        targets as it has."""
        parts, count = batch.divided(options.accumulate), batch.total()
        total = torch.zeros((), device=device)
        for number, part in enumerate(parts):
            with together.part(part, last=number == len(parts) - 1):
                with computing(device, precision):
                    loss = losses(objective, state, part, number)["loss"] * (objective.count(part) / count)
                together.to_learn(loss).backward()
            total = total + loss.detach()
        return together.total(total)

    def _by_stages(batch: Batch, stages: Staged) -> Tensor:
        """The same where each rank holds some of the layers: torch's schedule takes the parts through all of them, and
        back."""
        parts, count = batch.divided(options.accumulate), batch.total()
        total = torch.zeros((), dtype=stages.stage.dtype, device=device)

        def learnt(output: Tensor, part: Any) -> Tensor:
            nonlocal total
            with computing(device, precision):
                loss = losses_of(objective, output, part) * (objective.count(part) / count)
            total = total + loss.detach().to(total.dtype)
            return stages.to_learn(loss)

        for some in stages.runs(parts, len(batch) if batch.shared is None else batch.shared.rows):
            with stages.part(some[0], last=some[-1] is parts[-1]):
                schedule, inputs, targets = stages.schedule(some, learnt)
                schedule.step(*inputs, **targets, return_outputs=False)
        stages.share()
        return stages.total(total)

    return update


def losses(objective: Objective[Any], state: State, part: Any, number: int) -> dict[str, Tensor]:
    """The losses of a part of a batch; where a state is carried from batch to batch, it goes on from its own, and no
    gradient goes back further (truncated back-propagation through time)."""
    if objective.carried is None:
        return objective.losses(state.network, part)
    before = None if part.fresh else state.memory.get(number)
    found, after = objective.carried(state.network, part, before)
    if after is not None and part.counts:
        state.memory[number] = after.detached()
    return found


def losses_of(objective: Objective[Any], output: Tensor, part: Any) -> Tensor:
    """The loss of what a network has put out for a part of a batch."""
    said = output if objective.carried is None else (output, None)
    return objective.losses(lambda *_: said, part)["loss"]  # type: ignore[arg-type]


def solution(objective: Objective, ridge: float) -> Update:
    """Least squares in one step: the batch is the whole training part, the model one linear layer.

    With the loss ½ of the mean square and λ on the weights, α = λN.
    """

    def update(state: State, batch: Batch) -> Tensor:
        linear = state.model.get_submodule("linear")
        weights, bias = least_squares(batch.inputs.flatten(1), batch.targets, ridge * len(batch))
        with torch.no_grad():
            loss = objective.losses(state.model, batch)["loss"]
            linear.weight.copy_(weights[None])  # type: ignore[operator]
            linear.bias.copy_(bias[None])  # type: ignore[operator]
        return loss

    return update


def counting(tokens: NDArray[Any]) -> Update:
    """All n-grams of a text counted in one step; the loss is that of the batch before."""

    def update(state: State, batch: TokenBatch) -> Tensor:
        with torch.no_grad():
            loss = cross_entropy(state.model(batch.inputs)[0], batch.targets)
        state.model.count(tokens)  # type: ignore[operator]
        return loss

    return update


def judgement(objective: Objective) -> Update:
    """For a model that has nothing to learn: the loss of the batch, and no change."""

    def update(state: State, batch: Batch) -> Tensor:
        with torch.no_grad():
            return objective.losses(state.model, batch)["loss"]

    return update
