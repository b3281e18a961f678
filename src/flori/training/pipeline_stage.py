"""torch's PipelineStage, for batches that take more than one schedule: parts of different shapes."""

from __future__ import annotations

from torch.distributed.pipelining import PipelineStage


class Reducing(PipelineStage):
    """It adds up gradients over the ranks that learn the same stage after the last schedule of a step only."""

    reduces = True

    def perform_reduce_grad(self, grad_scale_factor: int) -> None:
        """Torch's, or nothing yet."""
        if self.reduces:
            super().perform_reduce_grad(grad_scale_factor)
