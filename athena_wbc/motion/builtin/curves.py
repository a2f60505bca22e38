"""Polynomials of time that begin and end smoothly."""

from __future__ import annotations

import numpy as np


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
