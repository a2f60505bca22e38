from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.kinematics import Kinematics
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.evidence import breadth_first_bodies, breadth_first_joints
from athena_wbc.motion.formats import read_motion
from tests.motion.samples import ISAAC_ORDER, gliding, random_clip, write_npz


def arrays_of(clip: MotionClip, robot: Embodiment, isaac: bool = False) -> dict[str, np.ndarray]:
    """A clip as BeyondMimic's exporter writes it, in the order of mjlab or of Isaac Lab."""
    pos, quat = Kinematics(robot, dtype=torch.float64).forward(
        *(torch.tensor(array) for array in (clip.root_pos, clip.root_quat, clip.joint_pos))
    )
    joints = [robot.joint_names.index(name) for name in breadth_first_joints(robot)] if isaac else slice(None)
    bodies = breadth_first_bodies(robot) if isaac else slice(None)
    return {
        "fps": np.array([clip.fps]),
        "joint_pos": clip.joint_pos[:, joints].astype(np.float32),
        "joint_vel": clip.joint_vel[:, joints].astype(np.float32),
        "body_pos_w": pos.numpy()[:, bodies].astype(np.float32),
        "body_quat_w": np.roll(quat.numpy()[:, bodies], 1, axis=2).astype(np.float32),
    }


def bent(robot: Embodiment) -> MotionClip:
    """Both knees at 2 rad: beyond the limit of what Isaac's order has in their place."""
    clip = gliding(robot)
    joint_pos = clip.joint_pos.copy()
    joint_pos[:, robot.joint_index(("left_knee_joint", "right_knee_joint"))] = 2.0
    return clip.replace(joint_pos=joint_pos)


def test_breadth_first_order_is_that_of_isaac_lab(g1: Embodiment) -> None:
    assert breadth_first_joints(g1) == tuple(f"{name}_joint" for name in ISAAC_ORDER.split())


@pytest.mark.parametrize("isaac", [False, True])
@pytest.mark.parametrize("make", [bent, random_clip])
def test_joint_limits_tell_the_order(tmp_path: Path, g1: Embodiment, isaac: bool, make) -> None:
    clip = make(g1)
    (read,) = read_motion(write_npz(tmp_path / "a.npz", **arrays_of(clip, g1, isaac)), robot=g1)
    np.testing.assert_allclose(read.joint_pos, clip.joint_pos, atol=1e-6)
    np.testing.assert_allclose(read.root_pos, clip.root_pos, atol=1e-6)
    np.testing.assert_allclose(read.root_quat, clip.root_quat, atol=1e-6)
    assert read.fps == clip.fps
    expected = "isaac" if isaac else "mjcf"
    assert any(f"joint order by evidence: {expected}, since joint limits" in step for step in read.history)


@pytest.mark.parametrize("isaac", [False, True])
def test_bodies_tell_the_order_where_limits_do_not(tmp_path: Path, g1: Embodiment, isaac: bool) -> None:
    clip = gliding(g1)
    joint_pos = np.zeros_like(clip.joint_pos)
    joint_pos[:, g1.joint_index(("waist_yaw_joint", "left_hip_roll_joint", "left_knee_joint"))] = (0.3, 0.25, 0.2)
    clip = clip.replace(joint_pos=joint_pos)
    arrays = arrays_of(clip, g1, isaac)
    (read,) = read_motion(write_npz(tmp_path / "a.npz", **arrays), robot=g1)
    np.testing.assert_allclose(read.joint_pos, joint_pos, atol=1e-6)
    assert any("since its bodies agree with the file" in step for step in read.history)
    arrays |= {key: arrays[key][:, :14] for key in ("body_pos_w", "body_quat_w")}
    path = write_npz(tmp_path / "a.npz", **arrays)
    with pytest.raises(AthenaError, match=r"a\.npz: joint_pos: its joint order is not in the file .*--joint-order"):
        read_motion(path, robot=g1)
    (read,) = read_motion(path, robot=g1, joint_order="isaac" if isaac else "mjcf")
    np.testing.assert_allclose(read.joint_pos, joint_pos, atol=1e-6)


def test_a_stated_order_that_breaks_limits_is_refused(tmp_path: Path, g1: Embodiment) -> None:
    path = write_npz(tmp_path / "a.npz", **arrays_of(bent(g1), g1, isaac=True))
    with pytest.raises(AthenaError, match=r"a\.npz: joint_pos: breaks joint limits in 100% .*--accept joint_limits"):
        read_motion(path, robot=g1, joint_order="mjcf")
    (read,) = read_motion(path, robot=g1, joint_order="mjcf", accept=["joint_limits"])
    assert "accepted: joint_limits" in read.history


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"joint_pos": np.zeros((60, 23))}, "joint_pos: has 23 joints, robot 'g1' has 29"),
        ({"body_pos_w": np.zeros((50, 30, 3))}, r"body_pos_w: has the shape \(50, 30, 3\)"),
        ({"body_quat_w": np.zeros((60, 30, 3))}, r"body_quat_w: has the shape"),
        ({"body_quat_w": np.zeros((60, 30, 4))}, r"root_quat: norm 0"),
        ({"fps": np.array([30, 60])}, r"fps: must be one number"),
        ({"fps": np.array(["x"])}, r"fps: must be one number"),
        ({"fps": np.array([np.nan])}, r"fps: must be positive"),
        ({"body_pos_w": np.zeros((60, 0, 3)), "body_quat_w": np.zeros((60, 0, 4))}, "body_pos_w: holds no bodies"),
    ],
)
def test_nonsense(tmp_path: Path, g1: Embodiment, changes: dict, reason: str) -> None:
    path = write_npz(tmp_path / "a.npz", **(arrays_of(bent(g1), g1) | changes))
    with pytest.raises(AthenaError, match=rf"a\.npz: {reason}"):
        read_motion(path, robot=g1)


def test_a_file_with_joint_names_is_another_format(tmp_path: Path, g1: Embodiment) -> None:
    path = write_npz(tmp_path / "a.npz", joint_names=np.array(["a"]), **arrays_of(bent(g1), g1))
    with pytest.raises(AthenaError, match=r"a\.npz: no reader knows this file \(it has the keys body_pos_w"):
        read_motion(path, robot=g1)
