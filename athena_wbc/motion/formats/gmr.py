"""Motions of GMR and GMT, as a plain pickle or as npz: fps, root_pos, root_rot scalar last, dof_pos.

The frame rate need not be a whole number (29.887). Joints are in the order of the model, and have names only where a
file says so (joint_names or dof_names). `local_body_pos` is not read, and `link_body_list` only tells a file of another
robot: often both are None, which in an npz is a pickle.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.formats.conventions import resolve
from athena_wbc.motion.formats.fields import frame_rate, same_length, table
from athena_wbc.motion.formats.layouts import REGISTER, named_columns, unnamed_columns
from athena_wbc.motion.formats.raw import Choice, RawMotion, ReadOptions, stated
from athena_wbc.motion.formats.registry import Format, register_format
from athena_wbc.motion.formats.safe_npz import Npz, looks_like_zip
from athena_wbc.motion.formats.safe_pickle import load_pickle, looks_like_pickle

_ARRAYS = {"root_pos": 3, "root_rot": 4, "dof_pos": None}
_NAMES = ("joint_names", "dof_names")


def recognise(path: Path) -> str | None:
    """By the keys root_pos, root_rot and dof_pos of a pickled dictionary or an npz."""
    if looks_like_zip(path):
        kind, keys = "npz", set(Npz(path)) if path.suffix.lower() == ".npz" else set()
    elif path.suffix.lower() in (".pkl", ".pickle") and looks_like_pickle(path):
        content = load_pickle(path)
        kind, keys = "a pickled dictionary", set(content) if isinstance(content, dict) else set()
    else:
        return None
    return f"{kind} with the keys {', '.join(_ARRAYS)}" if set(_ARRAYS) <= keys else None


def read(path: Path, options: ReadOptions) -> list[MotionClip]:
    """The single motion of the file, named after it."""
    content: Any = Npz(path) if looks_like_zip(path) else load_pickle(path)
    where = str(path)
    if not isinstance(content, Mapping):
        raise AthenaError(f"{path}: holds no dictionary but {type(content).__name__}; name its --format")
    arrays = {key: table(where, content, key, width) for key, width in _ARRAYS.items()}
    same_length(where, arrays, "dof_pos")
    _check_bodies(where, content, options)
    names = _names(where, content, arrays["dof_pos"].shape[1])
    columns = (
        named_columns(where, "joint_names", names, options)
        if names
        else unnamed_columns(where, "dof_pos", arrays["dof_pos"].shape[1], options)
    )
    raw = RawMotion(
        name=path.stem,
        where=where,
        root_pos=arrays["root_pos"],
        root_quat=arrays["root_rot"],
        joint_pos=arrays["dof_pos"],
        fps=stated(options.fps, "--fps", frame_rate(where, content)),
        quaternion=stated(options.quaternion, "--quaternion", Choice.of("xyzw", "default of the format")),
        source=path.name,
        **columns,
    )
    return [resolve(raw, options)]


def _names(where: str, content: Mapping[Any, Any], columns: int) -> tuple[str, ...]:
    """Joint names, where the file has as many as columns."""
    for key in _NAMES:
        if key in content:
            names = content.texts(key) if isinstance(content, Npz) else content[key]
            names = names.tolist() if isinstance(names, np.ndarray) else names
            if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
                raise AthenaError(f"{where}: {key}: must be a list of names; correct the file")
            if len(names) != columns:
                raise AthenaError(f"{where}: {key}: has {len(names)} names for {columns} joints; correct the file")
            return tuple(names)
    return ()


def _check_bodies(where: str, content: Mapping[Any, Any], options: ReadOptions) -> None:
    """Refuse a pickle whose bodies are of another robot: as many joints as ours has may be its."""
    bodies = None if isinstance(content, Npz) else content.get("link_body_list")
    if not isinstance(bodies, list) or not bodies or not all(isinstance(name, str) for name in bodies):
        return
    foreign = [name for name in bodies if name not in options.robot.body_names]
    if len(foreign) > len(bodies) // 2:
        raise AthenaError(
            f"{where}: link_body_list: names {len(foreign)} bodies that robot '{options.robot.name}' lacks "
            f"({', '.join(foreign[:6])}, ...); {REGISTER}"
        )


FORMAT = register_format(
    Format(
        name="gmr",
        description="GMR / GMT pkl or npz: fps, root_pos, root_rot, dof_pos in the order of the model",
        extensions=(".pkl", ".pickle", ".npz"),
        recognise=recognise,
        read=read,
    )
)
