from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.human import body, read_human
from athena_wbc.motion.formats.human.evidence import stature
from tests.motion.formats.human import people


def test_the_zero_pose_is_the_sum_of_the_offsets() -> None:
    positions, rotations = body.pose_body(np.zeros((2, 66)), np.zeros((2, 3)), body.REFERENCE_HEIGHT)
    # Left ankle: pelvis offset + hip + knee + ankle, by hand.
    np.testing.assert_allclose(positions[0, 7], (0.1143, -0.222 - 0.0860 - 0.3866 - 0.4279, -0.0393), atol=1e-9)
    np.testing.assert_allclose(positions[1, 15], (0.0, -0.222 + 0.6413, 0.0381), atol=1e-9)
    np.testing.assert_allclose(rotations, np.tile((0.0, 0.0, 0.0, 1.0), (2, 22, 1)), atol=1e-12)


def test_a_bent_knee_moves_what_hangs_below_it() -> None:
    pose = np.zeros((1, 22, 3))
    pose[0, 4, 0] = np.pi / 2.0  # the left knee about x: the shank turns backwards, (y, z) -> (-z, y)
    straight, _ = body.pose_body(np.zeros((1, 66)), np.zeros((1, 3)), 1.8)
    bent, _ = body.pose_body(pose.reshape(1, 66), np.zeros((1, 3)), 1.8)
    shank = straight[0, 7] - straight[0, 4]
    np.testing.assert_allclose(bent[0, 7] - bent[0, 4], (shank[0], -shank[2], shank[1]), atol=1e-12)
    np.testing.assert_allclose(bent[0, 8], straight[0, 8], atol=1e-12)


def test_the_reference_height_is_that_of_the_table() -> None:
    positions, _ = body.pose_body(np.zeros((2, 66)), np.zeros((2, 3)), body.REFERENCE_HEIGHT)
    points = {landmark: positions[:, body.JOINT_NAMES.index(joint)] for landmark, joint in body.LANDMARKS.items()}
    assert stature(points) == pytest.approx(body.REFERENCE_HEIGHT, abs=0.005)


def test_amass(tmp_path: Path) -> None:
    (motion,) = read_human(people.write_amass(tmp_path / "walk.npz"))
    assert (motion.name, motion.num_frames, motion.fps) == ("walk", people.FRAMES, 30.0)
    pelvis = motion.landmark("pelvis")
    np.testing.assert_allclose(pelvis[-1] - pelvis[0], (0.0, -(people.FRAMES - 1) / 30.0, 0.0), atol=1e-9)
    # Its feet stand on the floor, its head above its pelvis, and its left side is to the left of -y: at +x.
    assert 0.0 < min(motion.landmark("left_toe")[:, 2].min(), motion.landmark("right_toe")[:, 2].min()) < 0.05
    assert (motion.landmark("head")[:, 2] - pelvis[:, 2]).min() > 0.5
    assert (motion.landmark("left_hip")[:, 0] > motion.landmark("right_hip")[:, 0]).all()
    assert any("mean skeleton of 1.7 m" in step for step in motion.history)


def test_orientations_are_those_of_the_joints(tmp_path: Path) -> None:
    (motion,) = read_human(people.write_amass(tmp_path / "walk.npz"))
    knee, ankle = (motion.joint_names.index(name) for name in ("left_knee", "left_ankle"))
    offset = body.OFFSETS[ankle] * (body.DEFAULT_HEIGHT / body.REFERENCE_HEIGHT)
    turned = Rotation.from_quat(motion.rotations[:, knee]).apply(offset)
    np.testing.assert_allclose(motion.positions[:, ankle] - motion.positions[:, knee], turned, atol=1e-9)


def test_height_scales_the_skeleton(tmp_path: Path) -> None:
    file = people.write_amass(tmp_path / "walk.npz")
    small, tall = (read_human(file, height=height)[0] for height in (1.5, 1.8))

    def thigh(motion) -> float:
        return np.linalg.norm(motion.landmark("left_hip")[0] - motion.landmark("left_knee")[0])

    assert thigh(tall) / thigh(small) == pytest.approx(1.2)


@pytest.mark.parametrize("columns", [66, 72, 156, 165])
def test_what_follows_the_body_is_left_out(tmp_path: Path, columns: int) -> None:
    pose = people.turned_up(people.poses())
    wide = np.concatenate((pose, np.full((len(pose), columns - 66), 0.3)), axis=1)
    np.savez(tmp_path / "a.npz", poses=wide, trans=people.path(), mocap_frame_rate=30)
    plain = read_human(people.write_amass(tmp_path / "b.npz"))[0]
    np.testing.assert_allclose(read_human(tmp_path / "a.npz")[0].positions, plain.positions, atol=1e-12)


def test_parts_and_pickles_are_the_same_motion(tmp_path: Path) -> None:
    pose, trans = people.turned_up(people.poses()), people.path()
    np.savez(tmp_path / "a.npz", root_orient=pose[:, :3], pose_body=pose[:, 3:], trans=trans, mocap_frame_rate=30)
    one = {"pose": pose.reshape(-1, 22, 3), "trans": trans, "fps": 30}
    people.write_pickle(tmp_path / "b.pkl", {"first": one, "second": one})
    expected = read_human(people.write_amass(tmp_path / "c.npz"))[0].positions
    np.testing.assert_allclose(read_human(tmp_path / "a.npz")[0].positions, expected, atol=1e-12)
    first, second = read_human(tmp_path / "b.pkl")
    assert (first.name, second.name) == ("first", "second")
    np.testing.assert_allclose(second.positions, expected, atol=1e-12)


def test_aist_is_y_up_and_scaled(tmp_path: Path) -> None:
    trans = people.path(up="y")
    pose = np.concatenate((people.poses(), np.zeros((people.FRAMES, 6))), axis=1)
    content = {"smpl_poses": pose, "smpl_trans": trans * 93.8, "smpl_scaling": np.array([93.8])}
    (motion,) = read_human(people.write_pickle(tmp_path / "dance.pkl", content))
    assert motion.fps == 60.0
    # y up, z forwards become z up, -y forwards.
    pelvis = motion.landmark("pelvis")
    np.testing.assert_allclose(pelvis[-1] - pelvis[0], (0.0, -(people.FRAMES - 1) / 30.0, 0.0), atol=1e-6)
    del content["smpl_scaling"]
    with pytest.raises(AthenaError, match=r"the root moves at .* --units"):
        read_human(people.write_pickle(tmp_path / "dance.pkl", content))
    (again,) = read_human(tmp_path / "dance.pkl", units=repr(1 / 93.8))
    np.testing.assert_allclose(again.positions, motion.positions, atol=1e-6)


def test_phuma_and_motion_x(tmp_path: Path) -> None:
    pose, trans = people.turned_up(people.poses()), people.path()
    people.write_npy(tmp_path / "p.npy", np.concatenate((trans, pose), axis=1))
    wide = np.zeros((len(pose), 322))
    wide[:, :66], wide[:, 309:312] = pose, trans
    people.write_npy(tmp_path / "x.npy", wide)
    expected = read_human(people.write_amass(tmp_path / "c.npz"))[0].positions
    for name in ("p.npy", "x.npy"):
        with pytest.raises(AthenaError, match=r"states no frame rate.*--fps"):
            read_human(tmp_path / name)
        (motion,) = read_human(tmp_path / name, fps=30.0)
        np.testing.assert_allclose(motion.positions, expected, atol=1e-12)


def test_gvhmr(tmp_path: Path) -> None:
    import torch

    pose, trans = people.poses(), people.path(up="y")
    fields = {"global_orient": pose[:, :3], "body_pose": pose[:, 3:], "transl": trans, "betas": np.zeros((24, 10))}
    content = {"smpl_params_global": {key: torch.tensor(value) for key, value in fields.items()}, "K_fullimg": None}
    torch.save(content, tmp_path / "hmr4d_results.pt")
    (motion,) = read_human(tmp_path / "hmr4d_results.pt", fps=30.0)
    expected = read_human(people.write_amass(tmp_path / "c.npz"))[0]
    shift = motion.positions - expected.positions
    np.testing.assert_allclose(shift, np.broadcast_to(shift[0, 0], shift.shape), atol=1e-9)


def test_shape_parameters_are_reported(tmp_path: Path) -> None:
    (motion,) = read_human(people.write_amass(tmp_path / "walk.npz", betas=np.ones(16)))
    assert any("betas" in step for step in motion.history)


def test_joints_are_taken_where_they_are_held(tmp_path: Path) -> None:
    joints = np.concatenate((people.joints(), people.joints()[:, 20:]), axis=1)[..., [2, 0, 1]]  # z up
    clip = {"smpl_joints": joints, "fps": 30, "dof": np.zeros((24, 23))}
    (motion,) = read_human(people.write_pickle(tmp_path / "a.pkl", {"clip": clip}))
    np.testing.assert_array_equal(motion.positions, joints)
    clip["smpl_joints"] = np.zeros((24, 24, 3))
    with pytest.raises(AthenaError, match="all zero"):
        read_human(people.write_pickle(tmp_path / "a.pkl", {"clip": clip}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"poses": np.zeros((24, 100))}, "has 100 columns; known are 66"),
        ({"trans": np.zeros((9, 3))}, "numbers of frames differ"),
        ({"mocap_framerate": np.array(0.0)}, "fps: is 0.0, a positive number"),
        ({"trans": np.full((24, 3), np.nan)}, "trans: is nan"),
    ],
)
def test_damage_is_told(tmp_path: Path, change: dict, message: str) -> None:
    fields = {"poses": people.turned_up(people.poses()), "trans": people.path(), "mocap_framerate": np.array(30.0)}
    np.savez(tmp_path / "a.npz", **(fields | change))
    with pytest.raises(AthenaError, match=message):
        read_human(tmp_path / "a.npz")
