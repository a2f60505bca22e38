from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.human import joint_arrays, read_human
from athena_wbc.motion.formats.human.landmarks import find_by_names
from athena_wbc.motion.human import LANDMARKS
from tests.motion.formats.human import people


@pytest.mark.parametrize("table", [joint_arrays.KIMODO, joint_arrays.PLAIN])
def test_skeletons_have_the_joints_that_they_say(table: dict) -> None:
    for count, skeleton in table.items():
        names = [name for name, _ in skeleton]
        assert len(names) == len(set(names)) == count
        assert all(parent is None or names.index(parent) < names.index(name) for name, parent in skeleton)
        found, _ = find_by_names(names)
        assert set(found) == set(LANDMARKS)


def test_soma_leg_is_the_hip_and_shin_the_knee() -> None:
    found, family = find_by_names([name for name, _ in joint_arrays.KIMODO[77]])
    assert family == "SOMA"
    assert (found["left_hip"], found["left_knee"], found["left_ankle"]) == ("LeftLeg", "LeftShin", "LeftFoot")


def test_kimodo_is_y_up_at_30_fps(tmp_path: Path) -> None:
    joints = people.joints()
    rotations = np.broadcast_to(np.eye(3), (*joints.shape[:2], 3, 3))
    np.savez(tmp_path / "walk.npz", posed_joints=joints, global_rot_mats=rotations)
    (motion,) = read_human(tmp_path / "walk.npz")
    assert motion.fps == 30.0
    np.testing.assert_allclose(motion.positions, joints[..., [0, 2, 1]] * (1.0, -1.0, 1.0))
    half = np.sqrt(0.5)  # what was unturned with y up is turned by 90 degrees about x now
    np.testing.assert_allclose(motion.rotations[0, 5], (half, 0.0, 0.0, half), atol=1e-12)
    np.savez(tmp_path / "bad.npz", posed_joints=joints, global_rot_mats=2.0 * rotations)
    with pytest.raises(AthenaError, match="are no rotations"):
        read_human(tmp_path / "bad.npz")


def test_the_robot_of_kimodo_is_no_person(tmp_path: Path) -> None:
    np.savez(tmp_path / "g1.npz", posed_joints=np.zeros((5, 34, 3)))
    with pytest.raises(AthenaError, match="no reader of human motions"):
        read_human(tmp_path / "g1.npz")
    with pytest.raises(AthenaError, match="Unitree G1, a robot motion"):
        read_human(tmp_path / "g1.npz", format="kimodo_human")


def test_plain_joints_ask_for_their_rate(tmp_path: Path) -> None:
    joints = np.concatenate((people.joints(), people.joints()[:, 20:]), axis=1)
    people.write_npy(tmp_path / "a.npy", joints)
    with pytest.raises(AthenaError, match="states no frame rate"):
        read_human(tmp_path / "a.npy")
    (motion,) = read_human(tmp_path / "a.npy", fps=30.0)
    assert any(step.startswith("vertical: y, along which") for step in motion.history)
