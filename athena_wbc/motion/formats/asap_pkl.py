"""ASAP, PBHC and HumanoidVerse pkl: a joblib file with a dictionary of clips.

Each clip has root_trans_offset (T, 3), root_rot (T, 4) scalar last, dof (T, n), and fps (30 where it lacks one). The
joints carry no names: 29 are the G1's in the order of its model, 23 the same without the six of the wrists, which
then stand at their default position, 19 are the H1's.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.formats.conventions import resolve
from athena_wbc.motion.formats.fields import frame_rate, same_length, table
from athena_wbc.motion.formats.layouts import unnamed_columns
from athena_wbc.motion.formats.raw import Choice, RawMotion, ReadOptions, stated
from athena_wbc.motion.formats.registry import Format, register_format
from athena_wbc.motion.formats.safe_pickle import load_pickle, looks_like_pickle

DEFAULT_FPS = 30.0
_ARRAYS = {"root_trans_offset": 3, "root_rot": 4, "dof": None}


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
    arrays = {array: table(where, clip, array, width) for array, width in _ARRAYS.items()}
    same_length(where, arrays, "dof")
    return RawMotion(
        name=name,
        where=where,
        root_pos=arrays["root_trans_offset"],
        root_quat=arrays["root_rot"],
        joint_pos=arrays["dof"],
        fps=stated(options.fps, "--fps", frame_rate(where, clip, DEFAULT_FPS)),
        quaternion=stated(options.quaternion, "--quaternion", Choice.of("xyzw", "default of the format")),
        source=path.name if alone else f"{path.name}: {key}",
        **unnamed_columns(where, "dof", arrays["dof"].shape[1], options),
    )


FORMAT = register_format(
    Format(
        name="asap",
        description="ASAP / PBHC joblib pkl: clips with root_trans_offset, root_rot, dof",
        extensions=(".pkl", ".joblib"),
        recognise=recognise,
        read=read,
    )
)
