"""Errors of one frame that protocols decide success by, for all environments at once."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.evaluation.config import EvaluationConfig, Limits
from athena_wbc.motion.reference import ReferenceState
from athena_wbc.rotations import rotation_angle
from athena_wbc.task.state import RobotState
from athena_wbc.task.tracking import TrackingErrors

ERRORS = tuple(field.name for field in fields(Limits))
"""Names of all errors, in the order of the last dimension of :meth:`FrameErrors.of`."""

RULES = {
    "athena": ("height", "yaw", "key_body"),
    "athena_world": ("height", "yaw", "key_body_world"),
    "sonic": ("anchor_height", "anchor_orientation", "end_effector_height"),
    "phc": ("mean_body_world",),
}
"""Errors that decide success under each published rule, so that one evaluation answers for all of them."""


def error_columns(names: tuple[str, ...] | list[str]) -> list[int]:
    """Columns of the named errors in the order of :data:`ERRORS`."""
    return [ERRORS.index(name) for name in names]


def error_limits(config: EvaluationConfig) -> Tensor:
    """(E,) float64 limits at tolerance 1 of all errors, in the order of :data:`ERRORS`."""
    return torch.tensor([getattr(config.limits, name) for name in ERRORS], dtype=torch.float64)


@dataclass(frozen=True)
class FrameErrors:
    """Computes the errors of a frame for one robot, whose bodies it knows by index among the key bodies."""

    anchor: int
    end_effectors: tuple[int, ...]

    @classmethod
    def for_robot(cls, embodiment: Embodiment) -> FrameErrors:
        """Find the bodies by name; the end effectors must be key bodies, for only those have a state."""
        for name in embodiment.end_effectors:
            if name not in embodiment.key_bodies:
                raise AthenaError(
                    f"robot '{embodiment.name}': end_effectors: '{name}' is no key body; add it to key_bodies"
                )
        return cls(
            anchor=embodiment.key_bodies.index(embodiment.anchor),
            end_effectors=tuple(embodiment.key_bodies.index(name) for name in embodiment.end_effectors),
        )

    def of(self, robot: RobotState, reference: ReferenceState, errors: TrackingErrors) -> Tensor:
        """Errors of the current frame.

        Args:
            robot: state of N environments.
            reference: reference at the time of that state.
            errors: the task's comparison of the two; what it already holds is not computed again.

        Returns:
            (N, E) in the order of :data:`ERRORS`, metres and radians.
        """
        height = (robot.body_pos_w[..., 2] - reference.body_pos_w[..., 2]).abs()
        distance = (robot.body_pos_w - reference.body_pos_w).norm(dim=-1)
        values = {
            "height": errors.height,
            "yaw": errors.yaw,
            "key_body": errors.key_body,
            "key_body_world": distance.amax(dim=-1),
            "anchor_height": height[:, self.anchor],
            "anchor_orientation": rotation_angle(
                robot.body_quat_w[:, self.anchor], reference.body_quat_w[:, self.anchor]
            ),
            "end_effector_height": height[:, list(self.end_effectors)].amax(dim=-1),
            "mean_body_world": distance.mean(dim=-1),
        }
        return torch.stack([values[name] for name in ERRORS], dim=-1)
