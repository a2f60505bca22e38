"""Whole clips: known motions come back, limits hold, planted feet stand, mirror images are mirrored."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from athena_wbc.embodiment import get_embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.evidence import trace_bodies
from athena_wbc.motion.human import HumanMotion
from athena_wbc.motion.retarget.build import Build, robot_build
from athena_wbc.motion.retarget.clip import Retargeted, Settings, retarget
from athena_wbc.motion.retarget.contacts import find_contacts
from athena_wbc.motion.retarget.person import read_person
from athena_wbc.motion.retarget.quality import Bar, measure_quality
from athena_wbc.motion.retarget.solve import SPEED_SHARE
from tests.motion.retarget.person_of import mirrored, mirrored_joints


@pytest.fixture(scope="session")
def results(build: Build, people: dict[str, HumanMotion]) -> dict[str, Retargeted]:
    return {name: retarget(person, build, Settings()) for name, person in people.items()}


def _qpos(clip: MotionClip) -> np.ndarray:
    return np.concatenate((clip.root_pos, clip.joint_pos), axis=1)


@pytest.mark.parametrize("name", ["squat", "walk", "wave"])
def test_the_robots_own_motion_comes_back(
    own: dict[str, MotionClip], results: dict[str, Retargeted], name: str
) -> None:
    # The hands are no landmark; what turns them is not to be recovered.
    names = own[name].joint_names
    told = [index for index, joint in enumerate(names) if "wrist" not in joint]
    apart = np.abs(results[name].clip.joint_pos - own[name].joint_pos)[:, told]
    assert np.median(apart) < 0.01 and np.percentile(apart, 95) < 0.06
    root = np.linalg.norm(results[name].clip.root_pos - own[name].root_pos, axis=1)
    assert root.max() < 0.02
    assert results[name].quality.error_mean < 0.006


def test_what_is_known_of_a_motion_travels_with_it(results: dict[str, Retargeted], build: Build) -> None:
    clip = results["squat"].clip
    assert (clip.source, clip.licence, clip.label, clip.text) == ("a robot", "CC0", "balance", "a robot moves")
    assert clip.history[0] == "made for a test" and "retargeted to g1" in clip.history[1]
    assert (clip.robot, clip.robot_hash, clip.fps) == ("g1", build.embodiment.hash, 50.0)


def test_a_flight_falls_at_g_on_a_smaller_robot_too(build: Build, people: dict[str, HumanMotion]) -> None:
    # A person 1.3 times as large who falls at g as well; scaled down to the robot, it would fall at g / 1.3.
    jump = people["vertical_jump"]
    large = jump.replace(positions=jump.positions * 1.3, fps=jump.fps / np.sqrt(1.3))
    result = retarget(large, build, Settings())
    assert result.quality.flights == 1
    clip = result.clip
    trace = trace_bodies(build.embodiment, clip.root_pos, clip.root_quat, clip.joint_pos, clip.fps)
    air = np.flatnonzero(trace.lowest > 0.01)
    assert len(air) > 6
    time = np.arange(len(air)) / clip.fps
    acceleration = 2.0 * np.polyfit(time, trace.com[air, 2], 2)[0]
    assert acceleration == pytest.approx(-9.81, rel=0.12)


def test_a_mirrored_person_gives_the_mirrored_clip(build: Build, people: dict[str, HumanMotion]) -> None:
    one = retarget(people["wave"], build, Settings()).clip
    other = retarget(mirrored(people["wave"]), build, Settings()).clip
    expected = mirrored_joints(one.joint_names, one.joint_pos)
    np.testing.assert_allclose(other.joint_pos, expected, atol=0.02)
    np.testing.assert_allclose(other.root_pos, one.root_pos * (1.0, -1.0, 1.0), atol=2e-3)
    # The motion has sides: a clip that ignored them would pass otherwise.
    assert np.abs(one.joint_pos - expected).max() > 0.5


def test_limits_hold_whatever_is_asked(build: Build, people: dict[str, HumanMotion]) -> None:
    wild = people["wave"]
    time = np.arange(wild.num_frames)[:, None, None] / wild.fps
    phase = np.arange(wild.positions.shape[1])[None, :, None]
    shake = 0.3 * np.sin(2.0 * np.pi * 4.0 * time + phase) * np.array((1.0, 0.7, 0.4))
    clip = retarget(wild.replace(positions=wild.positions + shake), build, Settings()).clip
    robot = build.embodiment
    assert (clip.joint_pos >= robot.joint_lower).all() and (clip.joint_pos <= robot.joint_upper).all()
    speed = np.abs(np.diff(clip.joint_pos, axis=0)) * clip.fps
    assert (speed <= SPEED_SHARE * robot.velocity_limit + 1e-6).all()
    assert (speed > 0.9 * SPEED_SHARE * robot.velocity_limit).any()


def test_planted_feet_stand_though_the_persons_slide(build: Build, people: dict[str, HumanMotion]) -> None:
    squat = people["squat"]
    drift = 0.1 * np.arange(squat.num_frames)[:, None, None] / squat.fps * np.array((1.0, 0.5, 0.0))
    result = retarget(squat.replace(positions=squat.positions + drift), build, Settings())
    assert result.quality.planted_share == 1.0
    assert result.quality.slide_p95 < 0.005
    clip = result.clip
    trace = trace_bodies(build.embodiment, clip.root_pos, clip.root_quat, clip.joint_pos, clip.fps)
    assert np.abs(trace.foot_height).max() < 0.005 and np.degrees(trace.foot_tilt.max()) < 1.0


def test_a_sunken_person_stands_on_the_ground(build: Build, people: dict[str, HumanMotion]) -> None:
    low = people["squat"].replace(positions=people["squat"].positions - np.array((0.0, 0.0, 0.3)))
    quality = retarget(low, build, Settings()).quality
    assert quality.penetration < 0.005 and quality.hover_p95 < 0.005


def test_the_frame_rate_is_the_one_asked_for(build: Build, people: dict[str, HumanMotion]) -> None:
    clip = retarget(people["squat"], build, Settings(fps=30.0)).clip
    assert clip.fps == 30.0 and clip.num_frames == int(people["squat"].duration * 30.0 + 1e-6) + 1


def test_legs_are_kept_apart(build: Build, people: dict[str, HumanMotion]) -> None:
    import mujoco

    # Legs that cross: the left ankle and knee go to the right of the right ones.
    crossed = people["squat"].positions[:20].copy()
    for side, way in (("left", -0.2), ("right", 0.2)):
        for part, share in (("knee", 0.6), ("ankle", 1.0), ("toe", 1.0)):
            crossed[:, people["squat"].joint_names.index(f"{side}_{part}"), 1] += way * share
    motion = people["squat"].replace(positions=crossed)

    def deepest(collisions: bool) -> float:
        clip = retarget(motion, build, Settings(collisions=collisions)).clip
        data = mujoco.MjData(build.model)
        depth = 0.0
        for frame in range(clip.num_frames):
            data.qpos[:] = np.concatenate(
                (clip.root_pos[frame], clip.root_quat[frame][[3, 0, 1, 2]], clip.joint_pos[frame])
            )
            mujoco.mj_forward(build.model, data)
            for contact in data.contact:
                bodies = {build.model.body(build.model.geom_bodyid[geom]).name for geom in contact.geom}
                if any(name.startswith("left_") for name in bodies) and any(n.startswith("right_") for n in bodies):
                    depth = min(depth, float(contact.dist))
        return depth

    assert deepest(False) < -0.02
    assert deepest(True) > -0.002


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fps": 4000.0}, "too short for two frames"),
        ({"positions": None}, "hip and knee coincide"),
    ],
)
def test_motions_that_cannot_be_retargeted(build: Build, people: dict[str, HumanMotion], change, message) -> None:
    motion = people["squat"]
    if "positions" in change:
        positions = motion.positions.copy()
        names = motion.joint_names
        positions[3, names.index("left_knee")] = positions[3, names.index("left_hip")]
        change = {"positions": positions}
    else:
        motion = motion.replace(positions=motion.positions[:20])
    with pytest.raises(AthenaError, match=f"squat: .*{message}"):
        retarget(motion.replace(**change), build, Settings())


@pytest.mark.parametrize("robot", ["athena80", "junior35"])
def test_other_robots(robot: str, people: dict[str, HumanMotion]) -> None:
    other = robot_build(get_embodiment(robot))
    quality = retarget(people["walk"], other, Settings()).quality
    assert quality.reasons(Bar()) == [] and quality.error_mean < 0.03


@pytest.mark.parametrize("robot", ["g1", "athena80", "junior35"])
def test_real_motions_keep_what_is_promised(robot: str, shared_motions: Path) -> None:
    from athena_wbc.motion.formats.human import read_human

    build = robot_build(get_embodiment(robot))
    for name in ("walk", "kick", "getup_faceup"):
        (motion,) = read_human(shared_motions / "deepmimic_human" / f"humanoid3d_{name}.txt")
        result = retarget(motion, build, Settings())
        quality = dataclasses.asdict(result.quality)
        assert result.quality.reasons(Bar()) == []
        assert quality["error_mean"] < 0.03 and quality["limit_violations"] == 0
        assert quality["slide_median"] < 0.05 and quality["penetration"] < 0.02 and quality["root_jumps"] == 0
        # Nobody flies here: from the ground or an elbow to the feet, something touches at all times.
        clip = result.clip
        trace = trace_bodies(build.embodiment, clip.root_pos, clip.root_quat, clip.joint_pos, clip.fps)
        assert trace.lowest.max() < 0.04, name


def test_flights_that_do_not_fall_at_g_are_refused(
    build: Build, people: dict[str, HumanMotion], results: dict[str, Retargeted]
) -> None:
    """The same frames at half the rate fall at a quarter of g, and no command would read them."""
    person = read_person(people["vertical_jump"], 50.0)
    clip, points = results["vertical_jump"].clip, np.zeros((person.num_frames, 14, 3))
    qpos = np.concatenate((clip.root_pos, clip.root_quat[:, [3, 0, 1, 2]], clip.joint_pos), axis=1)
    for fps, expected in ((50.0, []), (25.0, ["wrong_falls 1 is above 0"])):
        quality = measure_quality(build, qpos, points, points, find_contacts(person), 1, fps)
        assert quality.reasons(Bar()) == expected
    assert quality.reasons(Bar(wrong_falls=math.inf)) == []
