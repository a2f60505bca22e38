"""Joint torques that carry a robot on its feet, and the position targets that produce them."""

from __future__ import annotations

import mujoco
import numpy as np

_MOMENT_WEIGHT = 0.05
"""m; a foot's moments count this length's inverse against its forces, so that the feet press rather than twist."""


def support_torques(
    model: mujoco.MjModel,
    data: mujoco.MjData,
    feet: np.ndarray,
    points: np.ndarray,
    acceleration: np.ndarray | None = None,
) -> np.ndarray:
    """Joint torques (nv - 6,) that hold the pose in `data`, the feet carrying all of it.

    The Newton-Euler equations of the free root have six rows; the feet's wrenches of least norm solve them, and the
    joints' rows then give the torques.

    Args:
        model, data: the robot after `mj_forward`.
        feet: (F,) body ids.
        points: (F, 3) where each foot is pressed, in its own frame, m.
        acceleration: (3,) wanted of the whole body, m/s^2.
    """
    needed = data.qfrc_bias.copy()
    if acceleration is not None:
        wanted, force = np.zeros(model.nv), np.zeros(model.nv)
        wanted[:3] = acceleration
        mujoco.mj_mulM(model, data, force, wanted)
        needed += force
    jacobian = np.zeros((6 * len(feet), model.nv))
    for index, (foot, point) in enumerate(zip(feet, points, strict=True)):
        rows = slice(6 * index, 6 * index + 3), slice(6 * index + 3, 6 * index + 6)
        world = data.xpos[foot] + data.xmat[foot].reshape(3, 3) @ point
        mujoco.mj_jac(model, data, jacobian[rows[0]], jacobian[rows[1]], world, foot)
        jacobian[rows[1]] *= _MOMENT_WEIGHT
    wrench = np.linalg.lstsq(jacobian[:, :6].T, needed[:6], rcond=None)[0]
    return needed[6:] - jacobian[:, 6:].T @ wrench
