"""What seems to be wrong with how a run learns, while it does: each thing said once, and kept for its summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from flori.evaluation.findings import Finding
from flori.evaluation.warnings import diverged, never_learning, warn
from flori.recipes.assembly import Assembly
from flori.recipes.paying import Paying
from flori.training.glances import Glances


@dataclass
class Remarks:
    """`said` is all that was, by what is wrong; the first loss is that of the first step."""

    run: Assembly
    said: dict[str, str] = field(default_factory=dict)
    first_loss: float | None = None
    _unread: dict[str, str] = field(default_factory=dict)
    _unwritten: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.glances = Glances(self.run.state.model)
        self.paying = Paying(self.run)

    def remember(self, lines: Sequence[dict[str, Any]]) -> None:
        """What an earlier sitting said, from the lines of its metrics."""
        for line in lines:
            self.said |= line.get("remarks", {})
            if self.first_loss is None and line["split"] == "train":
                self.first_loss = line["loss"]

    def at_the_start(self) -> None:
        """Layers that will never learn."""
        if self.run.recipe.training.init is None:
            self._say(never_learning(self.run.state.model))

    def look(self, step: int) -> None:
        """Look at the gradients of the step just done, if it is time. Shares of them say nothing of units."""
        if self.run.state.rebuild is None and (seen := self.glances.look(step)) is not None:
            self._say(warn(seen))

    def clock(self, seconds: float) -> None:
        """The seconds that a step took: whether so many workers pay is found out in the first ones."""
        found = self.paying.look(seconds)
        self._say([] if found is None else [found])

    def hear(self, step: int, loss: float) -> None:
        """The mean loss of the steps up to this one."""
        # Weights from elsewhere may begin with hardly any loss, and lose what they knew for a while.
        first = max(self.first_loss or 0.0, 1.0 if self.run.recipe.training.init is not None else 0.0)
        found = diverged(first, loss, step, self.run.recipe.training.lr)
        self._say([] if found is None else [found])

    def read(self) -> tuple[str, ...]:
        """What is new since this was last asked."""
        new, self._unread = tuple(self._unread.values()), {}
        return new

    def written(self) -> dict[str, Any]:
        """What is new since the last line of the metrics, as that line holds it."""
        new, self._unwritten = self._unwritten, {}
        return {"remarks": new} if new else {}

    def _say(self, findings: list[Finding]) -> None:
        new = {one.name: str(one) for one in findings if one.name not in self.said}
        for kept in (self.said, self._unread, self._unwritten):
            kept |= new
