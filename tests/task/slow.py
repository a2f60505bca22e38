"""Slow references in SciPy: one environment, one body, one frame at a time, in double precision."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from scipy.spatial.transform import Rotation

from athena_wbc.motion.reference import GeneralisedState, ReferenceState
from athena_wbc.task.state import RobotState


def twist(rotation: Rotation) -> float:
    """Angle about the world's z axis of a swing-twist decomposition, rad in [-pi, pi)."""
    _, _, z, w = rotation.as_quat()
    angle = 2.0 * math.atan2(z, w)
    return (angle + math.pi) % (2.0 * math.pi) - math.pi


def heading(rotation: Rotation) -> Rotation:
    """The twist as a rotation."""
    return Rotation.from_euler("z", twist(rotation))


def sixd(rotation: Rotation) -> list[float]:
    """First two columns of the matrix, row by row."""
    return rotation.as_matrix()[:, :2].reshape(-1).tolist()


class Row:
    """One environment of a state: arrays in double precision, quaternions as rotations."""

    def __init__(self, state: RobotState | ReferenceState | GeneralisedState, index: int | tuple[int, int]) -> None:
        for field in dataclasses.fields(state):
            value = getattr(state, field.name)[index].double().numpy()
            setattr(self, field.name, value)
        self.root = Rotation.from_quat(self.root_quat_w)
        if hasattr(self, "body_quat_w"):
            self.bodies = [Rotation.from_quat(quat) for quat in self.body_quat_w]


def anchored(robot: Row, reference: Row, anchor: int) -> tuple[Rotation, np.ndarray, list[Rotation]]:
    """How the reference is turned, and its key bodies at the robot's place and heading, heights kept."""
    turn = heading(robot.bodies[anchor] * reference.bodies[anchor].inv())
    pivot, place = (np.append(row.body_pos_w[anchor, :2], 0.0) for row in (reference, robot))
    positions = np.array([turn.apply(pos - pivot) + place for pos in reference.body_pos_w])
    return turn, positions, [turn * body for body in reference.bodies]
