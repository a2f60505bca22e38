"""Functions of time that begin and end smoothly: polynomials, and the solution of least squares along a clip."""

from __future__ import annotations

import numpy as np
from scipy.linalg import solveh_banded

GRAVITY = 9.81

FPS = 50.0
"""Frames per second of the built-in clips."""


def minimum_jerk(fraction: np.ndarray) -> np.ndarray:
    """10 s^3 - 15 s^4 + 6 s^5: from 0 to 1, with no velocity and acceleration at either end."""
    return fraction**3 * (10.0 + fraction * (6.0 * fraction - 15.0))


def bump(fraction: np.ndarray) -> np.ndarray:
    """64 s^3 (1 - s)^3: rises to 1 and falls, with no velocity and acceleration at either end."""
    return 64.0 * (fraction * (1.0 - fraction)) ** 3


def quintic(
    start: tuple[float, float, float], end: tuple[float, float, float], duration: float, fraction: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Polynomial of degree five through position, velocity and acceleration at both ends.

    Returns:
        its values and second derivatives at `fraction` of the duration.
    """
    p0, v0, a0 = start[0], start[1] * duration, start[2] * duration**2
    p1, v1, a1 = end[0], end[1] * duration, end[2] * duration**2
    gap = p1 - p0
    coefficients = np.array(
        [
            p0,
            v0,
            0.5 * a0,
            10 * gap - 6 * v0 - 4 * v1 - 1.5 * a0 + 0.5 * a1,
            -15 * gap + 8 * v0 + 7 * v1 + 1.5 * a0 - a1,
            6 * gap - 3 * (v0 + v1) - 0.5 * (a0 - a1),
        ]
    )
    polynomial = np.polynomial.Polynomial(coefficients)
    return polynomial(fraction), polynomial.deriv(2)(fraction) / duration**2


def second_difference(values: np.ndarray) -> np.ndarray:
    """Second derivative along the frames at `FPS`; zero in the first and last."""
    result = np.zeros_like(values)
    result[1:-1] = (values[2:] - 2.0 * values[1:-1] + values[:-2]) * FPS**2
    return result


def fit_trajectory(
    rows: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
    jerk_cost: float,
    stay_cost: float = 0.0,
) -> np.ndarray:
    """Trajectory (N, D) of least weighted squares, at rest at `start` and `end` for three frames each.

    Minimises, over frames k, the sum of weight[k] |rows[k] . (x[k-1], x[k], x[k+1]) - target[k]|^2, of
    jerk_cost |x'''|^2 and of stay_cost |x|^2: a banded system.

    Args:
        rows: (N, 3).
        target: (N, D).
        weight: (N,).
        start: (D,).
        end: (D,).
        jerk_cost: weight of the squared third derivative.
        stay_cost: weight of the squared trajectory itself.
    """
    count = len(rows)
    jerk = np.array([-1.0, 3.0, -3.0, 1.0]) * FPS**3
    bands = np.zeros((4, count))
    bands[3] = stay_cost
    right = np.zeros((count, target.shape[1]))
    for i in range(3):
        right[i : count - 2 + i] += (weight * rows[:, i])[1:-1, None] * target[1:-1]
        for j in range(i, 3):
            bands[3 - (j - i), j : count - 2 + j] += (weight * rows[:, i] * rows[:, j])[1:-1]
    for i in range(4):
        for j in range(i, 4):
            bands[3 - (j - i), j : count - 3 + j] += jerk_cost * jerk[i] * jerk[j]
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
