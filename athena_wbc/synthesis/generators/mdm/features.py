"""HumanML3D's features of a motion: 263 numbers a frame, from joints and back.

A frame holds: half the yaw step to the next frame (1), the root's step to the next frame in its own heading (2), the
root's height (1), the other joints in the heading frame (21 x 3), rotations of the joints as the first two columns of
their matrices (21 x 6), steps of all joints to the next frame in the heading frame (22 x 3), and whether left ankle,
left foot, right ankle and right foot stand still (4). Guo et al. 2022, "Generating diverse and natural 3D human motions
from text"; the definitions follow the data of HumanML3D, with which the tests compare them.

HumanML3D's world has y up, x to the left and z forwards; ours has z up, x forwards and y to the left. The two functions
`encode` and `decode` are the only border between them.
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.human.humanml3d import FEATURES, JOINTS, joints_from_features
from athena_wbc.synthesis.motion import JOINT_NAMES

STILL = 0.002
"""Square of the step below which a foot's joint stands still, m^2 per frame."""

HEADING_SIGMA = 20.0
"""Deviation of the Gaussian that smooths the facing direction, frames."""

ROOT = slice(0, 4)
LOCAL = slice(4, 4 + 3 * (JOINTS - 1))
ROTATIONS = slice(67, 67 + 6 * (JOINTS - 1))
VELOCITIES = slice(193, 193 + 3 * JOINTS)
CONTACTS = slice(259, FEATURES)

_OURS = (2, 0, 1)
"""Axes of HumanML3D that are our x, y and z."""
_THEIRS = (1, 2, 0)
_UP, _FORWARDS = np.array((0.0, 1.0, 0.0)), np.array((0.0, 0.0, 1.0))

_DIRECTIONS = {
    "left_hip": (1, 0, 0), "right_hip": (-1, 0, 0), "left_foot": (0, 0, 1), "right_foot": (0, 0, 1),
    "spine1": (0, 1, 0), "spine2": (0, 1, 0), "spine3": (0, 1, 0), "neck": (0, 1, 0), "head": (0, 0, 1),
    "left_collar": (1, 0, 0), "right_collar": (-1, 0, 0),
}  # fmt: skip
"""Direction of the bone that ends in a joint when all rotations are none, axes of HumanML3D; others hang down."""

_CHAINS = (
    ("pelvis", "right_hip", "right_knee", "right_ankle", "right_foot"),
    ("pelvis", "left_hip", "left_knee", "left_ankle", "left_foot"),
    ("pelvis", "spine1", "spine2", "spine3", "neck", "head"),
    ("spine3", "right_collar", "right_shoulder", "right_elbow", "right_wrist"),
    ("spine3", "left_collar", "left_shoulder", "left_elbow", "left_wrist"),
)
"""The trees along which rotations are relative; the first of each turns with the root, those of the arms too."""

_FEET = ("left_ankle", "left_foot", "right_ankle", "right_foot")


def decode(features: np.ndarray) -> np.ndarray:
    """Joint positions from features that are not normalised.

    Args:
        features: (T, 263).

    Returns:
        (T, 22, 3) float64 in m, z up, starting over the origin and facing x.
    """
    return joints_from_features(np.asarray(features, dtype=np.float64))[..., _OURS]


def encode(positions: np.ndarray) -> np.ndarray:
    """Features of joint positions; the motion is put on the floor, over the origin, and turned to face x first.

    A step needs two frames, so the last frame gives none. The rotations are singular where a bone points against its
    direction of no rotation (an arm straight up): there the shortest rotation is any of many, and rounding decides.
    So is the heading where the person faces, on average over two seconds, against x or, while spinning, nowhere.

    Args:
        positions: (T, 22, 3) in m, z up.

    Returns:
        (T - 1, 263) float64, not normalised.

    Raises:
        AthenaError: fewer than two frames.
    """
    positions = np.asarray(positions, dtype=np.float64)
    if positions.ndim != 3 or positions.shape[1:] != (JOINTS, 3) or len(positions) < 2:
        raise AthenaError(f"features: positions have the shape {positions.shape}; (two or more, {JOINTS}, 3) is needed")
    joints = placed(positions)[..., _THEIRS]
    heading = _heading(joints)
    root = joints[:, 0]
    step = heading[1:].apply(root[1:] - root[:-1])
    yaw = np.arcsin(np.clip((heading[1:] * heading[:-1].inv()).as_quat(canonical=True)[:, 1], -1.0, 1.0))
    frames = len(joints) - 1
    features = np.empty((frames, FEATURES))
    features[:, ROOT] = np.column_stack((yaw, step[:, 0], step[:, 2], root[:-1, 1]))
    local = joints - root[:, None] * np.array((1.0, 0.0, 1.0))
    features[:, LOCAL] = _turned(heading, local)[:-1, 1:].reshape(frames, -1)
    features[:, ROTATIONS] = _rotations(joints, heading)[:-1].reshape(frames, -1)
    features[:, VELOCITIES] = _turned(heading[:-1], joints[1:] - joints[:-1]).reshape(frames, -1)
    feet = joints[:, [JOINT_NAMES.index(name) for name in _FEET]]
    features[:, CONTACTS] = ((feet[1:] - feet[:-1]) ** 2).sum(axis=2) < STILL
    return features


def placed(positions: np.ndarray) -> np.ndarray:
    """A motion with its lowest joint on the floor, its first pelvis over the origin, and its first frame facing x.

    Args:
        positions: (T, 22, 3) in m, z up.
    """
    joints = positions[..., _THEIRS] - positions[..., 2].min() * np.array((0.0, 1.0, 0.0))
    joints = joints - joints[0, 0] * np.array((1.0, 0.0, 1.0))
    turn = _shortest(_facing(joints[:1]), _FORWARDS)
    return turn.apply(joints.reshape(-1, 3)).reshape(joints.shape)[..., _OURS]


def placed_start(positions: np.ndarray) -> np.ndarray:
    """A motion that begins over the origin and faces x, as :func:`placed`; heights stay."""
    return placed(positions) + np.array((0.0, 0.0, positions[..., 2].min()))


def _facing(joints: np.ndarray) -> np.ndarray:
    """Horizontal direction (T, 3) that hips and shoulders face together, of length one."""
    hips, shoulders = _across(joints)
    return _unit(np.cross(hips + shoulders, _UP))


def _heading(joints: np.ndarray) -> Rotation:
    """Rotations (T,) from the world into each frame's heading.

    HumanML3D subtracts the line of the hips from that of the shoulders where one would add the two. Its features, and
    the networks that have learned from them, have the heading of that difference, so it is theirs here too.
    """
    hips, shoulders = _across(joints)
    facing = np.cross(_unit(shoulders - hips), _UP)
    smooth = gaussian_filter1d(facing, HEADING_SIGMA, axis=0, mode="nearest")
    quats = _shortest(smooth, _FORWARDS).as_quat()
    quats[0] = (0.0, 0.0, 0.0, 1.0)
    return Rotation.from_quat(quats)


def _across(joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vectors (T, 3) from right to left hip, and from right to left shoulder."""
    at = {name: joints[:, index] for index, name in enumerate(JOINT_NAMES)}
    return at["left_hip"] - at["right_hip"], at["left_shoulder"] - at["right_shoulder"]


def _rotations(joints: np.ndarray, heading: Rotation) -> np.ndarray:
    """(T, 21, 6) rotations of all joints but the root by which the bones point where they do, chain by chain."""
    rotations = np.empty((len(joints), JOINTS - 1, 6))
    for chain in _CHAINS:
        above = heading
        for parent, joint in itertools.pairwise(chain):
            index = JOINT_NAMES.index(joint)
            bone = _unit(joints[:, index] - joints[:, JOINT_NAMES.index(parent)])
            rest = np.broadcast_to(np.array(_DIRECTIONS.get(joint, (0, -1, 0)), dtype=np.float64), bone.shape)
            relative = above.inv() * _shortest(rest, bone)
            rotations[:, index - 1] = relative.as_matrix()[:, :, :2].transpose(0, 2, 1).reshape(-1, 6)
            above = above * relative
    return rotations


def _turned(rotation: Rotation, vectors: np.ndarray) -> np.ndarray:
    """Vectors (T, J, 3), those of each frame turned by its rotation."""
    return np.einsum("tij,tkj->tki", rotation.as_matrix(), vectors)


def _shortest(start: np.ndarray, end: np.ndarray) -> Rotation:
    """The shortest rotations (T,) that turn the directions `start` to `end`; half a turn has no such one."""
    start, end = np.broadcast_arrays(start, end)
    lengths = np.linalg.norm(start, axis=-1) * np.linalg.norm(end, axis=-1)
    quat = np.concatenate((np.cross(start, end), (lengths + (start * end).sum(axis=-1))[:, None]), axis=1)
    quat[np.linalg.norm(quat, axis=1) < 1e-12] = (0.0, 1.0, 0.0, 0.0)
    return Rotation.from_quat(quat)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
