"""Features of motions that are worked out by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from athena_wbc.synthesis.human_features import FEATURES, at_rate, human_features, longest_run, swings, turns
from athena_wbc.synthesis.motion import JOINT_NAMES, PARENTS
from tests.synthesis.figure import jumping, motion_of, moved, standing, turned, with_joint


def _along(shift: np.ndarray, axis: int) -> np.ndarray:
    out = np.zeros((len(shift), 3))
    out[:, axis] = shift
    return out


def test_a_rigid_body_at_one_metre_a_second() -> None:
    motion = motion_of(moved(standing(41), _along(np.arange(41) / 20.0, 0)))
    found = human_features(motion)
    assert found.duration == pytest.approx(2.0)
    for key in ("joint_speed_mean", "joint_speed_p95", "root_speed_mean", "root_speed_p95", "foot_speed_max"):
        assert getattr(found, key) == pytest.approx(1.0, abs=1e-6), key
    assert found.joint_acc_p95 < 1e-6 and found.joint_jerk_p95 < 1e-3
    # The smoothing of the path holds its ends, which shortens it a little.
    assert found.path_length == pytest.approx(2.0, abs=0.2) and found.displacement == pytest.approx(2.0)
    assert found.height_range == pytest.approx(0.0, abs=1e-9)
    assert (found.still, found.bursts, found.yaw_turned, found.inverted) == (0.0, 1, 0.0, 0.0)
    # Feet that glide at 1 m/s bear no weight.
    assert (found.left_contact, found.right_contact, found.contact_switches) == (0.0, 0.0, 0)


def test_constant_acceleration_and_jerk() -> None:
    time = np.arange(41) / 20.0
    found = human_features(motion_of(moved(standing(41), _along(1.5 * time**2, 1))))
    assert found.joint_acc_mean == pytest.approx(3.0, rel=1e-3)
    # A cubic through a cubic is exact: x = 2 t^3 has the third derivative 12.
    found = human_features(motion_of(moved(standing(41), _along(2.0 * time**3, 1))))
    assert found.joint_jerk_mean == pytest.approx(12.0, rel=1e-2)


def test_a_parabola_is_a_free_flight() -> None:
    found = human_features(motion_of(jumping(0.3)))
    # 0.3 m takes 0.495 s; it is more than 6 cm up for sqrt(0.8) of that.
    assert found.airtime == found.ballistic == pytest.approx(0.495 * np.sqrt(0.8), abs=0.04)
    assert found.flights == 1 and found.longest_flight == found.ballistic
    assert found.height_range == pytest.approx(0.3, abs=0.01)
    assert found.contact_switches == 4


def test_hovering_is_no_free_flight() -> None:
    height = np.interp(np.arange(61) / 20.0, (1.0, 1.2, 2.0, 2.2), (0.0, 0.2, 0.2, 0.0))
    found = human_features(motion_of(moved(standing(61), _along(height, 2))))
    # More than 6 cm up from 1.06 to 2.14 s.
    assert found.ballistic == 0.0 and found.airtime == pytest.approx(1.08, abs=0.04)


@pytest.mark.parametrize(("turn", "sign"), [(2.0, 1.0), (-2.0, -1.0)])
def test_a_spin_of_two_turns(turn: float, sign: float) -> None:
    angle = 2.0 * np.pi * turn * np.linspace(0.0, 1.0, 41)
    found = human_features(motion_of(turned(standing(41), angle)))
    assert found.yaw_net == pytest.approx(sign * 2.0, abs=0.01)
    assert found.yaw_turned == pytest.approx(2.0, abs=0.01)
    assert found.pitch_turned < 0.02 and found.roll_turned < 0.02 and found.inverted == 0.0


@pytest.mark.parametrize(
    ("axis", "key", "other"), [("y", "pitch_turned", "roll_turned"), ("x", "roll_turned", "pitch_turned")]
)
def test_somersault_and_cartwheel(axis: str, key: str, other: str) -> None:
    angle = 2.0 * np.pi * np.linspace(0.0, 1.0, 31)
    found = human_features(motion_of(turned(standing(31), angle, axis)))
    assert getattr(found, key) == pytest.approx(1.0, abs=0.01) and getattr(found, other) < 0.02
    # Beyond 120 degrees of tilt for a third of the way.
    assert found.inverted == pytest.approx(1 / 3, abs=0.04)
    assert abs(found.yaw_net) < 0.01


def test_turns_to_and_fro_add_up_and_sway_does_not() -> None:
    time = np.linspace(0.0, 1.0, 61)
    quarter = 0.25 * np.sin(2.0 * np.pi * time)
    assert swings(quarter) == pytest.approx(1.0, abs=0.01)
    assert swings(0.03 * np.sin(20.0 * time)) == 0.0
    yaw, *_ = turns(motion_of(turned(standing(61), 2.0 * np.pi * quarter)))
    assert np.ptp(yaw) == pytest.approx(0.5, abs=0.01)


def test_standing_still_and_on_one_leg() -> None:
    frames = 61
    still = human_features(motion_of(standing(frames)))
    assert (still.still, still.bursts, still.single_support, still.left_contact) == (1.0, 0, 0.0, 1.0)
    lift = np.interp(np.arange(frames) / 20.0, (0.5, 1.0), (0.0, 0.3))
    leg = with_joint(standing(frames), "left_knee", _along(lift, 2), ("left_ankle", "left_foot"))
    found = human_features(motion_of(leg))
    assert found.right_contact == 1.0 and found.foot_height_max == pytest.approx(0.3, abs=0.03)
    # From 0.6 s, when it is 6 cm up, to the end.
    assert found.longest_single_support == pytest.approx(2.4, abs=0.1)
    assert found.single_support == pytest.approx(2.4 / 3.0, abs=0.04)
    assert found.contact_switches == 1


def test_bursts_are_counted() -> None:
    time = np.arange(81) / 20.0
    way = 0.2 * (np.tanh(8 * (time - 1.0)) + np.tanh(8 * (time - 2.0)) + np.tanh(8 * (time - 3.0)))
    arm = with_joint(standing(81), "left_wrist", _along(way, 0), ("left_elbow",))
    assert human_features(motion_of(arm)).bursts == 3


def test_the_rate_of_the_file_does_not_matter() -> None:
    slow, fast = (
        human_features(motion_of(turned(jumping(0.3, fps), np.zeros(len(jumping(0.3, fps)))), fps))
        for fps in (20.0, 60.0)
    )
    assert slow.joint_speed_mean == pytest.approx(fast.joint_speed_mean, rel=0.05)
    assert slow.ballistic == pytest.approx(fast.ballistic, abs=0.05)


def test_resampling_keeps_bones_where_straight_lines_would_cut_the_corner() -> None:
    frames = 21
    pose = standing(frames)
    shoulder, wrist = JOINT_NAMES.index("left_shoulder"), JOINT_NAMES.index("left_wrist")
    reach = np.linalg.norm(pose[0, wrist] - pose[0, shoulder])
    angle = 10.0 * np.arange(frames) / 20.0
    swing = np.stack((np.cos(angle), np.zeros(frames), np.sin(angle)), axis=1)
    for name, share in (("left_elbow", 0.5), ("left_wrist", 1.0)):
        pose[:, JOINT_NAMES.index(name)] = pose[:, shoulder] + share * reach * swing
    middle = 0.5 * (pose[10, wrist] + pose[11, wrist])
    assert np.linalg.norm(middle - pose[10, shoulder]) < reach - 0.015
    made = at_rate(motion_of(pose), 40.0).positions
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            length = np.linalg.norm(made[:, joint] - made[:, parent], axis=1)
            assert np.ptp(length) < 1e-9
    assert np.allclose(made[::2], pose, atol=1e-9)
    ideal = np.array((np.cos(angle[10] + 0.25), 0.0, np.sin(angle[10] + 0.25))) * reach
    assert np.linalg.norm(made[21, wrist] - made[21, shoulder] - ideal) < 0.004


def test_all_features_are_plain_numbers() -> None:
    found = human_features(motion_of(standing(2)))
    assert set(FEATURES) == set(dataclasses.asdict(found))
    assert all(isinstance(value, (int, float)) and np.isfinite(value) for value in dataclasses.asdict(found).values())


def test_longest_run() -> None:
    assert longest_run(np.array([0, 1, 1, 0, 1, 1, 1], dtype=bool)) == 3
    assert longest_run(np.zeros(4, dtype=bool)) == 0
