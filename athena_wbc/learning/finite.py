"""What the algorithms do about losses, gradients and observations that are not finite: skip, count, stop."""

from __future__ import annotations

import torch

from athena_wbc.errors import AthenaError


class TrainingDiverged(AthenaError):
    """Too many optimiser steps in a row had a loss or gradient that is not finite."""


class SkippedSteps:
    """Counts optimiser steps that were skipped, and ends a training that takes no others.

    Args:
        most_in_a_row: at this many in a row training stops.
        remedy: what the user may change, for the message.

    Attributes:
        total: steps skipped so far.
    """

    def __init__(self, most_in_a_row: int, remedy: str) -> None:
        self.total = 0
        self._in_a_row = 0
        self._most, self._remedy = most_in_a_row, remedy

    def taken(self) -> None:
        """A step was taken."""
        self._in_a_row = 0

    def skip(self, steps: int, reason: str) -> None:
        """Count ``steps`` skipped steps.

        Raises:
            TrainingDiverged: they are too many in a row.
        """
        self.total += steps
        self._in_a_row += steps
        if self._in_a_row >= self._most:
            raise TrainingDiverged(
                f"training: {reason}, {self._in_a_row} optimiser steps in a row; the checkpoints "
                f"so far are kept: resume with {self._remedy}"
            )


def all_finite(tensors: list[torch.Tensor], shared: bool) -> bool:
    """Return whether every value is finite; with ``shared``, in all processes, which must all call it."""
    # One value that is not finite makes the sum so, at a tenth of the cost of looking at each.
    finite = torch.isfinite(torch.stack([tensor.sum() for tensor in tensors]).sum())
    if shared:
        agreed = finite.float()
        torch.distributed.all_reduce(agreed, op=torch.distributed.ReduceOp.MIN)
        finite = agreed.bool()
    return bool(finite)
