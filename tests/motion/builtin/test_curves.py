"""Curves against values worked out by hand and against dense linear algebra."""

from __future__ import annotations

import numpy as np
import pytest

from athena_wbc.motion.builtin.curves import FPS, bump, fit_trajectory, minimum_jerk, quintic, second_difference


def test_minimum_jerk_is_the_quintic_at_rest():
    fraction = np.linspace(0.0, 1.0, 21)
    assert minimum_jerk(fraction) == pytest.approx(quintic((0, 0, 0), (1, 0, 0), 3.0, fraction)[0])
    assert minimum_jerk(np.array([0.0, 0.25, 0.5, 1.0])) == pytest.approx([0.0, 0.103515625, 0.5, 1.0])


def test_bump_is_smooth_at_both_ends():
    assert bump(np.array([0.0, 0.5, 1.0])) == pytest.approx([0.0, 1.0, 0.0])
    assert bump(np.array([0.25])) == pytest.approx(27.0 / 64.0)
    near = np.array([0.0, 1e-3, 2e-3])
    assert abs(np.diff(bump(near), 2)[0] / 1e-6) < 0.5  # the second derivative is 384 s near zero


def test_a_quintic_through_a_fall_is_the_parabola():
    duration, speed, gravity = 0.3, 1.4715, 9.81
    fraction = np.linspace(0.0, 1.0, 7)
    time = fraction * duration
    height, acceleration = quintic((0.2, speed, -gravity), (0.2, -speed, -gravity), duration, fraction)
    assert height == pytest.approx(0.2 + speed * time - 0.5 * gravity * time**2)
    assert acceleration == pytest.approx(np.full(7, -gravity))


def test_second_difference_of_a_parabola():
    time = np.arange(10) / FPS
    curve = np.column_stack((3.0 * time**2, 1.0 + time))
    expected = np.zeros((10, 2))
    expected[1:-1, 0] = 6.0
    assert second_difference(curve) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("stay_cost", [0.0, 0.5])
def test_the_fit_is_that_of_dense_least_squares(stay_cost: float):
    rng = np.random.default_rng(3)
    count, jerk_cost = 23, 1e-9
    rows, target, weight = rng.normal(size=(count, 3)), rng.normal(size=(count, 2)), rng.uniform(0.1, 2.0, count)
    start, end = np.array([0.3, -0.2]), np.array([0.1, 0.5])
    design, right = [], []
    for k in range(1, count - 1):
        row = np.zeros(count)
        row[k - 1 : k + 2] = rows[k]
        design.append(np.sqrt(weight[k]) * row)
        right.append(np.sqrt(weight[k]) * target[k])
    third = np.diff(np.eye(count), 3, axis=0) * FPS**3
    design = np.concatenate((design, np.sqrt(jerk_cost) * third, np.sqrt(stay_cost) * np.eye(count)))
    right = np.concatenate((right, np.zeros((count - 3 + count, 2))))
    fixed = np.zeros((count, 2))
    fixed[:3], fixed[-3:] = start, end
    inner = np.linalg.lstsq(design[:, 3:-3], right - design @ fixed, rcond=None)[0]
    fitted = fit_trajectory(rows, target, weight, start, end, jerk_cost, stay_cost)
    assert fitted[:3] == pytest.approx(fixed[:3]) and fitted[-3:] == pytest.approx(fixed[-3:])
    assert fitted[3:-3] == pytest.approx(inner, abs=1e-9)
