from __future__ import annotations

import numpy as np
import pytest

from athena_wbc.embodiment import get_embodiment
from athena_wbc.motion.check import check_clip
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.convert import convert_clip
from athena_wbc.motion.corpus import load_clips
from athena_wbc.motion.evidence import trace_bodies
from athena_wbc.motion.repair import clamp_joints, remove_root_jumps, smooth_spikes
from athena_wbc.motion.spikes import carried, step_excess
from tests.motion.samples import gliding, jumping, random_clip, standing

G1 = get_embodiment("g1")
ELBOW = G1.joint_names.index("right_elbow_joint")
WRIST = G1.joint_names.index("right_wrist_roll_joint")


def kinds(clip: MotionClip) -> dict[str, tuple[tuple[int, int], ...]]:
    return {finding.kind: finding.frames for finding in check_clip(clip, G1)}


def bent(clip: MotionClip, joint: int, frames: slice, change: float) -> MotionClip:
    joint_pos = clip.joint_pos.copy()
    joint_pos[frames, joint] += change
    return clip.replace(joint_pos=joint_pos)


def moved(clip: MotionClip, frames: slice, by: tuple[float, float, float]) -> MotionClip:
    root_pos = clip.root_pos.copy()
    root_pos[frames] += by
    return clip.replace(root_pos=root_pos)


def crouched(stand: MotionClip, start: int, angle: float) -> MotionClip:
    """The same clip that crouches from one frame to the next, on planted feet."""
    joint_pos, root_pos = stand.joint_pos.copy(), stand.root_pos.copy()
    for side in ("left", "right"):
        for joint, change in (("hip_pitch", -angle), ("knee", 2.0 * angle), ("ankle_pitch", -angle)):
            joint_pos[start:, G1.joint_names.index(f"{side}_{joint}_joint")] += change
    trace = trace_bodies(G1, root_pos, stand.root_quat, joint_pos, stand.fps)
    root_pos[start:, 2] -= trace.foot_height[start:].min(axis=1) - trace.foot_height[0].min()
    root_pos[start:, :2] -= (trace.foot_pos[start:] - trace.foot_pos[0]).mean(axis=1)
    return stand.replace(joint_pos=joint_pos, root_pos=root_pos)


def test_excess_is_what_stands_out_of_five() -> None:
    steps = np.array([1.0, 1.0, 6.0, -4.0, 1.0, 1.0, 1.0])
    np.testing.assert_array_equal(step_excess(steps), [0.0, 0.0, 5.0, -5.0, 0.0, 0.0, 0.0])


def test_a_jump_is_carried_when_every_foot_goes_along() -> None:
    root = np.array([[0.2, 0.0, 0.0]] * 3)
    feet = np.array([[[0.2, 0.0, 0.0], [0.11, 0.0, 0.0]], [[0.2, 0.0, 0.0], [0.09, 0.0, 0.0]], [[0.0] * 3] * 2])
    np.testing.assert_array_equal(carried(root, feet), [True, False, False])


def test_what_is_sound_comes_back_as_it_is() -> None:
    for clip in (standing(G1), jumping(G1), random_clip(G1)):
        for remedy in (remove_root_jumps, smooth_spikes, clamp_joints):
            assert remedy(clip, G1) is clip
    assert convert_clip(jumping(G1), G1, repair=True).history == ()


def test_a_jump_of_the_whole_body_is_taken_back() -> None:
    """The glide goes on at its pace; frames before the jump keep their last bit."""
    whole = gliding(G1, speed=1.0)
    broken = moved(whole, slice(30, None), (0.2, 0.0, 0.1))
    assert kinds(broken)["root_jump"] == ((29, 30),)
    fixed = remove_root_jumps(broken, G1)
    np.testing.assert_allclose(fixed.root_pos, whole.root_pos, atol=1e-12)
    np.testing.assert_array_equal(fixed.root_pos[:30], broken.root_pos[:30])
    np.testing.assert_array_equal(fixed.joint_pos, broken.joint_pos)
    assert fixed.history[-1] == "root jumps removed: (+0.200, +0.000, +0.100) m after frame 29"
    assert "root_jump" not in kinds(fixed)


def test_a_jump_there_and_back_leaves_the_rest_where_it_was() -> None:
    broken = moved(standing(G1), slice(30, 31), (0.0, 0.3, 0.0))
    fixed = remove_root_jumps(broken, G1)
    np.testing.assert_allclose(fixed.root_pos, standing(G1).root_pos, atol=1e-12)


def test_a_flip_that_stays_becomes_a_smoothstep() -> None:
    """1 rad in one frame at 60 fps; the bridge reaches 3 frames (0.05 s) to both sides, from frame 17 to 24."""
    broken = bent(standing(G1, fps=60.0), ELBOW, slice(21, None), 1.0)
    assert kinds(broken)["velocity_spike"] == ((20, 21),)
    fixed = smooth_spikes(broken, G1)
    u = np.arange(1, 7) / 7.0
    np.testing.assert_allclose(fixed.joint_pos[18:24, ELBOW], 0.6 + 3.0 * u**2 - 2.0 * u**3, atol=1e-12)
    same = np.ones(broken.joint_pos.shape, dtype=bool)
    same[18:24, ELBOW] = False
    np.testing.assert_array_equal(fixed.joint_pos[same], broken.joint_pos[same])
    np.testing.assert_array_equal(fixed.root_pos, broken.root_pos)
    np.testing.assert_array_equal(fixed.root_quat, broken.root_quat)
    assert check_clip(fixed, G1) == []
    assert fixed.history[-1].startswith(
        "spikes smoothed: 1 step(s) in 1 bridge(s), 6 of 60 frames (joint speed 60.0 -> "
    )
    assert fixed.history[-1].endswith("frames 18-23 1 joint(s)")


def test_a_spike_that_comes_back_is_gone() -> None:
    fixed = smooth_spikes(bent(standing(G1, fps=60.0), ELBOW, slice(20, 21), 1.0), G1)
    np.testing.assert_allclose(fixed.joint_pos, standing(G1, fps=60.0).joint_pos, atol=1e-12)


def test_motion_below_a_spike_goes_on() -> None:
    """A wrist that turns at 3 rad/s, with a spike on top, still turns at 3 rad/s."""
    clip = standing(G1, fps=60.0)
    turning = clip.joint_pos.copy()
    turning[:, WRIST] += np.arange(60) / 60.0 * 3.0 - 1.5
    clip = clip.replace(joint_pos=turning)
    fixed = smooth_spikes(bent(clip, WRIST, slice(40, 42), -0.8), G1)
    np.testing.assert_allclose(fixed.joint_pos, turning, atol=1e-12)


def test_a_large_flip_takes_longer() -> None:
    """A smoothstep over n frames moves at 1.5 angle fps / n at most: 1.6 rad reach 20.6 rad/s in 7 frames, 16 in 9.
    Half of the limit is 18.5."""
    fixed = smooth_spikes(bent(standing(G1, fps=60.0), ELBOW, slice(30, None), -1.6), G1)
    speed = np.abs(np.diff(fixed.joint_pos[:, ELBOW])) * 60.0
    assert 0.8 * 16.0 < speed.max() <= 16.0
    assert np.flatnonzero(speed).tolist() == list(range(25, 34))


def test_other_joints_that_flip_with_it_take_part() -> None:
    """6 rad/s are no finding of their own for the wrist (37 rad/s), but stand out in the step of the spike."""
    broken = bent(standing(G1, fps=60.0), WRIST, slice(21, None), 0.1)
    assert kinds(broken) == {}
    assert smooth_spikes(broken, G1) is broken
    fixed = smooth_spikes(bent(broken, ELBOW, slice(21, None), 1.0), G1)
    assert np.ptp(np.diff(fixed.joint_pos[17:25, WRIST])) < 0.03
    assert "2 joint(s)" in fixed.history[-1]


def test_a_root_that_twitches_on_planted_feet_is_no_offset() -> None:
    """The crouch stays; root and legs go there together, so that the feet stay where they are."""
    broken = crouched(standing(G1, fps=60.0), 30, 0.15)
    found = kinds(broken)
    assert found["root_jump"] == ((29, 30),)
    assert remove_root_jumps(broken, G1) is broken
    fixed = smooth_spikes(broken, G1)
    assert check_clip(fixed, G1) == []
    np.testing.assert_array_equal(fixed.root_pos[33:], broken.root_pos[33:])
    np.testing.assert_array_equal(fixed.root_pos[:27], broken.root_pos[:27])
    trace = trace_bodies(G1, fixed.root_pos, fixed.root_quat, fixed.joint_pos, fixed.fps)
    assert np.abs(trace.foot_pos - trace.foot_pos[0]).max() < 3e-3
    assert np.abs(trace.foot_height - trace.foot_height[0]).max() < 3e-3
    assert "whole pose" in fixed.history[-1]


def test_a_root_that_spins_with_a_flip_is_bridged_too() -> None:
    """0.3 rad about z in one frame at 60 fps are 18 rad/s."""
    broken = bent(standing(G1, fps=60.0), ELBOW, slice(21, None), 1.0)
    quat = broken.root_quat.copy()
    quat[21:] = (0.0, 0.0, np.sin(0.15), np.cos(0.15))
    broken = broken.replace(root_quat=quat)
    assert kinds(broken)["root_spin"] == ((20, 21),)
    fixed = smooth_spikes(broken, G1)
    u = np.arange(1, 7) / 7.0
    yaw = 2.0 * np.arctan2(fixed.root_quat[:, 2], fixed.root_quat[:, 3])
    np.testing.assert_allclose(yaw[18:24], 0.3 * (3.0 * u**2 - 2.0 * u**3), atol=1e-12)
    np.testing.assert_array_equal(fixed.root_quat[24:], broken.root_quat[24:])


def test_clamping() -> None:
    room = G1.joint_upper[3] - G1.default_joint_pos[3]
    broken = bent(standing(G1), 3, slice(10, 13), room + 0.3)
    fixed = clamp_joints(broken, G1)
    np.testing.assert_array_equal(fixed.joint_pos[10:13, 3], G1.joint_upper[3])
    same = np.ones(broken.joint_pos.shape, dtype=bool)
    same[10:13, 3] = False
    np.testing.assert_array_equal(fixed.joint_pos[same], broken.joint_pos[same])
    assert fixed.history[-1] == "clamped: 1 joint(s) in 3 frame(s), left_knee_joint by 0.300 rad at frame 10"
    assert "joint_limit" not in kinds(fixed)


def test_defects_are_the_same_at_every_rate() -> None:
    """1.3 rad in one frame of 60 fps are above 37 rad/s at 30 fps too; 120 fps part a jump over two frames."""
    broken = moved(standing(G1, frames=120, fps=60.0), slice(81, None), (0.2, 0.0, 0.0))
    broken = bent(broken, ELBOW, slice(31, None), 1.3)
    for fps in (30.0, 60.0, 120.0):
        found = kinds(broken.resample(fps))
        assert set(found) == {"velocity_spike", "root_jump"}
        for kind, time in (("velocity_spike", 30 / 60.0), ("root_jump", 80 / 60.0)):
            ((start, stop),) = found[kind]
            assert start / fps <= time <= stop / fps
        assert kinds(convert_clip(broken, G1, fps=fps, repair=True)) == {}


def test_repair_is_each_remedy_where_it_is_needed() -> None:
    broken = moved(standing(G1, frames=120, fps=60.0), slice(61, None), (0.2, 0.0, 0.0))
    broken = bent(moved(broken, slice(None), (0.0, 0.0, 0.05)), ELBOW, slice(31, None), 1.3)
    fixed = convert_clip(broken, G1, repair=True)
    assert [step.split(":")[0] for step in fixed.history] == [
        "root jumps removed",
        "spikes smoothed",
        "grounded along 1 s",
    ]
    assert check_clip(fixed, G1) == []
    assert convert_clip(fixed, G1, repair=True).history == fixed.history


def test_the_known_jump_of_the_asap_balance_clip(shared_motions) -> None:
    (path,) = (shared_motions / "asap_g1_23dof").glob("*single_foot_balance_level2*.pkl")
    (clip,) = load_clips(path, G1)
    fixed = convert_clip(clip, G1, repair=True)
    assert "+0.235) m after frame 288" in fixed.history[len(clip.history)]
    assert check_clip(fixed, G1) == []


@pytest.mark.parametrize("name", ["M_Move5", "B_AttackKarate"])
def test_known_flips_of_g1_moves(name: str, shared_motions) -> None:
    (clip,) = load_clips(shared_motions / "g1_moves" / f"{name}.csv", G1)
    assert {"velocity_spike", "root_jump"} <= set(kinds(clip))
    fixed = smooth_spikes(clip, G1)
    assert not {"velocity_spike", "joint_twitch", "root_jump", "root_spin"} & set(kinds(fixed))
    changed = (fixed.joint_pos != clip.joint_pos).any(axis=1)
    assert changed.mean() < 0.03
    before, after = (trace_bodies(G1, c.root_pos, c.root_quat, c.joint_pos, c.fps) for c in (clip, fixed))
    assert np.linalg.norm(after.foot_pos - before.foot_pos, axis=2).max() < 0.02
    assert np.abs(after.foot_height - before.foot_height).max() < 0.01
