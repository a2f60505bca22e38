"""The centre of mass that a zero moment point asks for."""

from __future__ import annotations

import numpy as np
import pytest

from athena_wbc.motion.builtin.balance import plan_com, plan_tilt, zero_moment_point
from athena_wbc.motion.builtin.curves import FPS, GRAVITY, minimum_jerk, second_difference

FRAMES = 200
STILL = np.zeros((FRAMES, 3))
GROUNDED = np.zeros(FRAMES, dtype=bool)


def _step_to_the_left() -> np.ndarray:
    """A zero moment point that goes from x = 0, y = 0 to y = 0.1 between 1.6 s and 2.4 s."""
    zmp = np.zeros((FRAMES, 2))
    zmp[80:120, 1] = 0.1 * minimum_jerk(np.arange(40) / 40)
    zmp[120:, 1] = 0.1
    return zmp


def test_standing_still_stays_where_it_is():
    zmp = np.tile((0.03, -0.01), (FRAMES, 1))
    com = plan_com(zmp, np.full(FRAMES, 0.7), np.zeros(FRAMES), STILL, GROUNDED)
    assert com == pytest.approx(zmp, abs=1e-9)


def test_the_zero_moment_point_is_that_of_the_reference():
    zmp, height = _step_to_the_left(), np.full(FRAMES, 0.7)
    com = plan_com(zmp, height, np.zeros(FRAMES), STILL, GROUNDED)
    reached = zero_moment_point(np.column_stack((com, height)), np.zeros(FRAMES), STILL, GROUNDED)
    assert np.abs(reached - zmp).max() < 0.004
    # The body leads: it has begun to fall to the left before the support moves there.
    assert com[80, 1] > 0.002 and com[100, 1] == pytest.approx(0.05, abs=1e-3)
    assert np.abs(np.diff(com[:3], axis=0)).max() == 0.0 and np.abs(np.diff(com[-3:], axis=0)).max() == 0.0


def test_the_solution_is_that_of_the_pendulum():
    """For a sine of the zero moment point the pendulum sways in phase, with 1 / (1 + w^2 z / g) of its amplitude."""
    frames = 2 * FRAMES  # the ends are at rest, and what that changes dies away with sqrt(z / g) = 0.27 s
    time = np.arange(frames) / FPS
    omega, height = 2.0 * np.pi, 0.7
    zmp = np.column_stack((np.zeros(frames), 0.1 * np.sin(omega * time)))
    com = plan_com(zmp, np.full(frames, height), np.zeros(frames), np.zeros((frames, 3)), np.zeros(frames, dtype=bool))
    expected = zmp[:, 1] / (1.0 + omega**2 * height / GRAVITY)
    assert com[150:250, 1] == pytest.approx(expected[150:250], abs=2e-4)


@pytest.mark.parametrize(("axis", "moved", "sign"), [(1, 0, 1.0), (0, 1, -1.0)])
def test_a_change_of_angular_momentum_shifts_the_body(axis: int, moved: int, sign: float):
    """L_y' = m g d needs the centre of mass d in front of the zero moment point, L_x' = m g d d to its right."""
    rate = np.zeros((FRAMES, 3))
    rate[:, axis] = GRAVITY * 0.02
    com = plan_com(np.zeros((FRAMES, 2)), np.full(FRAMES, 0.7), np.zeros(FRAMES), rate, GROUNDED)
    assert com[FRAMES // 2, moved] == pytest.approx(sign * 0.02, abs=1e-3)
    assert com[FRAMES // 2, 1 - moved] == pytest.approx(0.0, abs=1e-9)
    zmp = zero_moment_point(np.column_stack((com, np.full(FRAMES, 0.7))), np.zeros(FRAMES), rate, GROUNDED)
    assert np.abs(zmp[60:140]).max() < 1e-3


def test_a_flight_is_a_straight_line():
    flight = GROUNDED.copy()
    flight[90:106] = True
    acceleration = np.where(flight, -GRAVITY, 0.0)
    zmp = np.zeros((FRAMES, 2))
    zmp[98:, 0] = 0.2
    com = plan_com(zmp, np.full(FRAMES, 0.7), acceleration, STILL, flight)
    assert np.abs(second_difference(com)[90:106]).max() < 0.02
    assert com[105, 0] - com[90, 0] > 0.05
    reached = zero_moment_point(np.column_stack((com, np.full(FRAMES, 0.7))), acceleration, STILL, flight)
    assert np.isnan(reached[flight]).all() and np.isfinite(reached[~flight]).all()


def test_the_tilt_has_the_acceleration_asked_for_and_dies_away():
    flight = GROUNDED.copy()
    flight[90:110] = True
    asked = np.zeros((FRAMES, 3))
    asked[90:110, 1] = 10.0 * np.cos(np.linspace(0.0, 2.0 * np.pi, 20))
    tilt = plan_tilt(asked, flight)
    assert np.abs(second_difference(tilt)[92:108, 1] - asked[92:108, 1]).max() < 2.5
    assert np.abs(tilt[:, 1]).max() < 0.1 and np.abs(tilt[:, [0, 2]]).max() == 0.0
    assert np.abs(tilt[:60]).max() < 1e-4 and np.abs(tilt[140:]).max() < 1e-4
