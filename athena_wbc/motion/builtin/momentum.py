"""Centre of mass and angular momentum of a motion, and what the trunk can do about the latter."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

from athena_wbc.motion.builtin.curves import FPS
from athena_wbc.motion.builtin.ik import FrameTarget, WholeBodyIK
from athena_wbc.motion.builtin.morphology import Morphology

_ANGLE = 0.01
"""Turn of the trunk from which its inertia is taken, rad."""


def com_height(body: Morphology, qpos: np.ndarray) -> np.ndarray:
    """Height of the centre of mass, (N,) m, in configurations (N, nq)."""
    data = mujoco.MjData(body.model)
    height = np.empty(len(qpos))
    for k in range(len(qpos)):
        data.qpos[:] = qpos[k]
        mujoco.mj_kinematics(body.model, data)
        mujoco.mj_comPos(body.model, data)
        height[k] = data.subtree_com[1, 2]
    return height


def momentum_rate(body: Morphology, qpos: np.ndarray) -> np.ndarray:
    """Derivative of the angular momentum about the centre of mass, (N, 3) N m; zero in the first and last frame."""
    data = mujoco.MjData(body.model)
    momentum = np.array([_momentum(body, data, before, after, 1.0 / FPS) for before, after in pairwise(qpos)])
    rate = np.zeros((len(qpos), 3))
    rate[1:-1] = np.diff(momentum, axis=0) * FPS
    return rate


def trunk_inertia(body: Morphology, solver: WholeBodyIK, target: FrameTarget, qpos: np.ndarray) -> np.ndarray:
    """Angular momentum per angular velocity of the trunk, (3, 3) kg m^2, while feet and centre of mass keep still.

    Args:
        body: the robot.
        solver: its inverse kinematics.
        target: targets of a frame.
        qpos: (nq,) configuration that meets them.
    """
    data = mujoco.MjData(body.model)
    inertia = np.empty((3, 3))
    for axis in range(3):
        turned = solver.solve(qpos, turn_trunk(target, _ANGLE * np.eye(3)[axis]))
        inertia[:, axis] = _momentum(body, data, qpos, turned, _ANGLE)
    return inertia


def turn_trunk(target: FrameTarget, rotvec: np.ndarray) -> FrameTarget:
    """The targets with pelvis and torso turned by a rotation vector (3,) in the world frame."""
    turn = Rotation.from_rotvec(rotvec).as_matrix()
    return dataclasses.replace(
        target, pelvis_rotation=turn @ target.pelvis_rotation, torso_rotation=turn @ target.torso_rotation
    )


def _momentum(
    body: Morphology, data: mujoco.MjData, before: np.ndarray, after: np.ndarray, duration: float
) -> np.ndarray:
    """Angular momentum about the centre of mass, (3,) N m s, half-way between two configurations."""
    model = body.model
    mujoco.mj_differentiatePos(model, data.qvel, duration, before, after)
    data.qpos[:] = before
    mujoco.mj_integratePos(model, data.qpos, data.qvel, 0.5 * duration)
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
    mujoco.mj_comVel(model, data)
    mujoco.mj_subtreeVel(model, data)
    return data.subtree_angmom[1].copy()
