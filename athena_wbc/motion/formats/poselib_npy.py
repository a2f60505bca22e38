"""poselib .npy of Isaac Gym: a pickled dictionary with a skeleton and the rotation of each of its nodes, scalar last.

Keys: rotation (T, N, 4), root_translation (T, 3), skeleton_tree (node_names, parent_indices), is_local, fps. Nodes are
bodies without joints: a registered robot whose bodies have the nodes' names takes them, with its one to three hinges
between a node and its parent turned as the node is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.formats.conventions import resolve
from athena_wbc.motion.formats.fields import frame_rate, table
from athena_wbc.motion.formats.hinges import chain_between, hinge_angles
from athena_wbc.motion.formats.layouts import REGISTER, filled
from athena_wbc.motion.formats.raw import LARGEST_VALUE, Choice, RawMotion, ReadOptions, stated
from athena_wbc.motion.formats.registry import Format, register_format
from athena_wbc.motion.formats.safe_npy import load_object_npy, looks_like_object_npy

_KEYS = ("rotation", "root_translation", "skeleton_tree", "is_local")


def recognise(path: Path) -> str | None:
    """By the keys of the dictionary."""
    if not looks_like_object_npy(path):
        return None
    content = load_object_npy(path)
    if isinstance(content, dict) and set(_KEYS) <= set(content):
        return f"a pickled dictionary with {', '.join(_KEYS)}"
    return None


def read(path: Path, options: ReadOptions) -> list[MotionClip]:
    """The single motion of the file, named after it."""
    robot = options.robot
    content = load_object_npy(path)
    if not isinstance(content, dict) or not set(_KEYS) <= set(content):
        raise AthenaError(f"{path}: holds no dictionary with {', '.join(_KEYS)}; name its --format")
    names, parents = _skeleton(path, content["skeleton_tree"])
    foreign = [name for name in names if name not in robot.body_names]
    if foreign or names[0] != robot.root:
        raise AthenaError(
            f"{path}: node_names: is for a robot with other bodies ({', '.join(names[:8])}, ...), not for "
            f"'{robot.name}'; {REGISTER}, its bodies named so"
        )
    turns = _rotations(path, content, len(names), options)
    joint_pos, left_over = _joints(path, options, names, parents, turns)
    joints = tuple(joint_pos)
    more = filled(joints, options)
    words = (*more.get("history", ()), f"hinges turn as the file's nodes to {np.degrees(left_over):.1f} deg")
    root_pos = table(str(path), {"root_translation": _array(path, content, "root_translation")}, "root_translation", 3)
    if len(root_pos) != len(turns[0]):
        raise AthenaError(f"{path}: root_translation: has {len(root_pos)} frames of {len(turns[0])}; damaged")
    raw = RawMotion(
        name=path.stem,
        where=str(path),
        root_pos=root_pos,
        root_quat=turns[0].as_quat(),
        joint_pos=np.stack(list(joint_pos.values()), axis=1),
        fps=stated(options.fps, "--fps", frame_rate(str(path), content)),
        quaternion=Choice.of("xyzw", "default of the format"),
        joints=Choice.of(joints, "hinges between bodies by name"),
        source=path.name,
        **{**more, "history": words},
    )
    return [resolve(raw, options)]


def _array(path: Path, content: dict, key: str) -> np.ndarray:
    """An array of poselib's dictionaries, which wrap every one."""
    value: Any = content.get(key)
    value = value.get("arr") if isinstance(value, dict) else value
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
        raise AthenaError(f"{path}: {key}: holds no array of numbers; the file is damaged")
    return value


def _skeleton(path: Path, tree: Any) -> tuple[tuple[str, ...], list[int]]:
    """Names of the nodes and the index of every node's parent, parents first."""
    names = tree.get("node_names") if isinstance(tree, dict) else None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise AthenaError(f"{path}: skeleton_tree: node_names: must be a list of names; the file is damaged")
    parents = _array(path, tree, "parent_indices").tolist()
    in_order = len(parents) == len(names) and all(
        isinstance(parent, int) and (-1 if i == 0 else 0) <= parent < i for i, parent in enumerate(parents)
    )
    if not in_order:
        raise AthenaError(f"{path}: skeleton_tree: parent_indices: are no tree; the file is damaged")
    return tuple(names), parents


def _rotations(path: Path, content: dict, nodes: int, options: ReadOptions) -> list[Rotation]:
    """Rotation of every node over time as the file has it."""
    quat = _array(path, content, "rotation").astype(np.float64)
    if quat.ndim != 3 or quat.shape[1:] != (nodes, 4) or not len(quat):
        raise AthenaError(f"{path}: rotation: has the shape {quat.shape}, (frames, {nodes}, 4) is expected")
    sane = (np.abs(quat) < LARGEST_VALUE).all()
    if not sane or not (np.abs(np.linalg.norm(quat, axis=2) - 1.0) < 0.1).all():
        raise AthenaError(f"{path}: rotation: are no unit quaternions; the file is damaged")
    if options.quaternion == "wxyz":
        quat = np.roll(quat, -1, axis=2)
    turns = [Rotation.from_quat(quat[:, node]) for node in range(nodes)]
    if content["is_local"]:
        return turns
    parents = _skeleton(path, content["skeleton_tree"])[1]
    return [turn if i == 0 else turns[parents[i]].inv() * turn for i, turn in enumerate(turns)]


def _joints(
    path: Path, options: ReadOptions, names: tuple[str, ...], parents: list[int], turns: list[Rotation]
) -> tuple[dict[str, np.ndarray], float]:
    """Angles (T,) by joint, and the largest rotation in rad that the hinges cannot make."""
    robot = options.robot
    moved = set(map(int, robot.joint_body))
    angles: dict[str, np.ndarray] = {}
    left_over = 0.0
    for node in range(1, len(names)):
        ancestor, body = robot.body_index((names[parents[node]], names[node]))
        chain = chain_between(robot, int(ancestor), int(body))
        if not chain:
            raise AthenaError(
                f"{path}: skeleton_tree: '{names[node]}' hangs on '{names[parents[node]]}', which is not above it in "
                f"robot '{robot.name}'; {REGISTER}"
            )
        if not moved & set(chain):
            continue  # a fixed body, such as a hand
        try:
            found, rest = hinge_angles(robot, chain, turns[node])
        except ValueError as error:
            raise AthenaError(f"{path}: robot '{robot.name}': body '{names[node]}' {error}; {REGISTER}") from None
        angles |= {robot.joint_names[joint]: angle for joint, angle in found.items()}
        left_over = max(left_over, float(rest.max()))
    if not angles:
        raise AthenaError(f"{path}: robot '{robot.name}' has no hinge between the file's nodes; {REGISTER}")
    return angles, left_over


FORMAT = register_format(
    Format(
        name="poselib",
        description="poselib .npy of Isaac Gym: rotation, root_translation, skeleton_tree; for robots with its bodies",
        extensions=(".npy",),
        recognise=recognise,
        read=read,
    )
)
