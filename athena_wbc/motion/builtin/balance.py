"""Centre of mass from the zero moment point: what keeps a script's motion on its feet.

With the centre of mass c, the zero moment point p on the ground (z = 0), mass m and angular momentum L about c,
the moment balance about p reads (Newton-Euler; Kajita et al., "Introduction to Humanoid Robotics", 3.5)

    (g + c_z'') (c_x - p_x) - c_z c_x'' - L_y' / m = 0,    (g + c_z'') (c_y - p_y) - c_z c_y'' + L_x' / m = 0.

In flight g + c_z'' = 0, and with L' = 0 this says that the horizontal velocity is constant.
"""

from __future__ import annotations

import numpy as np

from athena_wbc.motion.builtin.curves import FPS, GRAVITY, fit_trajectory, second_difference

JERK_COST = 1e-7
"""Weight of the squared jerk (m/s^3) beside the squared error of the zero moment point (m)."""

FLIGHT_COST = 1e3
"""Weight of a frame in flight, where the horizontal velocity has to be constant."""

TILT_JERK_COST = 3e-5
TILT_COST = 1e4
"""Weights of squared jerk and of the turn itself (rad) beside the squared acceleration missing in flight (rad/s^2):
what lasts for a frame or two stays uncompensated, as it turns nobody far and would ask too much of the waist."""

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
    return fit_trajectory(balance, target, weight, zmp[0], zmp[-1], jerk_cost=JERK_COST)


def plan_tilt(acceleration: np.ndarray, flight: np.ndarray) -> np.ndarray:
    """Turn of the trunk that keeps the angular momentum constant in flight.

    Args:
        acceleration: (N, 3) angular acceleration that the trunk has to have in flight, rad/s^2.
        flight: (N,) bool.

    Returns:
        (N, 3) rotation vectors, rad, which die away smoothly in the stances around a flight.
    """
    rows = np.tile(np.array([1.0, -2.0, 1.0]) * FPS**2, (len(flight), 1))
    still = np.zeros(3)
    return fit_trajectory(rows, acceleration, flight.astype(float), still, still, TILT_JERK_COST, TILT_COST)


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


def _about_ground(momentum_rate: np.ndarray) -> np.ndarray:
    """(N, 2): what L' adds to c_z c'' in the balance of x and of y."""
    return np.stack((momentum_rate[:, 1], -momentum_rate[:, 0]), axis=1)
