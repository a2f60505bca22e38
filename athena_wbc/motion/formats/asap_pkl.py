"""ASAP, PBHC and HumanoidVerse pkl: a joblib file with a dictionary of clips.

Each clip has root_trans_offset (T, 3), root_rot (T, 4) scalar last, dof (T, n), and fps (30 where it lacks one). The
joints carry no names: 29 are the G1's in the order of its model, 23 the same without the six of the wrists, which
then stand at their default position.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.formats.conventions import resolve
from athena_wbc.motion.formats.raw import Choice, RawMotion, ReadOptions, stated
from athena_wbc.motion.formats.registry import Format, register_format
from athena_wbc.motion.formats.safe_pickle import load_pickle, looks_like_pickle

DEFAULT_FPS = 30.0
_ARRAYS = {"root_trans_offset": 3, "root_rot": 4, "dof": None}
_ARM = ("shoulder_pitch", "shoulder_roll", "shoulder_yaw", "elbow")
_WRIST = ("wrist_roll", "wrist_pitch", "wrist_yaw")


def _names(arm: tuple[str, ...]) -> tuple[str, ...]:
    leg = ("hip_pitch", "hip_roll", "hip_yaw", "knee", "ankle_pitch", "ankle_roll")
    waist = ("waist_yaw", "waist_roll", "waist_pitch")
    sides = [[f"{side}_{part}" for part in parts] for parts in (leg, arm) for side in ("left", "right")]
    legs, arms = sides[0] + sides[1], sides[2] + sides[3]
    return tuple(f"{name}_joint" for name in (*legs, *waist, *arms))


JOINT_NAMES = {23: _names(_ARM), 29: _names(_ARM + _WRIST)}
"""Names of the columns of `dof`, by their number."""


def recognise(path: Path) -> str | None:
    """By a pickled dictionary whose values hold root_trans_offset, root_rot and dof."""
    if path.suffix.lower() not in FORMAT.extensions or not looks_like_pickle(path):
        return None
    content = load_pickle(path)
    if _is_clip(content):
        return "a pickled motion with root_trans_offset, root_rot and dof"
    if isinstance(content, dict) and content and all(_is_clip(clip) for clip in content.values()):
        return f"a pickled dictionary of {len(content)} motion(s) with root_trans_offset, root_rot and dof"
    return None


def _is_clip(value: Any) -> bool:
    return isinstance(value, dict) and set(_ARRAYS) <= set(value)


def read(path: Path, options: ReadOptions) -> list[MotionClip]:
    """All clips of the file, in its order. A single one is named after the file, several after their keys."""
    content = load_pickle(path)
    if _is_clip(content):
        content = {path.stem: content}
    if not isinstance(content, dict) or not content:
        raise AthenaError(f"{path}: holds no dictionary of motions; name its --format")
    return [resolve(_raw(path, str(key), clip, len(content) == 1, options), options) for key, clip in content.items()]


def _raw(path: Path, key: str, clip: Any, alone: bool, options: ReadOptions) -> RawMotion:
    # PBHC names its clips by the absolute path of the source.
    name = path.stem if alone else PurePosixPath(key.replace("\\", "/")).stem or key
    where = str(path) if alone else f"{path}: {name}"
    if not isinstance(clip, dict):
        raise AthenaError(f"{where}: is no motion but {type(clip).__name__}; name its --format")
    arrays = {array: _array(where, clip, array, width) for array, width in _ARRAYS.items()}
    for array, values in arrays.items():
        if len(values) != len(arrays["dof"]):
            raise AthenaError(
                f"{where}: {array}: has {len(values)} frames and dof {len(arrays['dof'])}; the file is damaged"
            )
    columns = arrays["dof"].shape[1]
    if columns not in JOINT_NAMES:
        known = " and ".join(str(number) for number in JOINT_NAMES)
        raise AthenaError(
            f"{where}: dof: has {columns} joints without names; known are {known} (G1): convert it with its own tools"
        )
    return RawMotion(
        name=name,
        where=where,
        root_pos=arrays["root_trans_offset"],
        root_quat=arrays["root_rot"],
        joint_pos=arrays["dof"],
        fps=stated(options.fps, "--fps", _fps(where, clip)),
        quaternion=stated(options.quaternion, "--quaternion", Choice.of("xyzw", "default of the format")),
        joints=Choice.of(JOINT_NAMES[columns], f"{columns} joints in the order of the model"),
        fill_missing=columns == 23,
        source=path.name if alone else f"{path.name}: {key}",
        history=_filled(columns, options),
    )


def _filled(columns: int, options: ReadOptions) -> tuple[str, ...]:
    missing = [name for name in options.robot.joint_names if name not in JOINT_NAMES[columns]]
    return (f"at their default position: {', '.join(missing)}",) if missing else ()


def _array(where: str, clip: dict, key: str, width: int | None) -> np.ndarray:
    if key not in clip:
        raise AthenaError(f"{where}: key '{key}' is missing (it has {', '.join(map(str, list(clip)[:12]))})")
    array = np.asarray(clip[key]) if isinstance(clip[key], (list, np.ndarray)) else None
    if array is None or array.dtype.kind not in "fiu" or array.ndim != 2 or (width and array.shape[1] != width):
        shape = getattr(array, "shape", type(clip[key]).__name__)
        raise AthenaError(f"{where}: {key}: has the shape {shape}, (frames, {width or 'joints'}) is expected")
    with np.errstate(invalid="ignore", over="ignore"):  # signalling NaNs of a damaged file are found by the check
        return array.astype(np.float64)


def _fps(where: str, clip: dict) -> Choice[float]:
    if "fps" not in clip:
        return Choice.of(DEFAULT_FPS, "default of the format")
    try:
        return Choice.of(float(np.asarray(clip["fps"]).reshape(())), "in the file")
    except (TypeError, ValueError):
        raise AthenaError(f"{where}: fps: is {type(clip['fps']).__name__}, a number is expected; give --fps") from None


FORMAT = register_format(
    Format(
        name="asap",
        description="ASAP / PBHC joblib pkl: clips with root_trans_offset, root_rot, dof",
        extensions=(".pkl", ".joblib"),
        recognise=recognise,
        read=read,
    )
)
