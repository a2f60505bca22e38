"""Files of the robot formats, written by tests from a clip, and robots to read them for."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from athena_wbc.embodiment import Embodiment, load_embodiment
from athena_wbc.kinematics import Kinematics
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.formats.layouts import TIENKUNG, Layout
from tests.motion.samples import write_npz

_TO_Y_UP = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])


def bodies_of(clip: MotionClip, robot: Embodiment) -> tuple[np.ndarray, np.ndarray]:
    """World positions (T, B, 3) and orientations (T, B, 4), scalar last."""
    pos, quat = Kinematics(robot, dtype=torch.float64).forward(
        *(torch.tensor(array) for array in (clip.root_pos, clip.root_quat, clip.joint_pos))
    )
    return pos.numpy(), quat.numpy()


def w_first(quat: np.ndarray) -> np.ndarray:
    return np.roll(quat, 1, axis=-1)


def holosoma(folder: Path, clip: MotionClip, robot: Embodiment, **more) -> Path:
    qpos = np.concatenate((clip.root_pos, w_first(clip.root_quat), clip.joint_pos), axis=1)
    bodies = ("world", *robot.body_names)
    pos, quat = bodies_of(clip, robot)
    world = np.zeros((clip.num_frames, 1, 3))
    arrays = {
        "fps": np.array([clip.fps]),
        "joint_pos": qpos,
        "joint_vel": np.zeros((clip.num_frames, qpos.shape[1] - 1)),
        "body_pos_w": np.concatenate((world, pos), axis=1),
        "body_quat_w": np.concatenate((np.tile((1.0, 0, 0, 0), (clip.num_frames, 1, 1)), w_first(quat)), axis=1),
        "joint_names": np.array(clip.joint_names),
        "body_names": np.array(bodies),
    }
    return write_npz(folder / "walk_mj.npz", **(arrays | more))


def holosoma_object(folder: Path, clip: MotionClip, robot: Embodiment) -> Path:
    frames = clip.num_frames
    return holosoma(folder, clip, robot, object_pos_w=np.zeros((frames, 3)), object_quat_w=np.zeros((frames, 4)))


def hdmi(folder: Path, clip: MotionClip, robot: Embodiment, **meta) -> Path:
    folder = folder / "push_box"
    folder.mkdir(exist_ok=True)
    pos, quat = bodies_of(clip, robot)
    order = np.random.default_rng(3).permutation(len(robot.body_names))
    content = {
        "fps": clip.fps,
        "joint_names": list(clip.joint_names),
        "body_names": [robot.body_names[i] for i in order],
    }
    (folder / "meta.json").write_text(json.dumps(content | meta))
    return write_npz(
        folder / "motion.npz",
        joint_pos=clip.joint_pos,
        joint_vel=clip.joint_vel,
        body_pos_w=pos[:, order],
        body_quat_w=w_first(quat[:, order]),
    )


def isaaclab(folder: Path, clip: MotionClip, robot: Embodiment, **more) -> Path:
    pos, quat = bodies_of(clip, robot)
    random = np.random.default_rng(4)
    joints, bodies = random.permutation(robot.num_joints), random.permutation(len(robot.body_names))
    arrays = {
        "fps": np.array(clip.fps),
        "dof_names": np.array([robot.joint_names[i] for i in joints]),
        "body_names": np.array([robot.body_names[i] for i in bodies]),
        "dof_positions": clip.joint_pos[:, joints],
        "body_positions": pos[:, bodies],
        "body_rotations": w_first(quat[:, bodies]),
    }
    return write_npz(folder / "G1_dance.npz", **(arrays | more))


def root_npz(folder: Path, clip: MotionClip, robot: Embodiment) -> Path:
    from athena_wbc.motion.evidence import breadth_first_joints

    order = robot.joint_index(breadth_first_joints(robot))
    return write_npz(
        folder / "dance.npz",
        fps=np.array([clip.fps]),
        joint_pos=clip.joint_pos[:, order],
        root_pos=clip.root_pos,
        root_rot=w_first(clip.root_quat),
    )


def gmr_content(clip: MotionClip, **changes) -> dict:
    return {
        "fps": clip.fps,
        "root_pos": clip.root_pos,
        "root_rot": clip.root_quat,
        "dof_pos": clip.joint_pos,
        "local_body_pos": None,
        "link_body_list": None,
    } | changes


def gmr_pkl(folder: Path, clip: MotionClip, robot: Embodiment, **changes) -> Path:
    path = folder / "kick.pkl"
    path.write_bytes(pickle.dumps(gmr_content(clip, **changes)))
    return path


def gmr_npz(folder: Path, clip: MotionClip, robot: Embodiment, **changes) -> Path:
    return write_npz(folder / "kick.npz", **gmr_content(clip, **changes))


def motion_content(clip: MotionClip, robot: Embodiment) -> dict:
    pos, quat = bodies_of(clip, robot)
    return {
        "fps": clip.fps,
        "dof_pos": torch.tensor(clip.joint_pos),
        "rigid_body_pos": torch.tensor(pos),
        # A tensor whose strides are not those of its shape, as transposing leaves it.
        "rigid_body_rot": torch.tensor(quat.transpose(1, 0, 2).copy()).transpose(0, 1),
        "rigid_body_contacts": torch.zeros(clip.num_frames, pos.shape[1], dtype=torch.bool),
    }


def protomotions(folder: Path, clip: MotionClip, robot: Embodiment) -> Path:
    torch.save(motion_content(clip, robot), folder / "dance.motion")
    return folder / "dance.motion"


def kimodo(folder: Path, clip: MotionClip, robot: Embodiment) -> Path:
    pos, quat = bodies_of(clip, robot)
    turn = Rotation.from_quat(quat.reshape(-1, 4)).as_matrix().reshape(*quat.shape[:2], 3, 3)
    # Behind each ankle a toe, behind each wrist a hand: copies of the body before.
    bodies = [*range(7), 6, *range(7, 13), 12, *range(13, 23), 22, *range(23, 30), 29]
    return write_npz(
        folder / "clip.npz",
        posed_joints=pos[:, bodies] @ _TO_Y_UP.T,
        global_rot_mats=_TO_Y_UP @ turn[:, bodies] @ _TO_Y_UP.T,
        foot_contacts=np.zeros((clip.num_frames, 4), dtype=bool),
    )


def bones(folder: Path, clip: MotionClip, robot: Embodiment, suffix: str = "_dof") -> Path:
    header = ["Frame", *(f"root_translate{a}" for a in "XYZ"), *(f"root_rotate{a}" for a in "XYZ")]
    header += [f"{name}{suffix}" for name in clip.joint_names]
    # About the fixed axes x, then y, then z: the last one written is applied last.
    euler = np.array([_fixed_axes(matrix) for matrix in Rotation.from_quat(clip.root_quat).as_matrix()])
    frames = np.arange(clip.num_frames)[:, None]
    table = np.concatenate((frames, clip.root_pos * 100, np.degrees(euler), np.degrees(clip.joint_pos)), axis=1)
    lines = [",".join(header), *(",".join(f"{value:.10g}" for value in row) for row in table)]
    path = folder / "seed.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def _fixed_axes(matrix: np.ndarray) -> tuple[float, float, float]:
    """Angles a, b, c with matrix = Rz(c) Ry(b) Rx(a)."""
    b = -np.arcsin(matrix[2, 0])
    return np.arctan2(matrix[2, 1], matrix[2, 2]), b, np.arctan2(matrix[1, 0], matrix[0, 0])


def amp_txt(folder: Path, clip: MotionClip, robot: Embodiment, rounded: bool = True) -> Path:
    interval = 1.0 / clip.fps
    euler = np.unwrap(Rotation.from_quat(clip.root_quat).as_euler("XYZ"), axis=0)
    state = np.concatenate((clip.root_pos, euler, clip.joint_pos), axis=1)
    velocity = np.diff(state, axis=0) / interval
    rows = np.concatenate((state[:-1], velocity), axis=1)
    content = {"LoopMode": "Wrap", "FrameDuration": round(interval, 3) if rounded else interval}
    path = folder / "walk.txt"
    path.write_text(json.dumps(content | {"Frames": rows.tolist()}, indent=1))
    return path


def locomujoco(folder: Path, clip: MotionClip, robot: Embodiment) -> Path:
    tilt, tip, turn = Rotation.from_quat(clip.root_quat).as_euler("YXZ").T
    root = dict(zip(("tx", "tz", "ty"), (clip.root_pos - (0, 0, robot.default_root_height)).T, strict=True))
    root |= {"tilt": -tilt, "list": tip, "rotation": turn}
    arrays = {f"q_pelvis_{key}": values for key, values in root.items()}
    arrays |= {f"q_{name}": values for name, values in zip(clip.joint_names, clip.joint_pos.T, strict=True)}
    return write_npz(folder / "mini.npz", **arrays, **{f"d{key}": values for key, values in arrays.items()})


def poselib(folder: Path, clip: MotionClip, robot: Embodiment, local: bool = True, **changes) -> Path:
    """The bodies that are no intermediate ones of a robot from `split_robot`."""
    nodes = [name for name in robot.body_names if not name.endswith(("_x", "_y"))]
    index = robot.body_index(tuple(nodes))
    _, quat = bodies_of(clip, robot)
    parents = []
    for body in index:
        while (body := robot.body_parents[body]) >= 0 and robot.body_names[body] not in nodes:
            pass
        parents.append(nodes.index(robot.body_names[body]) if body >= 0 else -1)
    turns = [Rotation.from_quat(quat[:, body]) for body in index]
    if local:
        turns = [turn if p < 0 else turns[p].inv() * turn for p, turn in zip(parents, turns, strict=True)]

    def wrapped(array: np.ndarray) -> dict:
        return {"arr": array, "context": {"dtype": str(array.dtype)}}

    content = {
        "rotation": wrapped(np.stack([turn.as_quat() for turn in turns], axis=1)),
        "root_translation": wrapped(clip.root_pos),
        "skeleton_tree": {
            "node_names": nodes,
            "parent_indices": wrapped(np.array(parents)),
            "local_translation": wrapped(np.zeros((len(nodes), 3))),
        },
        "is_local": local,
        "fps": np.array(int(clip.fps)),
        "__name__": "SkeletonMotion",
    } | changes
    path = folder / "amp.npy"
    stream = io.BytesIO()
    np.save(stream, np.array(content, dtype=object), allow_pickle=True)
    path.write_bytes(stream.getvalue())
    return path


WRITERS: dict[str, Callable[[Path, MotionClip, Embodiment], Path]] = {
    "holosoma": holosoma,
    "hdmi": hdmi,
    "isaaclab": isaaclab,
    "root_npz": root_npz,
    "gmr": gmr_pkl,
    "gmr (npz)": gmr_npz,
    "protomotions": protomotions,
    "kimodo": kimodo,
    "bones": bones,
}
"""Writers of formats that are read for the G1; the name begins with the format's."""


def chain_robot(folder: Path, name: str, chains: Sequence[Sequence[tuple[str, str, float]]]) -> Embodiment:
    """A robot of chains of single hinges below its root `pelvis`.

    Args:
        chains: of (joint, axis as x, y or z, length in m to the body above); a body is named after its joint. The first
            two are the legs. A joint named `-` is none: its body is fixed.
    """
    xml = []
    for number, chain in enumerate(chains):
        side = 0.1 * (1 - 2 * (number % 2))
        for depth, (joint, axis, length) in enumerate(chain):
            down = -length if number < 2 else length
            vector = {"x": "1 0 0", "y": "0 1 0", "z": "0 0 1"}[axis]
            body = joint if joint[:1] != "-" else joint[1:]
            xml.append(f'<body name="{body_name(body)}" pos="0 {side if depth == 0 else 0} {down}">')
            if joint[:1] != "-":
                xml.append(f'<joint name="{joint}" axis="{vector}" range="-3.2 3.2"/>')
            xml.append('<geom type="sphere" size="0.05" mass="1"/>')
        xml.append("</body>" * len(chain))
    feet = [body_name(chain[-1][0].lstrip("-")) for chain in chains[:2]]
    height = sum(length for _, _, length in chains[0]) + 0.05
    folder = folder / name
    folder.mkdir()
    (folder / "robot.xml").write_text(
        f'<mujoco><compiler angle="radian"/><worldbody><body name="pelvis" pos="0 0 {height}"><freejoint/>'
        f'<geom type="sphere" size="0.1" mass="5"/>{"".join(xml)}</body></worldbody></mujoco>'
    )
    actuators = {"joints": [".*"], "stiffness": 50, "damping": 2, "effort_limit": 50, "velocity_limit": 30}
    content = {"name": name, "model": "robot.xml", "anchor": "pelvis", "key_bodies": ["pelvis", *feet], "feet": feet}
    content |= {"end_effectors": feet, "root_height": float(height), "actuators": [actuators]}
    (folder / "robot.yaml").write_text(json.dumps(content))
    return load_embodiment(folder)


def body_name(joint: str) -> str:
    """Body that a joint of `chain_robot` moves: the joint's own name, without `_joint` or the last axis `_z`."""
    return joint.removesuffix("_joint").removesuffix("_z")


def layout_robot(folder: Path, layout: Layout, shuffled: bool = False) -> Embodiment:
    """A robot with the joints of a known one, in the order of its columns or with the arms before the legs."""

    def axis(joint: str) -> str:
        low = joint.lower()
        return "x" if "roll" in low else "z" if "yaw" in low or low in ("waist", "torso_joint") else "y"

    def is_leg(joint: str) -> bool:
        return any(part in joint.lower() for part in ("hip", "knee", "ankle"))

    chains: dict[tuple[bool, str], list[tuple[str, str, float]]] = {}
    for joint in layout.joints:
        side = "l" if "left" in joint.lower() or "_l_" in joint else "r" if "right" in joint.lower() else ""
        side = "r" if "_r_" in joint else side
        chain = chains.setdefault((is_leg(joint), side), [])
        chain.append((joint, axis(joint), 0.3 if "knee" in joint.lower() or "ankle_pitch" in joint.lower() else 0.05))
    legs = [chains[True, side] for side in "lr"]
    others = [chain for (leg, _), chain in chains.items() if not leg]
    return chain_robot(folder, "shuffled" if shuffled else "known", [*legs, *(others[::-1] if shuffled else others)])


def split_robot(folder: Path) -> Embodiment:
    """A small humanoid with the bodies of poselib's: hips and shoulders of three hinges, knees and elbows of one."""
    legs = [
        [
            *((f"{s}_thigh_{a}", a, 0.1 if a == "x" else 0.0) for a in "xyz"),
            (f"{s}_shin", "y", 0.4),
            (f"-{s}_foot", "y", 0.4),
        ]
        for s in ("right", "left")
    ]
    torso = [("torso_x", "x", 0.2), ("torso_y", "y", 0.0), ("torso_z", "z", 0.0)]
    return chain_robot(folder, "split", [*legs, torso])


def tienkung_robot(folder: Path) -> Embodiment:
    return layout_robot(folder, TIENKUNG)


def mutate_member(path: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    """Rewrite one member of a zip archive."""
    with zipfile.ZipFile(path) as archive:
        members = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    with zipfile.ZipFile(path, "w") as archive:
        for key, data in members.items():
            archive.writestr(key, change(data) if key == name else data)
