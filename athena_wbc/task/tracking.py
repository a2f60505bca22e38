"""How far the robot is from its reference: the errors that terminations, sampler, rewards and evaluation share.

The reference is *anchored*: moved to the robot's horizontal position and turned to its heading, its height kept. A
deployable policy knows no global position, and a clip may last minutes, so drift is not what tracking is judged by;
the error in the world frame stands beside it.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from athena_wbc.motion.reference import ReferenceState, Rows
from athena_wbc.rotations import heading, quat_conj, quat_heading, quat_mul
from athena_wbc.task.state import RobotState


@dataclasses.dataclass
class TrackingErrors(Rows):
    """Errors of N environments at the time of the state."""

    height: Tensor
    """(N,) |root height - reference|, m."""
    yaw: Tensor
    """(N,) |twist about world z of q conj(q_ref)| of the root, rad in [0, pi]."""
    key_body: Tensor
    """(N,) largest distance of a key body from the anchored reference, m."""
    body: Tensor
    """(N, K) distance of every key body from the anchored reference, m."""
    anchored_pos_w: Tensor
    """(N, K, 3) key bodies of the anchored reference, m."""
    anchored_quat_w: Tensor
    """(N, K, 4)."""
    turn: Tensor
    """(N, 4) heading rotation that anchors the reference."""


def tracking_errors(robot: RobotState, reference: ReferenceState, anchor: int) -> TrackingErrors:
    """Compare a state with the reference of the same time.

    Args:
        anchor: index of the anchor among the key bodies.
    """
    robot_pos, reference_pos = robot.body_pos_w, reference.body_pos_w
    relative = quat_mul(robot.body_quat_w[:, anchor], quat_conj(reference.body_quat_w[:, anchor]))
    turn = quat_heading(relative)
    anchored_pos = _anchor_positions(robot_pos[:, anchor], reference_pos, anchor, turn)
    anchored_quat = quat_mul(turn.unsqueeze(1).expand_as(reference.body_quat_w), reference.body_quat_w)
    body = (robot_pos - anchored_pos).norm(dim=-1)
    root = relative if anchor == 0 else quat_mul(robot.root_quat_w, quat_conj(reference.root_quat_w))
    return TrackingErrors(
        height=(robot.root_pos_w[:, 2] - reference.root_pos_w[:, 2]).abs(),
        yaw=heading(root).abs(),
        key_body=body.amax(dim=-1),
        body=body,
        anchored_pos_w=anchored_pos,
        anchored_quat_w=anchored_quat,
        turn=turn,
    )


def _anchor_positions(robot_anchor: Tensor, reference_pos: Tensor, anchor: int, turn: Tensor) -> Tensor:
    z, w = turn[:, 2:3], turn[:, 3:4]
    cos, sin = w * w - z * z, 2.0 * w * z
    dx = reference_pos[..., 0] - reference_pos[:, anchor, 0:1]
    dy = reference_pos[..., 1] - reference_pos[:, anchor, 1:2]
    return torch.stack(
        (
            cos * dx - sin * dy + robot_anchor[:, 0:1],
            sin * dx + cos * dy + robot_anchor[:, 1:2],
            reference_pos[..., 2],
        ),
        dim=-1,
    )
