"""The robot as a simulator shell reports it, and as the task asks the shell to set it."""

from __future__ import annotations

import dataclasses

from torch import Tensor

from athena_wbc.motion.reference import Rows


@dataclasses.dataclass
class RobotState(Rows):
    """N environments, J joints, K key bodies (root first), F feet. float32, SI units, world frame unless said."""

    root_pos_w: Tensor
    """(N, 3)."""
    root_quat_w: Tensor
    """(N, 4) scalar last."""
    root_lin_vel_w: Tensor
    """(N, 3) of the root frame's origin."""
    root_ang_vel_w: Tensor
    """(N, 3)."""
    joint_pos: Tensor
    """(N, J)."""
    joint_vel: Tensor
    """(N, J)."""
    joint_torque: Tensor
    """(N, J) applied torque, N m."""
    body_pos_w: Tensor
    """(N, K, 3)."""
    body_quat_w: Tensor
    """(N, K, 4)."""
    body_lin_vel_w: Tensor
    """(N, K, 3)."""
    body_ang_vel_w: Tensor
    """(N, K, 3)."""
    foot_force: Tensor
    """(N, F) vertical contact force on each foot, N."""
    undesired_contact: Tensor
    """(N,) 1 where a body other than the feet and the allowed ones touches the ground, else 0."""


@dataclasses.dataclass
class Push:
    """A sudden change of the root's velocity in the environments `ids` (n,)."""

    ids: Tensor
    lin_vel_w: Tensor
    """(n, 3) m/s, added."""
    ang_vel_w: Tensor
    """(n, 3) rad/s, added."""


@dataclasses.dataclass
class JointCommand:
    """What a shell applies during one control step."""

    target: Tensor
    """(N, J) joint position targets, rad."""
    push: Push | None
