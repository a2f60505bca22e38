"""Readers of robot formats: what a test wrote is read as it was, for the robot that it is for and for no other."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.formats import read_motion
from athena_wbc.motion.formats.layouts import G1_23, H1, T1, TIENKUNG, Layout
from tests.motion.formats import robot_files as files
from tests.motion.samples import asap_content, gliding, random_clip, standing, write_joblib, write_npz


def assert_same(read: MotionClip, clip: MotionClip, tolerance: float = 1e-6) -> None:
    assert read.joint_names == clip.joint_names
    assert read.fps == pytest.approx(clip.fps, rel=1e-9)
    np.testing.assert_allclose(read.root_pos, clip.root_pos, atol=tolerance)
    np.testing.assert_allclose(np.abs((read.root_quat * clip.root_quat).sum(axis=1)), 1.0, atol=tolerance)
    np.testing.assert_allclose(read.joint_pos, clip.joint_pos, atol=tolerance)


@pytest.mark.parametrize("name", files.WRITERS)
def test_what_was_written_is_read_saved_and_loaded(tmp_path: Path, g1: Embodiment, name: str) -> None:
    fixed = {"kimodo": 30.0, "bones": 120.0}
    clip = random_clip(g1).replace(fps=fixed.get(name, 29.887))
    (read,) = read_motion(files.WRITERS[name](tmp_path, clip, g1), robot=g1)
    assert_same(read, clip)
    assert read.history[0].startswith(f"read from {read.source} as {name.partition(' ')[0]} (")
    read.save(tmp_path / "saved.npz")
    loaded = MotionClip.load(tmp_path / "saved.npz")
    assert_same(loaded, read)
    assert (loaded.history, loaded.source, loaded.fps) == (read.history, read.source, read.fps)
    (again,) = read_motion(tmp_path / "saved.npz", robot=g1)
    assert_same(again, read)


@pytest.mark.parametrize("layout", [H1, T1, TIENKUNG], ids=lambda layout: layout.robot)
@pytest.mark.parametrize("format", ["gmr", "gmr (npz)", "asap", "protomotions"])
def test_a_known_robot_reads_its_own_and_others_say_whose_it_is(
    tmp_path: Path, g1: Embodiment, layout: Layout, format: str
) -> None:
    """Columns without names go to the joints of the layout's names, in whatever order the registered model has them."""
    robot = files.layout_robot(tmp_path, layout, shuffled=True)
    assert set(robot.joint_names) == set(layout.joints)
    assert robot.joint_names != layout.joints
    clip = moving(robot)
    columns = robot.joint_index(layout.joints)
    as_published = clip.replace(joint_pos=clip.joint_pos[:, columns], joint_names=layout.joints)
    if format == "asap":
        content = asap_content(clip) | {"dof": as_published.joint_pos}
        path = write_joblib(tmp_path / "h1.pkl", {"x": content})
    elif format == "protomotions":
        content = files.motion_content(clip, robot) | {"dof_pos": torch.tensor(as_published.joint_pos)}
        path = tmp_path / "x.motion"
        torch.save(content, path)
    else:
        path = files.WRITERS[format](tmp_path, as_published, robot)
    (read,) = read_motion(path, robot=robot)
    assert_same(read, clip)
    named = f"{len(layout.joints)} are {layout.robot}"
    assert any(f"joints in the order of {layout.robot}" in step for step in read.history)
    if layout is T1:  # as many joints as the G1 has without its wrists
        return
    with pytest.raises(AthenaError, match=rf"has \d+ joints without names, robot 'g1' has 29; {named}.*robots add"):
        read_motion(path, robot=g1)


def test_a_t1_is_not_taken_for_a_g1_without_wrists(tmp_path: Path, g1: Embodiment) -> None:
    """Both have 23 joints: hanging arms are knees that bend the wrong way, and the bodies have other names."""
    robot = files.layout_robot(tmp_path, T1)
    clip = moving(robot).replace(joint_names=T1.joints)
    joint_pos = np.zeros((clip.num_frames, 23))
    joint_pos[:, [T1.joints.index("Left_Shoulder_Roll"), T1.joints.index("Right_Shoulder_Roll")]] = (-1.3, 1.3)
    clip = clip.replace(joint_pos=joint_pos)
    with pytest.raises(AthenaError, match=r"kick\.pkl: joint_pos: breaks joint limits in 100% .*left_knee_joint"):
        read_motion(files.gmr_pkl(tmp_path, clip, robot), robot=g1)
    path = files.gmr_pkl(tmp_path, clip, robot, link_body_list=["Trunk", "H1", "AL1", "AL2", "pelvis"])
    with pytest.raises(AthenaError, match=r"link_body_list: names 4 bodies that robot 'g1' lacks \(Trunk, H1"):
        read_motion(path, robot=g1)
    assert read_motion(files.gmr_pkl(tmp_path, random_clip(g1), g1, link_body_list=list(g1.body_names)), robot=g1)


def moving(robot: Embodiment, frames: int = 40, fps: float = 30.0) -> MotionClip:
    """Every joint swings by an amplitude and a phase of its own while the robot glides."""
    clip = gliding(robot, frames=frames, fps=fps)
    phase = np.linspace(0.0, 12.0, frames)[:, None] + np.arange(robot.num_joints)
    return clip.replace(joint_pos=clip.joint_pos + 0.02 * (1 + np.arange(robot.num_joints) % 7) * np.sin(phase))


def test_tienkung(tmp_path: Path, g1: Embodiment) -> None:
    robot = files.tienkung_robot(tmp_path)
    clip = moving(robot)
    turned = clip.replace(root_quat=turning(clip.num_frames))
    path = files.amp_txt(tmp_path, turned, robot)
    (read,) = read_motion(path, robot=robot, accept=["orientation"])
    assert_same(read, turned.slice(0, 39))
    assert "30 fps: velocities in the file (FrameDuration is 0.033)" in read.history
    content = json.loads(path.read_text())
    rows = np.array(content["Frames"])
    expert = np.concatenate((rows[:, 6:26], rows[:, 32:52], rows[:, :12]), axis=1)
    path.write_text(json.dumps(content | {"Frames": expert.tolist()}))
    for other in (robot, g1):
        with pytest.raises(AthenaError, match=r"walk\.txt: Frames: hold 20 joints, .* without the root; take"):
            read_motion(path, robot=other)
    still = files.amp_txt(tmp_path, standing(robot, frames=9, fps=40.0), robot, rounded=False)
    assert read_motion(still, robot=robot)[0].fps == pytest.approx(40.0)


def turning(frames: int) -> np.ndarray:
    """Three and a half turns about the vertical, leaning: beyond any branch of Euler angles."""
    from scipy.spatial.transform import Rotation

    yaw = np.linspace(0.0, 7.0 * np.pi, frames)
    lean = np.full(frames, 0.2)
    return (Rotation.from_rotvec(np.outer(yaw, (0, 0, 1))) * Rotation.from_rotvec(np.outer(lean, (0, 1, 0)))).as_quat()


def test_a_list_and_notes_beside_amp_motions_in_a_folder(tmp_path: Path) -> None:
    from athena_wbc.motion.corpus import load_clips

    robot = files.tienkung_robot(tmp_path)
    folder = tmp_path / "motions"
    folder.mkdir()
    files.amp_txt(folder, moving(robot), robot)
    (folder / "README.txt").write_text("Recorded on a Tuesday.\n")
    assert [clip.name for clip in load_clips(folder, robot)] == ["walk"]
    (tmp_path / "list.txt").write_text("motions/walk.txt  # the only one\n")
    assert [clip.name for clip in load_clips(tmp_path / "list.txt", robot)] == ["walk"]


def test_locomujoco(tmp_path: Path, g1: Embodiment) -> None:
    robot = files.tienkung_robot(tmp_path)
    clip = moving(robot, fps=500.0)
    clip = clip.replace(root_quat=turning(clip.num_frames))
    high = clip.replace(root_pos=clip.root_pos + np.array((0.0, 0.0, 0.7)))
    (read,) = read_motion(files.locomujoco(tmp_path, high, robot), robot=robot, accept=["orientation"])
    assert read.fps == 500.0
    np.testing.assert_allclose(read.joint_pos, clip.joint_pos, atol=1e-9)
    np.testing.assert_allclose(np.abs((read.root_quat * clip.root_quat).sum(axis=1)), 1.0, atol=1e-9)
    np.testing.assert_allclose(np.diff(read.root_pos, axis=0), np.diff(clip.root_pos, axis=0), atol=1e-9)
    # The lowest foot, a sphere of 5 cm, touches the ground.
    feet = files.bodies_of(read, robot)[0][:, robot.body_index(robot.feet), 2]
    assert feet.min() == pytest.approx(0.05, abs=1e-6)
    root = {f"q_pelvis_{key}": np.zeros(9) for key in ("tx", "tz", "ty", "tilt", "list", "rotation")}
    with pytest.raises(AthenaError, match="has no joints besides the root"):
        read_motion(write_npz(tmp_path / "root.npz", **root), robot=robot)
    with pytest.raises(
        AthenaError, match=r"keys q_\*: are of another robot than 'g1', which lacks 20 of the 20 joints"
    ):
        read_motion(files.locomujoco(tmp_path, clip, robot), robot=g1)


@pytest.mark.parametrize("local", [True, False])
def test_poselib(tmp_path: Path, g1: Embodiment, local: bool) -> None:
    robot = files.split_robot(tmp_path)
    clip = moving(robot)
    path = files.poselib(tmp_path, clip, robot, local)
    (read,) = read_motion(path, robot=robot)
    assert_same(read, clip)
    assert any("hinges turn as the file's nodes to 0.0 deg" in step for step in read.history)
    with pytest.raises(AthenaError, match=r"node_names: is for a robot with other bodies \(pelvis, right_thigh"):
        read_motion(path, robot=g1)


def test_poselib_says_what_hinges_cannot_do(tmp_path: Path) -> None:
    """A knee that the file turns sideways by 0.1 rad bends as far as it did, and the rest is reported."""
    from scipy.spatial.transform import Rotation

    robot = files.split_robot(tmp_path)
    clip = moving(robot)
    path = files.poselib(tmp_path, clip, robot)
    from athena_wbc.motion.formats.safe_npy import load_object_npy

    content = load_object_npy(path)
    knee = content["skeleton_tree"]["node_names"].index("right_shin")
    quat = content["rotation"]["arr"].copy()
    turned = Rotation.from_quat(quat[:, knee]) * Rotation.from_rotvec((0.1, 0.0, 0.0))
    quat[:, knee] = turned.as_quat()
    path = files.poselib(tmp_path, clip, robot, rotation={"arr": quat})
    (read,) = read_motion(path, robot=robot)
    np.testing.assert_allclose(read.joint_pos, clip.joint_pos, atol=2e-3)
    assert any("to 5.7 deg" in step for step in read.history)


def test_holosoma_with_an_object_and_of_several_motions(tmp_path: Path, g1: Embodiment) -> None:
    clip = random_clip(g1)
    (read,) = read_motion(files.holosoma_object(tmp_path, clip, g1), robot=g1)
    assert_same(read, clip)
    assert "not read: object_pos_w, object_quat_w" in read.history
    ends = np.zeros(40, dtype=bool)
    ends[[14, 15, 39]] = True
    one, two = read_motion(files.holosoma(tmp_path, clip, g1, motion_ends=ends), robot=g1)
    assert (one.name, one.num_frames, two.name, two.num_frames) == ("walk_mj_0", 15, "walk_mj_1", 24)
    np.testing.assert_allclose(two.joint_pos, clip.joint_pos[16:], atol=1e-9)
    with pytest.raises(AthenaError, match="motion_ends: does not mark the last frame"):
        read_motion(files.holosoma(tmp_path, clip, g1, motion_ends=~ends), robot=g1)


def test_hdmi_without_wrists_and_without_its_description(tmp_path: Path, g1: Embodiment) -> None:
    clip = random_clip(g1)
    columns = g1.joint_index(G1_23.joints)
    path = files.hdmi(tmp_path, clip, g1, joint_names=list(G1_23.joints))
    arrays = dict(np.load(path)) | {"joint_pos": clip.joint_pos[:, columns]}
    write_npz(path, **arrays)
    (read,) = read_motion(path, robot=g1)
    assert read.name == "push_box"
    np.testing.assert_allclose(read.joint_pos[:, columns], clip.joint_pos[:, columns], atol=1e-9)
    assert any(step.startswith("at their default position: left_wrist_roll_joint") for step in read.history)
    for changes, reason in (
        ({"fps": "50"}, "fps: must be a positive number"),
        ({"joint_names": [1]}, "joint_names: must be a list of names"),
        ({"joint_names": list(H1.joints)}, "joint_names: are of another robot than 'g1', .*Unitree H1"),
        ({"body_names": ["torso_link"]}, "body_names: lacks 'pelvis', the root of robot 'g1'"),
    ):
        files.hdmi(tmp_path, clip, g1, **changes)
        with pytest.raises(AthenaError, match=rf"motion\.npz: meta\.json: {reason}"):
            read_motion(path, robot=g1)
    (path.parent / "meta.json").unlink()
    with pytest.raises(AthenaError, match=r"motion\.npz: meta\.json is not beside it"):
        read_motion(path, robot=g1, format="hdmi")


def test_gmr_reads_names_where_there_are_some(tmp_path: Path, g1: Embodiment) -> None:
    clip = random_clip(g1)
    order = np.random.default_rng(1).permutation(29)
    names = [g1.joint_names[i] for i in order]
    for path in (
        files.gmr_pkl(tmp_path, clip, g1, joint_names=names, dof_pos=clip.joint_pos[:, order]),
        files.gmr_npz(tmp_path, clip, g1, dof_names=np.array(names), dof_pos=clip.joint_pos[:, order]),
    ):
        assert_same(read_motion(path, robot=g1)[0], clip)
    with pytest.raises(AthenaError, match=r"joint_names: has 28 names for 29 joints"):
        read_motion(files.gmr_pkl(tmp_path, clip, g1, joint_names=names[1:]), robot=g1)
    with pytest.raises(AthenaError, match=r"key 'fps' is missing; give --fps"):
        content = files.gmr_content(clip)
        del content["fps"]
        write_npz(tmp_path / "b.npz", **content)
        read_motion(tmp_path / "b.npz", robot=g1)


def test_root_npz_asks_where_the_motion_does_not_tell(tmp_path: Path, g1: Embodiment) -> None:
    clip = random_clip(g1)
    (read,) = read_motion(files.root_npz(tmp_path, clip, g1), robot=g1)
    assert any("joint order by evidence: isaac, since joint limits" in step for step in read.history)
    assert any("quaternions wxyz by evidence" in step for step in read.history)
    still = standing(g1).replace(joint_pos=np.zeros((60, 29)))
    path = files.root_npz(tmp_path, still, g1)
    with pytest.raises(AthenaError, match=r"joint_pos: its joint order is not in the file .*--joint-order"):
        read_motion(path, robot=g1)
    with pytest.raises(AthenaError, match=r"breaks joint limits in .*--accept joint_limits"):
        read_motion(files.root_npz(tmp_path, clip, g1), robot=g1, joint_order="mjcf")


def test_kimodo_takes_rate_and_text_from_beside_and_refuses_another_body(tmp_path: Path, g1: Embodiment) -> None:
    clip = random_clip(g1).replace(fps=30.0)
    folder = tmp_path / "stumble"
    folder.mkdir()
    path = files.kimodo(tmp_path, clip, g1).rename(folder / "motion.npz")
    assert "30 fps: default of the format" in read_motion(path, robot=g1)[0].history
    (folder / "meta.json").write_text(json.dumps({"texts": ["walks", "sits"], "durations": [1.5, 0.5]}))
    (read,) = read_motion(path, robot=g1)
    assert (read.name, read.fps, read.text) == ("stumble", 20.0, "walks, then sits")
    (folder / "meta.json").write_text("{")
    assert read_motion(path, robot=g1)[0].fps == 30.0
    arrays = dict(np.load(path))
    write_npz(path, **(arrays | {"posed_joints": 1.3 * arrays["posed_joints"]}))
    with pytest.raises(AthenaError, match=r"posed_joints: differ from robot 'g1' by 0\.\d+ m in the mean"):
        read_motion(path, robot=g1)
    write_npz(path, **(arrays | {"global_rot_mats": -arrays["global_rot_mats"]}))
    with pytest.raises(AthenaError, match="global_rot_mats: are no rotations"):
        read_motion(path, robot=g1)


def test_bones_by_hand(tmp_path: Path, g1: Embodiment) -> None:
    """Centimetres, degrees, and rotations about fixed axes: x by 90 degrees, then z by 90 turns x to y and y to z."""
    names = [f"{name}_dof" for name in g1.joint_names]
    header = ",".join(("Frame", *(f"root_translate{a}" for a in "XYZ"), *(f"root_rotate{a}" for a in "XYZ"), *names))
    row = ["0", "10", "20", "79", "90", "0", "90", *["0"] * 29]
    row[7 + g1.joint_names.index("left_knee_joint")] = "45"
    path = tmp_path / "a.csv"
    path.write_text("\n".join((header, *[",".join(row)] * 3)))
    (read,) = read_motion(path, robot=g1, accept=["orientation"])
    assert read.fps == 120.0
    np.testing.assert_allclose(read.root_pos[0], (0.1, 0.2, 0.79), atol=1e-12)
    np.testing.assert_allclose(np.abs(read.root_quat[0]), (0.5, 0.5, 0.5, 0.5), atol=1e-12)
    x, y, z, w = read.root_quat[0]
    assert 2 * (x * y + w * z) == pytest.approx(1.0)  # the body's x axis along the world's y
    assert 2 * (y * z + w * x) == pytest.approx(1.0)  # the body's y axis along the world's z
    assert read.joint_pos[0, g1.joint_names.index("left_knee_joint")] == pytest.approx(np.pi / 4)
    path.write_text("\n".join((header, ",".join(row), ",".join(row[:9]))))
    with pytest.raises(AthenaError, match=r"a\.csv: line 3: has 9 of 36 columns; the file is truncated"):
        read_motion(path, robot=g1)
    path.write_text(header.replace("left_knee_joint", "left_kne_joint") + "\n" + ("\n".join([",".join(row)] * 3)))
    with pytest.raises(AthenaError, match="lacks unknown 'left_kne_joint'; did you mean 'left_knee_joint'"):
        read_motion(path, robot=g1, accept=["orientation"])
