from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from athena_wbc.embodiment import get_embodiment, load_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.features import motion_features
from tests.motion.samples import gliding, jumping, random_clip, standing
from tests.toy_robot import ROBOT, write_toy

G1 = get_embodiment("g1")
UP = np.array((0.0, 0.0, 1.0))


def tilted(angle: float, axis: tuple[float, float, float], height: float = 0.5):
    """A clip that keeps one orientation."""
    clip = standing(G1)
    quat = (*(math.sin(angle / 2) * np.array(axis)), math.cos(angle / 2))
    root_pos = np.tile((0.0, 0.0, height), (clip.num_frames, 1))
    return clip.replace(root_quat=np.tile(quat, (clip.num_frames, 1)), root_pos=root_pos)


def with_right_leg_raised(first: int, frames: int = 60):
    """Stands, and from one frame on has the right foot some 20 cm above the ground."""
    clip = standing(G1, frames)
    joints = clip.joint_pos.copy()
    for name, angle in (("right_hip_pitch_joint", -1.2), ("right_knee_joint", 1.8)):
        joints[first:, G1.joint_names.index(name)] = angle
    return clip.replace(joint_pos=joints)


def test_standing_is_nothing_but_contact() -> None:
    found = motion_features(standing(G1), G1)
    assert (found.left_contact_ratio, found.right_contact_ratio) == (1.0, 1.0)
    for name in ("single_support_ratio", "flight_ratio", "non_foot_contact_ratio", "inversion_ratio"):
        assert getattr(found, name) == 0.0, name
    assert found.duration == pytest.approx(59 / 30)
    # The soles of the default pose are 3 mm above the zero of the world; heights are above the soles.
    assert found.height_mean == pytest.approx(G1.default_root_height - 0.003, abs=1e-3)
    assert found.height_min == pytest.approx(found.height_mean)
    moving = (found.height_range, found.tilt_mean, found.speed_mean, found.ang_vel_mean, found.joint_vel_high)
    assert moving == pytest.approx((0.0,) * 5, abs=1e-9)


@pytest.mark.parametrize("fps", [30.0, 50.0, 120.0])
def test_a_ballistic_hop_is_in_flight_while_it_is_3_cm_high(fps: float) -> None:
    clip = jumping(G1, fps=fps)
    # v t - g t^2 / 2 > 0.03 m with v = 2.5 m/s: between the roots of the parabola, 12.3 and 497.4 ms after take-off.
    root = math.sqrt(2.5**2 - 2 * 9.81 * 0.03)
    first, last = (2.5 - root) / 9.81, (2.5 + root) / 9.81
    time = np.arange(clip.num_frames) / fps - 0.5
    expected = ((time > first) & (time < last)).mean()
    found = motion_features(clip, G1)
    assert found.flight_ratio == pytest.approx(expected)
    assert found.left_contact_ratio == pytest.approx(1.0 - expected)
    assert found.single_support_ratio == 0.0
    assert found.height_range == pytest.approx(2.5**2 / (2 * 9.81), abs=0.01)  # h = v^2 / 2 g


def test_a_clip_that_floats_as_a_whole_has_the_same_contacts() -> None:
    clip = jumping(G1)
    floating = clip.replace(root_pos=clip.root_pos + 0.14 * UP)
    found, same = motion_features(floating, G1), motion_features(clip, G1)
    for name in ("flight_ratio", "left_contact_ratio", "height_mean", "height_range"):
        assert getattr(found, name) == pytest.approx(getattr(same, name)), name


def test_what_stays_up_for_longer_than_a_jump_stands_on_something() -> None:
    clip = standing(G1, frames=150)
    step = np.where((np.arange(150) >= 30) & (np.arange(150) < 120), 0.5, 0.0)
    found = motion_features(clip.replace(root_pos=clip.root_pos + step[:, None] * UP), G1)
    assert found.flight_ratio == 0.0
    assert found.height_range == pytest.approx(0.0, abs=1e-9)


def test_standing_on_one_leg() -> None:
    # The right foot is up from frame 24, and already too fast to bear weight in the step from 23: 37 of 60 frames.
    found = motion_features(with_right_leg_raised(first=24), G1)
    assert found.single_support_ratio == pytest.approx(37 / 60)
    assert found.left_contact_ratio == 1.0
    assert found.right_contact_ratio == pytest.approx(23 / 60)
    assert found.flight_ratio == 0.0


def test_lying_on_the_back_is_tilted_and_supported_but_not_inverted() -> None:
    found = motion_features(tilted(-math.pi / 2, (0.0, 1.0, 0.0)), G1)
    assert (found.tilt_mean, found.tilt_high) == pytest.approx((math.pi / 2, math.pi / 2))
    assert found.inversion_ratio == 0.0
    assert found.non_foot_contact_ratio == 1.0
    assert found.single_support_ratio == found.flight_ratio == 0.0


def test_upside_down_is_inverted_and_stands_on_something_else() -> None:
    found = motion_features(tilted(math.pi, (1.0, 0.0, 0.0)), G1)
    assert found.tilt_mean == pytest.approx(math.pi)
    assert found.inversion_ratio == 1.0
    assert found.non_foot_contact_ratio == 1.0
    assert found.left_contact_ratio == found.right_contact_ratio == 0.0


@pytest.mark.parametrize(("degrees", "expected"), [(119.0, 0.0), (121.0, 1.0)])
def test_inversion_begins_at_120_degrees(degrees: float, expected: float) -> None:
    assert motion_features(tilted(math.radians(degrees), (1.0, 0.0, 0.0)), G1).inversion_ratio == expected


@pytest.mark.parametrize(("speed", "contact"), [(0.4, 1.0), (0.6, 0.0)])
def test_a_foot_that_slides_fast_bears_no_weight_and_does_not_fly(speed: float, contact: float) -> None:
    found = motion_features(gliding(G1, speed), G1)
    assert (found.speed_mean, found.speed_high) == pytest.approx((speed, speed))
    assert found.left_contact_ratio == found.right_contact_ratio == contact
    assert found.flight_ratio == 0.0


def test_high_is_the_95th_percentile_and_mean_the_mean() -> None:
    clip = standing(G1, frames=101)
    time = np.arange(101) / 30.0
    found = motion_features(clip.replace(root_pos=clip.root_pos + np.outer(0.5 * time**2, (1.0, 0.0, 0.0))), G1)
    # The speed is t (the ends are half a step off): 95 % of 100/30 s, and half of it.
    assert found.speed_high == pytest.approx(95 / 30, abs=1e-6)
    assert found.speed_mean == pytest.approx(50 / 30, abs=1e-6)


def test_angular_speed_of_a_steady_turn() -> None:
    clip = standing(G1)
    angle = 2.0 * np.arange(60) / 30.0
    quat = np.stack((0 * angle, 0 * angle, np.sin(angle / 2), np.cos(angle / 2)), axis=1)
    found = motion_features(clip.replace(root_quat=quat), G1)
    assert (found.ang_vel_mean, found.ang_vel_high) == pytest.approx((2.0, 2.0))
    assert found.tilt_mean == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("fps", [30.0, 50.0, 120.0])
def test_joint_acceleration_does_not_depend_on_the_frame_rate(fps: float) -> None:
    frames = round(2 * fps) + 1
    time = np.arange(frames) / fps
    clip = standing(G1, frames, fps)
    found = motion_features(clip.replace(joint_pos=clip.joint_pos + 0.1 * time[:, None] ** 2), G1)
    assert found.joint_acc_high == pytest.approx(0.2)  # the second derivative of 0.1 t^2
    assert found.joint_vel_high == pytest.approx(0.2 * 1.9, rel=0.01)  # 95 % of two seconds


def test_noise_of_single_frames_at_a_high_rate_is_no_acceleration() -> None:
    clip = standing(G1, frames=241, fps=120.0)
    noise = np.where(np.arange(241) % 2, 1e-3, -1e-3)[:, None]
    assert motion_features(clip.replace(joint_pos=clip.joint_pos + noise), G1).joint_acc_high < 1e-9


def test_joints_are_matched_by_name() -> None:
    clip = random_clip(G1, frames=90)
    turned = clip.replace(joint_names=clip.joint_names[::-1], joint_pos=clip.joint_pos[:, ::-1])
    assert motion_features(turned, G1) == motion_features(clip, G1)


def test_left_and_right_are_told_by_name() -> None:
    """A robot that lists its right foot first."""
    other = dataclasses.replace(G1, feet=G1.feet[::-1])
    assert motion_features(with_right_leg_raised(24), other) == motion_features(with_right_leg_raised(24), G1)


def test_what_has_no_features_is_one_line(tmp_path) -> None:
    with pytest.raises(AthenaError, match="standing: has 2 frames"):
        motion_features(standing(G1, frames=2), G1)
    one_footed = load_embodiment(
        write_toy(tmp_path, ROBOT.replace("feet: [left_foot, right_foot]", "feet: [left_foot]"))
    )
    with pytest.raises(AthenaError, match=r"robot 'toy': feet: are 1; support features need two"):
        motion_features(standing(one_footed, 30), one_footed)
