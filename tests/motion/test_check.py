from __future__ import annotations

import json

import numpy as np
import pytest

from athena_wbc.embodiment import get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.check import check_clip, intervals
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.findings import KINDS, SEVERITIES, Finding, worst_severity
from tests.motion.samples import gliding, jumping, standing

G1 = get_embodiment("g1")


def kinds(clip: MotionClip) -> dict[str, Finding]:
    return {finding.kind: finding for finding in check_clip(clip, G1)}


def bent(clip: MotionClip, joint: str, frames: slice, change: float) -> MotionClip:
    joint_pos = clip.joint_pos.copy()
    joint_pos[frames, G1.joint_names.index(joint)] += change
    return clip.replace(joint_pos=joint_pos)


def moved(clip: MotionClip, frames: slice, by: tuple[float, float, float]) -> MotionClip:
    root_pos = clip.root_pos.copy()
    root_pos[frames] += by
    return clip.replace(root_pos=root_pos)


def test_standing_and_jumping_are_clean() -> None:
    assert check_clip(standing(G1), G1) == []
    assert check_clip(jumping(G1), G1) == []


def test_joint_limits() -> None:
    room = G1.joint_upper[3] - G1.default_joint_pos[3]
    clip = bent(standing(G1, fps=1.0), "left_knee_joint", slice(10, 13), room + 0.3)
    found = kinds(clip)["joint_limit"]
    assert (found.severity, found.frames, found.unit) == ("warning", ((10, 13),), "rad")
    assert found.value == pytest.approx(0.3)
    assert "left_knee_joint by 0.30 rad" in found.message
    clip = bent(standing(G1, fps=1.0), "left_knee_joint", slice(10, 60), room + 0.3)
    assert kinds(clip)["joint_limit"].severity == "error"


def test_velocity_spikes() -> None:
    limit = G1.velocity_limit[G1.joint_names.index("right_elbow_joint")]
    step = 1.1 * limit / 30.0
    found = kinds(bent(standing(G1), "right_elbow_joint", slice(20, None), -step))["velocity_spike"]
    assert found.frames == ((19, 20),)
    assert found.value == pytest.approx(1.1 * limit)
    assert "right_elbow_joint" in found.message
    assert "velocity_spike" not in kinds(bent(standing(G1), "right_elbow_joint", slice(20, None), -0.9 * limit / 30.0))


def test_root_jumps() -> None:
    found = kinds(moved(standing(G1), slice(30, None), (0.2, 0.0, 0.0)))["root_jump"]
    assert found.frames == ((29, 30),)
    assert found.value == pytest.approx(0.2)
    # A fast but steady glide has no jump.
    assert "root_jump" not in kinds(gliding(G1, speed=5.0))


def test_root_spin() -> None:
    angle = np.arange(60) / 30.0 * 15.0
    quat = np.stack((0 * angle, 0 * angle, np.sin(angle / 2), np.cos(angle / 2)), axis=1)
    found = kinds(standing(G1).replace(root_quat=quat))["root_spin"]
    assert found.value == pytest.approx(15.0, rel=1e-6)
    assert found.frames == ((0, 59),)


def test_a_heading_against_the_velocity_is_an_error() -> None:
    clip = gliding(G1)
    found = check_clip(clip.replace(root_quat=np.roll(clip.root_quat, -1, axis=1)), G1)[0]
    assert (found.kind, found.severity) == ("orientation", "error")
    turned = clip.replace(root_quat=np.tile((0.0, 0.0, 1.0, 0.0), (60, 1)))
    found = kinds(turned)["orientation"]
    assert found.severity == "error"
    assert "faces backwards" in found.message


def test_lying_is_told_without_reproach() -> None:
    lying = np.tile((0.0, np.sqrt(0.5), 0.0, np.sqrt(0.5)), (60, 1))
    assert kinds(standing(G1).replace(root_quat=lying))["orientation"].severity == "info"


def test_a_fall_far_from_g() -> None:
    found = kinds(jumping(G1, gravity=4.0))["flight"]
    assert (found.severity, found.unit) == ("error", "m/s^2")
    assert found.value == pytest.approx(-4.0)
    ((start, stop),) = found.frames
    assert start < (0.5 + 2.5 / 4.0) * 30 < stop
    assert "1 of 1 flight(s)" in found.message


def test_floating_but_not_in_flight() -> None:
    found = kinds(moved(standing(G1), slice(None), (0.0, 0.0, 0.05)))["floating"]
    assert found.value == pytest.approx(0.05, abs=0.01)
    assert found.frames == ((0, 60),)
    assert "floating" not in kinds(jumping(G1))
    assert "floating" not in kinds(moved(standing(G1), slice(0, 5), (0.0, 0.0, 0.05)))


def test_penetration() -> None:
    found = kinds(moved(standing(G1, fps=1.0), slice(7, 9), (0.0, 0.0, -0.05)))["penetration"]
    assert found.frames == ((7, 9),)
    assert found.value == pytest.approx(0.05, abs=0.01)


def test_foot_skating() -> None:
    found = kinds(gliding(G1, speed=0.5))["foot_skating"]
    assert found.value == pytest.approx(1.0)
    assert "foot_skating" not in kinds(gliding(G1, speed=0.2))
    # Feet that float as a whole are still seen to slide.
    assert "foot_skating" in kinds(moved(gliding(G1, speed=0.5), slice(None), (0.0, 0.0, 0.08)))


def test_a_foot_that_swings_low_does_not_skate() -> None:
    """Down in one frame, up in the next: no contact lasts for two frames, so nothing can slide."""
    bounce = np.arange(60) % 2 * 0.1
    clip = gliding(G1, speed=0.5)
    assert "foot_skating" not in kinds(clip.replace(root_pos=clip.root_pos + np.outer(bounce, (0.0, 0.0, 1.0))))


def test_take_off_and_landing_belong_to_the_flight() -> None:
    assert "floating" not in kinds(jumping(G1).slice(14, 33))


def test_findings_are_sorted_documented_and_plain() -> None:
    clip = moved(gliding(G1, speed=-2.0), slice(None), (0.0, 0.0, 0.1))
    found = check_clip(clip, G1)
    ranks = [SEVERITIES.index(finding.severity) for finding in found]
    assert ranks == sorted(ranks, reverse=True)
    assert {finding.kind for finding in found} == {"orientation", "floating", "foot_skating"} <= set(KINDS)
    assert worst_severity(found) == "error"
    assert worst_severity([]) == ""
    again = json.loads(json.dumps([finding.as_dict() for finding in found]))
    assert again[0]["kind"] == "orientation"
    assert again[0]["frames"] == [[0, 60]]


def test_joints_are_matched_by_name() -> None:
    clip = standing(G1)
    reordered = clip.replace(joint_pos=clip.joint_pos[:, ::-1], joint_names=clip.joint_names[::-1])
    assert check_clip(reordered, G1) == []
    with pytest.raises(AthenaError, match="joint unknown 'tail'"):
        check_clip(clip.replace(joint_names=("tail", *clip.joint_names[1:])), G1)


def test_two_frames_are_enough() -> None:
    assert check_clip(standing(G1, frames=2), G1) == []


def test_intervals() -> None:
    assert intervals(np.array([True, True, False, True])) == ((0, 2), (3, 4))
    assert intervals(np.zeros(4, dtype=bool)) == ()
    assert len(intervals(np.arange(100) % 2 == 0)) == 50
