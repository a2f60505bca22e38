"""What the motion library hands out: reference states, batched over environments."""

from __future__ import annotations

import dataclasses

from torch import Tensor


class Rows:
    """A dataclass of tensors with one row for each environment."""

    def select(self, ids: Tensor):
        """The rows `ids` (n,) as a copy."""
        return type(self)(*(getattr(self, field.name)[ids] for field in dataclasses.fields(self)))

    def update(self, ids: Tensor, other) -> None:
        """Overwrite the rows `ids` (n,) with the n rows of `other`."""
        for field in dataclasses.fields(self):
            getattr(self, field.name)[ids] = getattr(other, field.name)


@dataclasses.dataclass
class GeneralisedState(Rows):
    """Generalised coordinates and velocities, leading dimensions (...): (N,) or (N, F) for F future frames."""

    root_pos_w: Tensor
    """(..., 3) m."""
    root_quat_w: Tensor
    """(..., 4) scalar last."""
    root_lin_vel_w: Tensor
    """(..., 3) m/s, world frame."""
    root_ang_vel_w: Tensor
    """(..., 3) rad/s, world frame."""
    joint_pos: Tensor
    """(..., J) rad, canonical order."""
    joint_vel: Tensor
    """(..., J) rad/s."""


@dataclasses.dataclass
class ReferenceState(GeneralisedState):
    """The same with the key bodies, root first."""

    body_pos_w: Tensor
    """(..., K, 3) m."""
    body_quat_w: Tensor
    """(..., K, 4) scalar last."""
    body_lin_vel_w: Tensor
    """(..., K, 3) m/s."""
    body_ang_vel_w: Tensor
    """(..., K, 3) rad/s."""
