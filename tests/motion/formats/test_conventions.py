from __future__ import annotations

import numpy as np
import pytest

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.evidence import breadth_first_joints
from athena_wbc.motion.formats import Choice, RawMotion, ReadOptions, resolve
from tests.motion.samples import gliding, jumping, standing


def raw_of(clip: MotionClip, **changes) -> RawMotion:
    fields = {
        "name": clip.name,
        "where": "a.xyz",
        "root_pos": clip.root_pos,
        "root_quat": clip.root_quat,
        "joint_pos": clip.joint_pos,
        "fps": Choice.of(clip.fps, "in the file"),
        "quaternion": Choice.of("xyzw", "option --quaternion"),
        "joints": Choice.of(clip.joint_names, "in the file"),
    }
    return RawMotion(**(fields | changes))


def test_what_is_stated_and_plausible_is_kept(g1: Embodiment) -> None:
    clip = resolve(raw_of(gliding(g1), licence="CC0", label="locomotion", text="glides"), ReadOptions(g1))
    assert (clip.robot, clip.robot_hash) == ("g1", g1.hash)
    assert (clip.licence, clip.label, clip.text) == ("CC0", "locomotion", "glides")
    assert clip.history == ("quaternions xyzw: option --quaternion", "30 fps: in the file")


def test_backwards_against_its_own_velocity(g1: Embodiment) -> None:
    """The identity in xyzw is half a turn in wxyz: upright, feet on the ground, and facing the wrong way."""
    raw = raw_of(gliding(g1), quaternion=Choice.of("wxyz", "option --quaternion"))
    with pytest.raises(AthenaError) as refused:
        resolve(raw, ReadOptions(g1))
    message = str(refused.value)
    assert message.startswith("a.xyz: root_quat: read as wxyz (option --quaternion) it faces backwards against its own")
    assert "give --quaternion xyzw, or --accept orientation" in message
    clip = resolve(raw, ReadOptions(g1, accept=frozenset({"orientation"})))
    np.testing.assert_allclose(clip.root_quat[0], (0.0, 0.0, 1.0, 0.0), atol=1e-9)


def test_lying(g1: Embodiment) -> None:
    """The identity in wxyz is upside down in xyzw."""
    clip = standing(g1)
    raw = raw_of(clip, root_quat=np.roll(clip.root_quat, 1, axis=1))
    with pytest.raises(AthenaError, match=r"root_quat: read as xyzw .* lies or hangs upside down in 100%.*xyz"):
        resolve(raw, ReadOptions(g1))


def test_a_robot_that_really_lies_is_read(g1: Embodiment) -> None:
    """A quarter turn about y, in one order and the other, lies either way: what is stated holds."""
    lying = np.tile((0.0, np.sqrt(0.5), 0.0, np.sqrt(0.5)), (60, 1))
    clip = resolve(raw_of(standing(g1), root_quat=lying), ReadOptions(g1))
    np.testing.assert_allclose(clip.root_quat, lying)


def test_walking_backwards_is_no_mistake_while_nothing_else_says_so(g1: Embodiment) -> None:
    """A slow retreat does not weigh enough; what faces its velocity in the other order, fast, is refused."""
    assert resolve(raw_of(gliding(g1, speed=-0.2)), ReadOptions(g1)).fps == 30.0
    with pytest.raises(AthenaError, match="faces backwards"):
        resolve(raw_of(gliding(g1, speed=-1.0)), ReadOptions(g1))


@pytest.mark.parametrize(
    ("factor", "weight"), [(2.0, "heavier"), (1.25, "heavier"), (0.5, "lighter"), (0.7, "lighter")]
)
def test_falls_far_from_g(g1: Embodiment, factor: float, weight: str) -> None:
    clip = jumping(g1, fps=60.0)
    raw = raw_of(clip, fps=Choice.of(60.0 * factor, "option --fps"))
    with pytest.raises(AthenaError, match=rf"a\.xyz: fps: .*\d% {weight} than g; give --fps \(about 60 would fit\)"):
        resolve(raw, ReadOptions(g1))
    assert resolve(raw, ReadOptions(g1, accept=frozenset({"gravity"}))).history[-1] == "accepted: gravity"


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.17])
def test_falls_near_g(g1: Embodiment, factor: float) -> None:
    clip = jumping(g1, fps=60.0)
    assert resolve(raw_of(clip, fps=Choice.of(60.0 * factor, "x")), ReadOptions(g1)).fps == 60.0 * factor


def test_the_limit_is_40_percent(g1: Embodiment) -> None:
    """The error of the fall goes with the square of the frame rate: sqrt(1.4) = 1.183."""
    clip = jumping(g1, fps=60.0)
    resolve(raw_of(clip, fps=Choice.of(60.0 * 1.18, "x")), ReadOptions(g1))
    with pytest.raises(AthenaError, match="41% heavier"):
        resolve(raw_of(clip, fps=Choice.of(60.0 * 1.187, "x")), ReadOptions(g1))


def test_without_a_flight_no_frame_rate_is_wrong(g1: Embodiment) -> None:
    for fps in (5.0, 1000.0):
        assert resolve(raw_of(standing(g1), fps=Choice.of(fps, "x")), ReadOptions(g1)).fps == fps


def test_limits_broken_in_most_frames(g1: Embodiment) -> None:
    clip = standing(g1)
    joint_pos = clip.joint_pos.copy()
    knee = g1.joint_names.index("left_knee_joint")
    joint_pos[:31, knee] = g1.joint_upper[knee] + 0.5
    with pytest.raises(AthenaError, match=r"joint_pos: breaks joint limits in 52% .*left_knee_joint by 0\.50 rad"):
        resolve(raw_of(clip, joint_pos=joint_pos), ReadOptions(g1))
    joint_pos[30] = clip.joint_pos[30]
    resolve(raw_of(clip, joint_pos=joint_pos), ReadOptions(g1))
    assert resolve(raw_of(clip, joint_pos=joint_pos + 9.0), ReadOptions(g1, accept=frozenset({"joint_limits"})))


def test_limits_broken_in_some_frames_but_in_none_in_the_other_order(g1: Embodiment) -> None:
    """A quarter of the frames with a bent knee, its columns in Isaac's order."""
    clip = standing(g1)
    joint_pos = np.zeros_like(clip.joint_pos)
    joint_pos[:15, g1.joint_names.index("right_knee_joint")] = 2.0
    order = [g1.joint_names.index(name) for name in breadth_first_joints(g1)]
    with pytest.raises(AthenaError, match=r"breaks joint limits in \d+% of the frames, and in 0% when read in Isaac's"):
        resolve(raw_of(clip, joint_pos=joint_pos[:, order]), ReadOptions(g1))
    # The same share of frames beyond a limit in the right order is the motion's own defect.
    joint_pos[:15, g1.joint_names.index("right_knee_joint")] = 3.2
    assert resolve(raw_of(clip, joint_pos=joint_pos), ReadOptions(g1))


def test_one_frame_beyond_a_limit_does_not_choose_the_joint_order(g1: Embodiment) -> None:
    clip = standing(g1)
    joint_pos = np.zeros_like(clip.joint_pos)
    joint_pos[30, g1.joint_names.index("left_ankle_roll_joint")] = 0.4
    joints = Choice((g1.joint_names, breadth_first_joints(g1)), "")
    with pytest.raises(AthenaError, match="its joint order is not in the file and both fit"):
        resolve(raw_of(clip, joint_pos=joint_pos, joints=joints), ReadOptions(g1))


def test_a_flight_late_in_a_long_clip_counts(g1: Embodiment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("athena_wbc.motion.formats.conventions.EVIDENCE_FRAMES", 10)
    with pytest.raises(AthenaError, match="lighter than g"):
        resolve(raw_of(jumping(g1, gravity=3.0)), ReadOptions(g1))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"joints": Choice.of(("a", "a"), "x"), "joint_pos": np.zeros((60, 2))}, "robot 'g1' lacks unknown 'a'"),
        ({"joint_pos": np.zeros((60, 28))}, "joint_pos: has 28 joints and 29 names"),
        ({"root_pos": np.full((60, 3), np.inf)}, "root_pos: is inf at frame 0, column 0"),
        ({"fps": Choice.of(-1.0, "x")}, "fps: must be positive"),
    ],
)
def test_structure(g1: Embodiment, changes: dict, reason: str) -> None:
    with pytest.raises(AthenaError, match=rf"a\.xyz: .*{reason}"):
        resolve(raw_of(standing(g1), **changes), ReadOptions(g1))


def test_one_frame_is_no_clip(g1: Embodiment) -> None:
    clip = standing(g1)
    raw = raw_of(clip, root_pos=clip.root_pos[:1], root_quat=clip.root_quat[:1], joint_pos=clip.joint_pos[:1])
    with pytest.raises(AthenaError, match=r"a\.xyz: has 1 frame\(s\); a clip needs at least two"):
        resolve(raw, ReadOptions(g1))


def test_the_same_joint_twice(g1: Embodiment) -> None:
    names = (*g1.joint_names[:-1], g1.joint_names[0])
    with pytest.raises(AthenaError, match="names left_hip_pitch_joint twice"):
        resolve(raw_of(standing(g1), joints=Choice.of(names, "x")), ReadOptions(g1))


def test_signs_become_continuous(g1: Embodiment) -> None:
    flips = np.where(np.arange(60) % 3 == 0, -1.0, 1.0)[:, None]
    clip = resolve(raw_of(gliding(g1), root_quat=gliding(g1).root_quat * flips), ReadOptions(g1))
    assert ((clip.root_quat[1:] * clip.root_quat[:-1]).sum(axis=1) > 0.0).all()
