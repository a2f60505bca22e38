"""When an episode ends before its time: the robot is too far from the reference to learn from what follows."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from athena_wbc.motion.reference import ReferenceState
from athena_wbc.rotations import quat_apply
from athena_wbc.task.checks import check_not_negative, check_positive
from athena_wbc.task.config import TerminationConfig
from athena_wbc.task.rewards import Limits
from athena_wbc.task.state import RobotState
from athena_wbc.task.tracking import TrackingErrors

REASONS = ("root_height", "root_yaw", "root_tilt", "key_body", "end_effector_height")


@dataclasses.dataclass
class TerminationView:
    """What the limits are held against."""

    robot: RobotState
    reference: ReferenceState
    errors: TrackingErrors
    limits: Limits


def check_termination(config: TerminationConfig) -> None:
    """Refuse limits, a scale or an episode length that cannot be."""
    for reason in REASONS:
        check_not_negative(f"task.termination.{reason}", getattr(config, reason))
    for key in ("scale", "episode_length_s"):
        check_positive(f"task.termination.{key}", getattr(config, key))


def root_tilt(view: TerminationView) -> Tensor:
    """(N,) angle between the robot's and the reference's root z axes, rad. Heading does not enter."""
    up = torch.tensor([0.0, 0.0, 1.0], device=view.robot.root_quat_w.device)
    own = quat_apply(view.robot.root_quat_w, up.expand_as(view.robot.root_pos_w))
    turned = quat_apply(view.errors.turn, quat_apply(view.reference.root_quat_w, up.expand_as(own)))
    return torch.acos((own * turned).sum(-1).clamp(-1.0, 1.0))


def end_effector_height(view: TerminationView) -> Tensor:
    """(N,) largest height error of an end effector, m."""
    ends = view.limits.end_effectors
    return (view.robot.body_pos_w[:, ends, 2] - view.reference.body_pos_w[:, ends, 2]).abs().amax(-1)


_ERRORS = {
    "root_height": lambda view: view.errors.height,
    "root_yaw": lambda view: view.errors.yaw,
    "root_tilt": root_tilt,
    "key_body": lambda view: view.errors.key_body,
    "end_effector_height": end_effector_height,
}


def violations(view: TerminationView, config: TerminationConfig, scale: float) -> dict[str, Tensor]:
    """(N,) bool for every limit in use: the error has reached limit * scale. An error that is not finite has."""
    result = {}
    for reason in REASONS:
        limit = getattr(config, reason)
        if limit > 0.0:
            result[reason] = ~(_ERRORS[reason](view) < limit * scale)
    return result
