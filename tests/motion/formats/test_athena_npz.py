from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats import read_motion
from tests.motion.samples import jumping, random_clip, standing, write_npz


def test_a_round_trip_loses_nothing(tmp_path: Path, g1: Embodiment) -> None:
    clip = random_clip(g1)
    clip.save(tmp_path / "a.npz")
    (read,) = read_motion(tmp_path / "a.npz", robot=g1)
    for field in dataclasses.fields(clip):
        one, other = getattr(read, field.name), getattr(clip, field.name)
        if isinstance(other, np.ndarray):
            np.testing.assert_allclose(one, other, atol=1e-6, err_msg=field.name)
        else:
            assert one == other, field.name


def test_joints_in_another_order_are_matched_by_name(tmp_path: Path, g1: Embodiment) -> None:
    clip = random_clip(g1)
    order = np.random.default_rng(0).permutation(29)
    names = tuple(g1.joint_names[i] for i in order)
    clip.replace(joint_pos=clip.joint_pos[:, order], joint_names=names).save(tmp_path / "a.npz")
    (read,) = read_motion(tmp_path / "a.npz", robot=g1)
    assert read.joint_names == g1.joint_names
    np.testing.assert_allclose(read.joint_pos, clip.joint_pos, atol=1e-6)


def test_joints_that_the_robot_lacks_are_listed(tmp_path: Path, g1: Embodiment) -> None:
    names = ("left_hip_pitchy_joint", *g1.joint_names[1:-1], "tail_joint")
    standing(g1, joint_names=names).save(tmp_path / "a.npz")
    expected = (
        r"a\.npz: joint_names: robot 'g1' lacks unknown 'left_hip_pitchy_joint'; did you mean 'left_hip_pitch_joint'"
    )
    with pytest.raises(AthenaError, match=expected) as refused:
        read_motion(tmp_path / "a.npz", robot=g1)
    assert "tail_joint" in str(refused.value)


def test_joints_that_the_file_lacks_are_listed(tmp_path: Path, g1: Embodiment) -> None:
    clip = standing(g1)
    clip.replace(joint_pos=clip.joint_pos[:, :-2], joint_names=g1.joint_names[:-2]).save(tmp_path / "a.npz")
    with pytest.raises(AthenaError, match=r"lacks right_wrist_pitch_joint, right_wrist_yaw_joint of robot 'g1'"):
        read_motion(tmp_path / "a.npz", robot=g1)


def test_another_robot(tmp_path: Path, g1: Embodiment) -> None:
    standing(g1).replace(robot="atlas").save(tmp_path / "a.npz")
    with pytest.raises(AthenaError, match=r"a\.npz: was made for robot 'atlas', not 'g1'; use --robot atlas"):
        read_motion(tmp_path / "a.npz", robot=g1)
    assert read_motion(tmp_path / "a.npz", robot=g1, accept=["robot"])[0].robot == "g1"


def test_what_was_accepted_stays_accepted(tmp_path: Path, g1: Embodiment) -> None:
    path = tmp_path / "a.npz"
    moon = jumping(g1, gravity=1.6, take_off=1.0)
    moon.save(path)
    with pytest.raises(AthenaError, match=r"a\.npz: fps: at 30 fps \(in the file\) .* fall at -1\.6 .*lighter than g"):
        read_motion(path, robot=g1)
    (read,) = read_motion(path, robot=g1, accept=["gravity"])
    read.save(path)
    (again,) = read_motion(path, robot=g1)
    assert again.history == read.history == ("accepted: gravity",)


def test_a_corrected_frame_rate_is_told(tmp_path: Path, g1: Embodiment) -> None:
    jumping(g1, fps=60).replace(fps=30.0).save(tmp_path / "a.npz")
    (read,) = read_motion(tmp_path / "a.npz", robot=g1, fps=60)
    assert read.fps == 60.0
    assert read.history == ("fps 30 read as 60",)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("version", 99, "version 99 is not 1"),
        ("quaternion_order", "wxyz", "quaternion_order: is 'wxyz', must be 'xyzw'"),
        ("fps", "30", "fps: is missing or of the wrong type"),
        ("fps", -1, "fps: must be positive"),
        ("fps", True, "fps: is missing"),
        ("fps", 10**400, "fps: must be positive"),
        ("joint_names", 3, "joint_names: is missing"),
        ("joint_names", ["a"], r"joint_pos: has the shape \(60, 29\), any x 1"),
        ("history", "done", "history: is missing"),
        ("label", "boring", "label: unknown 'boring'"),
        ("robot", None, "robot: is missing"),
    ],
)
def test_a_header_of_the_wrong_type(tmp_path: Path, g1: Embodiment, key: str, value: object, reason: str) -> None:
    path = tmp_path / "a.npz"
    standing(g1).save(path)
    with np.load(path) as archive:
        content = dict(archive)
    header = json.loads(str(content["header"])) | {key: value}
    write_npz(path, **(content | {"header": np.array(json.dumps(header))}))
    with pytest.raises(AthenaError, match=rf"a\.npz: .*{reason}"):
        read_motion(path, robot=g1)


def test_a_missing_array(tmp_path: Path, g1: Embodiment) -> None:
    path = tmp_path / "a.npz"
    standing(g1).save(path)
    with np.load(path) as archive:
        content = dict(archive)
    del content["root_quat"]
    write_npz(path, **content)
    with pytest.raises(AthenaError, match=r"a\.npz: key 'root_quat' is missing"):
        read_motion(path, robot=g1)
