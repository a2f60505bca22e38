"""Every robot file of other projects is read, or refused for a stated reason."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

import numpy as np
import pytest
import torch

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.kinematics import Kinematics
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.formats import read_motion
from athena_wbc.motion.formats.safe_npy import load_object_npy
from athena_wbc.motion.formats.safe_torch import load_torch
from tests.motion.formats.real_files import NOTES, OWNERS
from tests.motion.formats.robot_files import chain_robot, tienkung_robot

READ = {
    "asap_g1_23dof/*.pkl": ("asap", {30.0}),
    "g1_moves/*.csv": ("csv", {60.0}),
    "g1_moves/*.npz": ("beyondmimic", {60.0}),
    "kimodo_g1/*.npz": ("kimodo", {30.0}),
    "protomotions_kimodo/*.csv": ("csv", {30.0}),
    "protomotions_kimodo/*.motion": ("protomotions", {30.0}),
    "unitree_beyondmimic_csv/*.csv": ("csv", {60.0}),
}
"""Pattern -> format, and frame rates."""

REFUSED = {
    "amp_poselib_npy/*.npy": "node_names: is for a robot with other bodies .pelvis, torso, head, .*athena robots add",
    "loco_mujoco_mini/*_ATLAS.npz": r"are of another robot .* \(back_bky, .*athena robots add",
    "loco_mujoco_mini/*_TALOS.npz": r"are of another robot .* \(back_bky, .*athena robots add",
    "loco_mujoco_mini/*_UnitreeG1.npz": r"are of another robot .* 7 of the 25 joints \(lumbar_extension, .*robots add",
    "loco_mujoco_mini/*_UnitreeH1.npz": r"are of another robot .* \(back_bky, .*athena robots add",
    "tienkung_txt/motion_amp_expert__*.txt": "without the root; take the file of the whole motion",
    "tienkung_txt/motion_visualization__*.txt": r"20 are TienKung \(hip_roll_l_joint, .*athena robots add",
}
"""Pattern -> why the G1 cannot do it."""

OTHERS = ("kimodo_g1/*.json", "holosoma/*_joint_positions_*.npy")
"""What is beside robot motions: descriptions, and joint positions of a person."""


def files_of(folder: Path, owners: tuple[str, ...]) -> list[Path]:
    return [
        file
        for name in sorted(OWNERS)
        if OWNERS[name] in owners
        for file in sorted((folder / name).iterdir())
        if not any(fnmatch(file.name, note) for note in NOTES)
    ]


def test_every_folder_has_an_owner(shared_motions: Path) -> None:
    assert sorted(OWNERS) == sorted(path.name for path in shared_motions.iterdir())
    assert set(OWNERS.values()) <= {"robot", "human", "both", "none"}


def test_every_robot_file_is_listed(shared_motions: Path) -> None:
    for file in files_of(shared_motions, ("robot", "both")):
        place = file.relative_to(shared_motions).as_posix()
        fitting = [pattern for pattern in (*READ, *REFUSED, *OTHERS) if fnmatch(place, pattern)]
        assert len(fitting) == 1, f"{place}: {fitting}"


@pytest.mark.parametrize("pattern", READ)
def test_read(shared_motions: Path, g1: Embodiment, pattern: str, tmp_path: Path) -> None:
    files = sorted(shared_motions.glob(pattern))
    assert files
    if pattern.endswith((".csv", ".pkl")):
        files = files[:5]  # test_real_files.py reads them all
    name, rates = READ[pattern]
    for file in files:
        (clip,) = read_motion(file, robot=g1)
        assert clip.history[0].startswith(f"read from {file.name} as {name} ("), file
        assert clip.fps in rates, file
        assert 0.2 < clip.root_pos[:, 2].mean() < 1.0, file
    clip.save(tmp_path / "a.npz")
    loaded = MotionClip.load(tmp_path / "a.npz")
    for key in ("root_pos", "root_quat", "joint_pos"):
        np.testing.assert_allclose(getattr(loaded, key), getattr(clip, key), atol=1e-6)
    assert (loaded.fps, loaded.history, loaded.source, loaded.text) == (clip.fps, clip.history, clip.source, clip.text)


@pytest.mark.parametrize("pattern", REFUSED)
def test_refused(shared_motions: Path, g1: Embodiment, pattern: str) -> None:
    files = sorted(shared_motions.glob(pattern))
    assert files
    for file in files:
        with pytest.raises(AthenaError, match=REFUSED[pattern]) as refusal:
            read_motion(file, robot=g1)
        assert str(refusal.value).startswith(f"{file}: ")


def test_motion_and_csv_of_one_clip_agree(shared_motions: Path, g1: Embodiment) -> None:
    """The root of a .motion is lifted, frame by frame, until the feet are out of the ground; all else is the same."""
    for file in sorted((shared_motions / "protomotions_kimodo").glob("*.motion")):
        (clip,) = read_motion(file, robot=g1)
        (other,) = read_motion(file.with_suffix(".csv"), robot=g1)
        assert clip.fps == other.fps
        lifted = clip.root_pos - other.root_pos
        assert np.abs(lifted[:, :2]).max() < 1e-6
        assert lifted[:, 2].min() >= -1e-6
        assert lifted[:, 2].max() < 0.03
        assert 0.005 < np.median(lifted[:, 2]) < 0.015
        np.testing.assert_allclose(clip.joint_pos, other.joint_pos, atol=1e-6)
        np.testing.assert_allclose(np.abs((clip.root_quat * other.root_quat).sum(axis=1)), 1.0, atol=1e-9)


def test_bodies_of_a_motion_agree_with_our_kinematics(shared_motions: Path, g1: Embodiment) -> None:
    """The file's rotations, scalar last, and positions are those of its joint angles: a witness of all three."""
    (file,) = (shared_motions / "protomotions_kimodo").glob("output_dance.motion")
    (clip,) = read_motion(file, robot=g1)
    pos, quat = forward(g1, clip)
    content = load_torch(file)
    theirs, turned = content["rigid_body_pos"], content["rigid_body_rot"]
    # Its model has more bodies: each of ours is the nearest of them, the same one in all frames.
    distance = np.linalg.norm(pos[:, :, None] - theirs[:, None], axis=-1).max(axis=0)
    nearest = distance.argmin(axis=1)
    assert distance.min(axis=1).max() < 1e-3
    assert (np.abs((quat * turned[:, nearest]).sum(axis=-1)) > 0.999).mean() > 0.8


def forward(robot: Embodiment, clip: MotionClip) -> tuple[np.ndarray, np.ndarray]:
    pos, quat = Kinematics(robot, dtype=torch.float64).forward(
        *(torch.from_numpy(array.copy()) for array in (clip.root_pos, clip.root_quat, clip.joint_pos))
    )
    return pos.numpy(), quat.numpy()


def test_kimodo_bodies_agree(shared_motions: Path, g1: Embodiment) -> None:
    for file in sorted((shared_motions / "kimodo_g1").glob("*.npz")):
        (clip,) = read_motion(file, robot=g1)
        (step,) = [step for step in clip.history if step.startswith("bodies agree with the file to")]
        assert float(step.split()[-2]) < 3.0, file
        assert clip.text


def test_tienkung_is_read_for_its_robot(shared_motions: Path, tmp_path: Path) -> None:
    (file,) = (shared_motions / "tienkung_txt").glob("motion_visualization*.txt")
    robot = tienkung_robot(tmp_path)
    (clip,) = read_motion(file, robot=robot)
    assert (clip.num_frames, clip.fps) == (736, 30.0)
    knees = clip.joint_pos[:, robot.joint_index(("knee_pitch_l_joint", "knee_pitch_r_joint"))]
    assert (knees > 0.0).all()  # a knee bends one way
    walked = np.linalg.norm(np.diff(clip.root_pos[:, :2], axis=0), axis=1).sum()
    assert 0.3 < walked / clip.duration < 1.5


def test_locomujoco_is_read_for_its_robot(shared_motions: Path, tmp_path: Path) -> None:
    """The H1 in LocoMuJoCo's names: the stance foot stays where it is while the robot walks at 1.3 m/s."""
    from athena_wbc.motion.evidence import posture, trace_bodies

    file = shared_motions / "loco_mujoco_mini" / "02-constspeed_UnitreeH1.npz"
    leg = [("hip_rotation", "z", 0.1742), ("hip_adduction", "x", 0.0), ("hip_flexion", "y", 0.0)]
    leg += [("knee_angle", "y", 0.4), ("ankle_angle", "y", 0.4)]
    back = [(f"back_bk{axis}", axis, 0.0) for axis in "xyz"]
    arms = [
        [(f"{s}_arm_sh{a}", a, 0.1) for a in "yxz"] + [(f"{n}_elbow", "y", 0.2), (f"{s}_arm_wry", "y", 0.2)]
        for s, n in (("l", "left"), ("r", "right"))
    ]
    chains = [[(f"{joint}_{side}", axis, length) for joint, axis, length in leg] for side in "lr"]
    robot = chain_robot(tmp_path, "h1", [*chains, back, *arms])
    (clip,) = read_motion(file, robot=robot)
    assert (clip.num_frames, clip.fps) == (500, 500.0)
    trace = trace_bodies(robot, clip.root_pos, clip.root_quat, clip.joint_pos, clip.fps)
    assert posture(trace).facing > 0.99
    assert posture(trace).slip < 0.5 * np.linalg.norm(clip.root_pos[-1] - clip.root_pos[0]) / clip.duration
    assert trace.foot_height.min() == pytest.approx(0.0, abs=1e-6)


def test_poselib_is_read_for_its_robot(shared_motions: Path, tmp_path: Path) -> None:
    """A robot built from the file's own skeleton: its bodies are where the file's nodes are."""
    for file in sorted((shared_motions / "amp_poselib_npy").glob("*.npy")):
        content = load_object_npy(file)
        robot = skeleton_robot(tmp_path, file.stem, content["skeleton_tree"])
        (clip,) = read_motion(file, robot=robot, accept=["joint_limits", "orientation", "gravity"])
        assert clip.num_frames == len(content["rotation"]["arr"])
        (step,) = [step for step in clip.history if step.startswith("hinges turn as the file's nodes")]
        pos, _ = forward(robot, clip)
        nodes = content["skeleton_tree"]["node_names"]
        expected = node_positions(content)
        index = robot.body_index(tuple(nodes))
        error = np.linalg.norm(pos[:, index] - expected, axis=2)
        # Knees and elbows have one hinge: what the file turns them besides is dropped, and little.
        assert error.max() < 0.06, (file, step)
        assert error.mean() < 0.01, (file, step)


def node_positions(content: dict) -> np.ndarray:
    """(T, N, 3) from the file's local rotations and offsets."""
    from scipy.spatial.transform import Rotation

    tree = content["skeleton_tree"]
    offset, parents = tree["local_translation"]["arr"], tree["parent_indices"]["arr"]
    turns, places = [], []
    for node, parent in enumerate(parents):
        turn = Rotation.from_quat(content["rotation"]["arr"][:, node])
        place = content["root_translation"]["arr"].astype(float)
        if parent >= 0:
            place = places[parent] + turns[parent].apply(offset[node])
            turn = turns[parent] * turn
        turns.append(turn)
        places.append(place)
    return np.stack(places, axis=1)


def skeleton_robot(folder: Path, name: str, tree: dict) -> Embodiment:
    """Three hinges at every node but knees, elbows (one) and hands (none), with the skeleton's offsets."""
    import json

    from athena_wbc.embodiment import load_embodiment

    names, parents = tree["node_names"], tree["parent_indices"]["arr"].tolist()
    vector = {"x": "1 0 0", "y": "0 1 0", "z": "0 0 1"}

    def xml(node: int) -> str:
        axes = "" if "hand" in names[node] else "y" if names[node].split("_")[-1] in ("shin", "arm") else "xyz"
        axes = "xyz" if "upper" in names[node] else axes
        offset = " ".join(map(str, tree["local_translation"]["arr"][node]))
        text, depth = "", max(len(axes), 1)
        for number in range(depth):
            body = names[node] if number == depth - 1 else f"{names[node]}_{axes[number]}"
            text += f'<body name="{body}" pos="{offset if number == 0 else "0 0 0"}">'
            if axes:
                text += f'<joint name="{names[node]}_{axes[number]}" axis="{vector[axes[number]]}" range="-6.3 6.3"/>'
            text += '<geom type="sphere" size="0.03" mass="1"/>'
        return text + "".join(xml(child) for child, parent in enumerate(parents) if parent == node) + "</body>" * depth

    folder = folder / name
    folder.mkdir()
    below = "".join(xml(node) for node, parent in enumerate(parents) if parent == 0)
    (folder / "robot.xml").write_text(
        '<mujoco><compiler angle="radian"/><worldbody><body name="pelvis"><freejoint/>'
        f'<geom type="sphere" size="0.1" mass="5"/>{below}</body></worldbody></mujoco>'
    )
    feet = ["right_foot", "left_foot"]
    group = {"joints": [".*"], "stiffness": 50, "damping": 2, "effort_limit": 50, "velocity_limit": 30}
    content = {"name": name, "model": "robot.xml", "anchor": "pelvis", "key_bodies": ["pelvis", *feet], "feet": feet}
    content |= {"end_effectors": feet, "root_height": 0.9, "actuators": [group]}
    (folder / "robot.yaml").write_text(json.dumps(content))
    return load_embodiment(folder)
