"""Centre of mass from the zero moment point: what keeps a script's motion on its feet.

With the centre of mass c, the zero moment point p on the ground (z = 0), mass m and angular momentum L about c,
the moment balance about p reads (Newton-Euler; Kajita et al., "Introduction to Humanoid Robotics", 3.5)

    (g + c_z'') (c_x - p_x) - c_z c_x'' - L_y' / m = 0,    (g + c_z'') (c_y - p_y) - c_z c_y'' + L_x' / m = 0.

In flight g + c_z'' = 0, and with L' = 0 this says that the horizontal velocity is constant.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import solveh_banded

from athena_wbc.motion.builtin.feet import GRAVITY
from athena_wbc.motion.builtin.plan import FPS

JERK_COST = 1e-7
"""Weight of the squared jerk (m/s^3) beside the squared error of the zero moment point (m)."""

FLIGHT_COST = 1e3
"""Weight of a frame in flight, where the horizontal velocity has to be constant."""

LEAST_LOAD = 0.05
"""Share of the weight on the ground below which a zero moment point means nothing."""


def plan_com(
    zmp: np.ndarray,
    height: np.ndarray,
    height_acc: np.ndarray,
    momentum_rate: np.ndarray,
    flight: np.ndarray,
) -> np.ndarray:
    """Horizontal centre of mass whose zero moment point follows a reference, starting and ending at rest.

    Minimises the squared moment about the reference zero moment point (per weight) plus a little jerk; the first
    and last three frames are fixed at the reference, which makes velocity and acceleration zero there.

    Args:
        zmp: (N, 2) reference zero moment point, m.
        height: (N,) height of the centre of mass above the ground, m.
        height_acc: (N,) its second derivative, m/s^2.
        momentum_rate: (N, 3) derivative of the angular momentum divided by the mass, m^2/s^2.
        flight: (N,) bool.

    Returns:
        (N, 2) m.
    """
    load = np.where(flight, 0.0, (GRAVITY + height_acc) / GRAVITY)
    inertia = height / GRAVITY * FPS**2
    balance = np.stack((-inertia, load + 2.0 * inertia, -inertia), axis=1)
    moment = _about_ground(momentum_rate) / GRAVITY
    target = load[:, None] * zmp + np.where(flight[:, None], 0.0, moment)
    weight = np.where(flight, FLIGHT_COST, 1.0)
    return _fit(balance, target, weight, zmp[0], zmp[-1])


def zero_moment_point(
    com: np.ndarray, height_acc: np.ndarray, momentum_rate: np.ndarray, flight: np.ndarray
) -> np.ndarray:
    """Zero moment point of a motion, (N, 2) m; NaN where the feet carry nothing.

    Args:
        com: (N, 3) centre of mass, m.
        height_acc: (N,) vertical acceleration of the centre of mass, m/s^2.
        momentum_rate: (N, 3) as in `plan_com`.
        flight: (N,) bool.
    """
    load = GRAVITY + height_acc
    loaded = ~flight & (load > LEAST_LOAD * GRAVITY)
    moment = com[:, 2:] * second_difference(com[:, :2]) + _about_ground(momentum_rate)
    zmp = com[:, :2] - moment / np.where(loaded, load, 1.0)[:, None]
    return np.where(loaded[:, None], zmp, np.nan)


def second_difference(values: np.ndarray) -> np.ndarray:
    """Second derivative along the frames at `FPS`; zero in the first and last."""
    result = np.zeros_like(values)
    result[1:-1] = (values[2:] - 2.0 * values[1:-1] + values[:-2]) * FPS**2
    return result


def _about_ground(momentum_rate: np.ndarray) -> np.ndarray:
    """(N, 2): what L' adds to c_z c'' in the balance of x and of y."""
    return np.stack((momentum_rate[:, 1], -momentum_rate[:, 0]), axis=1)


def _fit(rows: np.ndarray, target: np.ndarray, weight: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Trajectory (N, D) of least weighted squares, at rest at `start` and `end` for three frames each.

    Minimises, over frames k, the sum of weight[k] |rows[k] . (x[k-1], x[k], x[k+1]) - target[k]|^2 and of
    JERK_COST |x'''|^2: a banded system.
    """
    count = len(rows)
    jerk = np.array([-1.0, 3.0, -3.0, 1.0]) * FPS**3
    bands = np.zeros((4, count))
    right = np.zeros((count, target.shape[1]))
    for i in range(3):
        right[i : count - 2 + i] += (weight * rows[:, i])[1:-1, None] * target[1:-1]
        for j in range(i, 3):
            bands[3 - (j - i), j : count - 2 + j] += (weight * rows[:, i] * rows[:, j])[1:-1]
    for i in range(4):
        for j in range(i, 4):
            bands[3 - (j - i), j : count - 3 + j] += JERK_COST * jerk[i] * jerk[j]
    fitted = np.empty_like(right)
    fitted[:3], fitted[-3:] = start, end
    # What the fixed frames contribute goes to the right-hand side.
    for fixed in (0, 1, 2, count - 3, count - 2, count - 1):
        for row in range(max(3, fixed - 3), min(count - 3, fixed + 4)):
            low, high = min(row, fixed), max(row, fixed)
            right[row] -= bands[3 - (high - low), high] * fitted[fixed]
    inside = bands[:, 3:-3].copy()
    for diagonal in range(3):
        inside[diagonal, : 3 - diagonal] = 0.0
    fitted[3:-3] = solveh_banded(inside, right[3:-3])
    return fitted
