"""The requirements that every built-in clip of the G1 keeps, checked on the robot's own model."""

from __future__ import annotations

import numpy as np
import pytest

from athena_wbc.motion.builtin import BUILTIN
from athena_wbc.motion.check import check_clip
from athena_wbc.motion.clip import LABELS
from tests.motion.builtin.motion import GRAVITY, Motion

REQUIRED = {
    "wave": "balance",
    "punch_combination": "dynamic",
    "squat": "balance",
    "march": "locomotion",
    "walk": "locomotion",
    "side_step": "locomotion",
    "turn_in_place": "locomotion",
    "one_leg_stand": "balance",
    "crouch_walk": "locomotion",
    "high_kick": "dynamic",
    "vertical_jump": "dynamic",
    "hop": "dynamic",
    "lunge": "balance",
}

every_clip = pytest.mark.parametrize("motion", BUILTIN, indirect=True)
quasi_static = pytest.mark.parametrize(
    "motion", [name for name, script in BUILTIN.items() if script.label == "balance"] + ["high_kick"], indirect=True
)
with_flight = pytest.mark.parametrize("motion", ["vertical_jump", "hop", "one_leg_hop"], indirect=True)


def test_the_set_has_what_is_asked_for(motions: dict[str, Motion]):
    clips = [motion.clip for motion in motions.values()]
    assert len(clips) >= 12 and sum(clip.duration for clip in clips) >= 70.0
    assert {name: motions[name].clip.label for name in REQUIRED} == REQUIRED
    assert {clip.label for clip in clips} == set(LABELS)
    assert len({clip.text for clip in clips}) == len(clips) and all(clip.text for clip in clips)


@every_clip
def test_a_clip_says_what_it_is(motion: Motion):
    clip, script = motion.clip, BUILTIN[motion.clip.name]
    assert clip.fps == 50.0 and clip.duration == pytest.approx(script.duration, abs=1e-9)
    assert (clip.label, clip.text) == (script.label, script.text)
    assert (clip.robot, clip.robot_hash) == ("g1", motion.robot.hash)
    assert clip.joint_names == motion.robot.joint_names
    assert 3.5 <= clip.duration <= 11.0


@every_clip
def test_standing_feet_are_on_the_ground(motion: Motion):
    height = motion.sole[..., 2]
    assert np.abs(height[motion.plan.flat]).max() < 0.003
    # A foot on its toes has the front two of its four points on the ground.
    toes = motion.plan.contact & ~motion.plan.flat
    assert np.abs(np.sort(height, axis=2)[toes][:, :2]).max(initial=0.0) < 0.003
    assert height.min() > -0.001


@every_clip
def test_standing_feet_do_not_move(motion: Motion):
    flat = motion.plan.flat
    for foot in range(2):
        stands = np.flatnonzero(flat[:, foot])
        for stance in np.split(stands, np.flatnonzero(np.diff(stands) > 1) + 1):
            slip = np.linalg.norm(motion.foot_pos[stance, foot] - motion.foot_pos[stance[0], foot], axis=1)
            assert slip.max() < 0.001
            turn = motion.foot_rotation[stance, foot] - motion.foot_rotation[stance[0], foot]
            assert np.abs(turn).max() < 0.001
    toes = motion.plan.contact & ~flat
    both = toes[1:] & toes[:-1]
    front = motion.sole[:, :, 2:].mean(axis=2)  # heels come first in the model
    assert np.linalg.norm(np.diff(front, axis=0), axis=2)[both].max(initial=0.0) < 0.001


@every_clip
def test_joints_keep_off_their_limits(motion: Motion):
    robot, joint_pos = motion.robot, motion.clip.joint_pos
    margin = np.minimum(joint_pos - robot.joint_lower, robot.joint_upper - joint_pos)
    assert margin.min() > 0.0195
    speed = np.abs(np.diff(joint_pos, axis=0)) * motion.clip.fps
    assert (speed / robot.velocity_limit).max() < 0.7


@every_clip
def test_the_body_does_not_pass_through_itself(motion: Motion):
    assert motion.overlap.max() < 0.001


@every_clip
def test_a_clip_starts_and_ends_standing_at_rest(motion: Motion):
    robot, clip = motion.robot, motion.clip
    for ends in (slice(0, 3), slice(-3, None)):
        assert np.abs(np.diff(motion.qpos[ends], axis=0)).max() * clip.fps < 0.01
        assert np.abs(np.diff(motion.qpos[ends], 2, axis=0)).max() * clip.fps**2 < 0.6
    for frame in (0, -1):
        assert np.abs(clip.joint_pos[frame] - robot.default_joint_pos).max() < 0.01
        assert clip.root_pos[frame, 2] == pytest.approx(robot.default_root_height, abs=0.006)
        assert np.abs(clip.root_quat[frame, :2]).max() < 1e-4
    assert np.allclose(clip.root_pos[0, :2], 0.0, atol=1e-3) and np.allclose(clip.root_quat[0], (0, 0, 0, 1), atol=1e-4)


@every_clip
def test_accelerations_are_continuous(motion: Motion):
    acceleration = np.diff(motion.clip.joint_pos, 2, axis=0) * motion.clip.fps**2
    step = np.abs(np.diff(acceleration, axis=0)).max()
    # The change of acceleration within a frame; an impulse that stops a joint of 10 rad/s would make 500 rad/s^2.
    assert step < (250.0 if motion.flights else 130.0)
    com = np.diff(motion.com, 2, axis=0) * motion.clip.fps**2
    assert np.abs(np.diff(com, axis=0)).max() < (10.0 if motion.flights else 1.5)


@quasi_static
def test_the_centre_of_mass_is_over_the_support(motion: Motion):
    frames = np.arange(motion.clip.num_frames)
    assert motion.outside_support(motion.com[:, :2], frames).max() < 0.0


@pytest.mark.parametrize("motion", ["one_leg_stand", "one_leg_squat", "high_kick"], indirect=True)
def test_the_weight_moves_before_a_foot_leaves_the_ground(motion: Motion):
    single = np.flatnonzero(motion.plan.contact.sum(axis=1) == 1)
    # Not merely at the edge of the foot that is left: its half-width is 25 mm.
    assert motion.outside_support(motion.com[:, :2], single).max() < -0.012


@every_clip
def test_ground_and_motors_can_do_it(motion: Motion):
    need = motion.inverse_dynamics(stride=1)
    assert need["force"].max() < 0.01
    assert need["moment"].max() < 1.0
    assert need["torque"].max() < 1.0


@with_flight
def test_a_flight_falls_with_g(motion: Motion):
    assert len(motion.flights) == {"vertical_jump": 2, "hop": 4, "one_leg_hop": 2}[motion.clip.name]
    for frames in motion.flights:
        time = np.arange(len(frames)) / motion.clip.fps
        assert len(frames) >= 9
        for height in (motion.com[frames, 2], motion.clip.root_pos[frames, 2]):
            assert -2.0 * np.polyfit(time, height, 2)[0] == pytest.approx(GRAVITY, rel=0.03)
        parabola = np.polynomial.Polynomial.fit(time, motion.com[frames, 2], 2)(time)
        assert np.abs(motion.com[frames, 2] - parabola).max() < 1e-4
        line = np.polynomial.polynomial.polyfit(time, motion.com[frames, :2], 1)
        assert np.abs(motion.com[frames, :2] - line[0] - np.outer(time, line[1])).max() < 1e-3
        assert motion.sole[frames[1:-1], :, :, 2].min() > 0.0
        assert motion.sole[frames[len(frames) // 2], :, :, 2].min() > 0.02


def test_flights_are_found_only_where_a_clip_jumps(motions: dict[str, Motion]):
    assert {name for name, motion in motions.items() if motion.flights} == {"vertical_jump", "hop", "one_leg_hop"}


@every_clip
def test_the_check_of_motions_finds_nothing(motion: Motion):
    assert check_clip(motion.clip, motion.robot) == []


def test_each_clip_does_what_its_name_says(motions: dict[str, Motion]):
    clip = {name: motion.clip for name, motion in motions.items()}
    height = {name: c.root_pos[:, 2] - c.root_pos[0, 2] for name, c in clip.items()}
    yaw = {name: 2.0 * np.arctan2(c.root_quat[-1, 2], c.root_quat[-1, 3]) for name, c in clip.items()}
    assert clip["walk"].root_pos[-1, 0] > 1.8 and abs(clip["walk"].root_pos[-1, 1]) < 1e-3
    assert np.diff(clip["walk"].root_pos[100:250, 0]).mean() * 50 == pytest.approx(0.48, abs=0.05)
    assert clip["crouch_walk"].root_pos[-1, 0] > 0.8 and height["crouch_walk"][100:250].max() < -0.14
    assert abs(yaw["turn_in_place"]) == pytest.approx(np.pi, abs=0.01)
    assert yaw["walk_curve"] > 1.2
    assert np.ptp(clip["side_step"].root_pos[:, 1]) > 0.18
    assert height["squat"].min() < -0.26 and height["lunge"].min() < -0.19
    lowest = {name: motion.sole[..., 2].min(axis=2) for name, motion in motions.items()}
    assert lowest["high_kick"][:, 1].max() > 0.55
    assert (lowest["one_leg_stand"][:, 1] > 0.05).mean() > 0.4
    assert (lowest["march"].max(axis=0) > 0.14).all()
    hands = [motion.robot.joint_names.index("right_shoulder_roll_joint") for motion in [motions["wave"]]]
    assert clip["wave"].joint_pos[:, hands].min() < -1.0
