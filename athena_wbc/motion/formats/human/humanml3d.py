"""HumanML3D: features (T, 263) and joints (T, 22, 3), y up, the floor at zero, 20 fps.

A frame's features are: yaw rate of the root (half angle per frame), its horizontal velocity in its own heading (2),
its height, the 21 other joints in the heading frame (63), their rotations (126), velocities (66), foot contacts (4).
Guo et al. 2022, "Generating diverse and natural 3D human motions from text".
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from athena_wbc.errors import AthenaError
from athena_wbc.motion.formats.human import body
from athena_wbc.motion.formats.human.arrays import finite, load_npy, looks_like_npy
from athena_wbc.motion.formats.human.raw import HumanOptions, RawHuman
from athena_wbc.motion.formats.human.registry import HumanFormat, register_human_format
from athena_wbc.motion.formats.raw import Choice

FPS = 20.0
FEATURES = 263
JOINTS = body.BODY_JOINTS
_CONTACTS = slice(259, 263)


def joints_from_features(features: np.ndarray) -> np.ndarray:
    """Joint positions (T, 22, 3) in m, y up, from features (T, 263), starting at the origin.

    Heading and place are sums of the rates of the frames before; the joints are turned by the one and moved by the
    other.
    """
    yaw = np.concatenate(([0.0], np.cumsum(features[:-1, 0])))
    # Features hold half angles; the joints turn back by the whole one.
    cosine, sine = np.cos(2.0 * yaw), np.sin(2.0 * yaw)

    def turned(x: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shape = (-1,) + (1,) * (x.ndim - 1)
        c, s = cosine.reshape(shape), sine.reshape(shape)
        return x * c - z * s, x * s + z * c

    step = np.zeros((len(features), 2))
    step[1:] = features[:-1, 1:3]
    root_x, root_z = (np.cumsum(part) for part in turned(step[:, 0], step[:, 1]))
    local = features[:, 4 : 4 + 3 * (JOINTS - 1)].reshape(-1, JOINTS - 1, 3)
    x, z = turned(local[..., 0], local[..., 2])
    positions = np.empty((len(features), JOINTS, 3))
    positions[:, 0] = np.stack((root_x, features[:, 3], root_z), axis=1)
    positions[:, 1:, 0] = x + root_x[:, None]
    positions[:, 1:, 1] = local[..., 1]
    positions[:, 1:, 2] = z + root_z[:, None]
    return positions


def _recognise_features(path: Path) -> str | None:
    if not looks_like_npy(path):
        return None
    shape = load_npy(path).shape
    if shape == (FEATURES,):
        return f"an npy of {FEATURES} numbers"
    return f"an npy of {FEATURES} columns" if len(shape) == 2 and shape[1] == FEATURES else None


def _read_features(path: Path, options: HumanOptions) -> list[RawHuman]:
    features = load_npy(path)
    if features.shape == (FEATURES,):
        raise AthenaError(f"{path}: is one row of {FEATURES} numbers, a mean or deviation of features and no motion")
    if features.ndim != 2 or features.shape[1] != FEATURES or features.dtype.kind != "f":
        raise AthenaError(f"{path}: has the shape {features.shape}, (frames, {FEATURES}) is expected")
    with np.errstate(invalid="ignore", over="ignore"):
        features = finite(str(path), "features", features.astype(np.float64))
    contacts = features[:, _CONTACTS]
    if ((contacts < -0.5) | (contacts > 1.5)).mean() > 0.1 or not 0.0 < np.median(features[:, 3]) < 3.0:
        raise AthenaError(f"{path}: the features look normalised; multiply them by Std.npy and add Mean.npy first")
    return [_raw(path, joints_from_features(features), "joints recovered from the features")]


def _recognise_joints(path: Path) -> str | None:
    if not looks_like_npy(path):
        return None
    shape = load_npy(path).shape
    return f"an npy of {JOINTS} joints" if len(shape) == 3 and shape[1:] == (JOINTS, 3) else None


def _read_joints(path: Path, options: HumanOptions) -> list[RawHuman]:
    joints = load_npy(path)
    if joints.ndim != 3 or joints.shape[1:] != (JOINTS, 3) or joints.dtype.kind != "f":
        raise AthenaError(f"{path}: has the shape {joints.shape}, (frames, {JOINTS}, 3) is expected")
    with np.errstate(invalid="ignore", over="ignore"):
        return [_raw(path, joints.astype(np.float64), "joints as they are")]


def _raw(path: Path, positions: np.ndarray, how: str) -> RawHuman:
    return RawHuman(
        name=path.stem,
        where=str(path),
        positions=positions,
        joint_names=body.JOINT_NAMES[:JOINTS],
        parents=body.PARENTS[:JOINTS],
        fps=Choice.of(FPS, "default of the format"),
        up=Choice.of("y", "default of the format"),
        units=Choice.of("m", "default of the format"),
        landmarks=body.LANDMARKS,
        source=path.name,
        history=(how,),
    )


FEATURES_FORMAT = register_human_format(
    HumanFormat("humanml3d", "HumanML3D features (T, 263)", (".npy",), _recognise_features, _read_features)
)
JOINTS_FORMAT = register_human_format(
    HumanFormat("humanml3d_joints", "HumanML3D joints (T, 22, 3)", (".npy",), _recognise_joints, _read_joints)
)
