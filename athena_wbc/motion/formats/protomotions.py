"""ProtoMotions .motion: a file of torch.save with joint positions and body states, quaternions scalar last.

Keys: dof_pos (T, J), rigid_body_pos (T, B, 3), rigid_body_rot (T, B, 4) with the root as body 0, fps; the velocities
are differences of these and not read. A clip that Kimodo wrote holds a member of an enumeration of ProtoMotions too,
which is taken for its value: nothing is run. Its root is lifted against the CSV of the same clip, frame by frame and
by 0 to 3 cm (1 cm at the median), until the feet are out of the ground.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.formats.conventions import resolve
from athena_wbc.motion.formats.fields import frame_rate, same_length, table
from athena_wbc.motion.formats.layouts import unnamed_columns
from athena_wbc.motion.formats.raw import Choice, RawMotion, ReadOptions, stated
from athena_wbc.motion.formats.registry import Format, register_format
from athena_wbc.motion.formats.safe_torch import load_torch, looks_like_torch

_KEYS = ("dof_pos", "rigid_body_pos", "rigid_body_rot")
_EXTENSIONS = (".motion", ".pt")


def recognise(path: Path) -> str | None:
    """By tensors of these names in a file of torch."""
    if path.suffix.lower() not in _EXTENSIONS or not looks_like_torch(path):
        return None
    if path.suffix.lower() == ".pt" and not _has_keys(path):
        return None
    return f"a file of torch with {', '.join(_KEYS)}"


def _has_keys(path: Path) -> bool:
    content = load_torch(path)
    return isinstance(content, dict) and set(_KEYS) <= set(content)


def read(path: Path, options: ReadOptions) -> list[MotionClip]:
    """The single motion of the file, named after it."""
    content = load_torch(path)
    if not isinstance(content, dict):
        raise AthenaError(f"{path}: holds no dictionary but {type(content).__name__}; name its --format")
    where = str(path)
    root = {key: _root(where, content, key, width) for key, width in (("rigid_body_pos", 3), ("rigid_body_rot", 4))}
    arrays = root | {"dof_pos": table(where, content, "dof_pos")}
    same_length(where, arrays, "dof_pos")
    raw = RawMotion(
        name=path.stem,
        where=where,
        root_pos=arrays["rigid_body_pos"],
        root_quat=arrays["rigid_body_rot"],
        joint_pos=arrays["dof_pos"],
        fps=stated(options.fps, "--fps", frame_rate(where, content)),
        quaternion=stated(options.quaternion, "--quaternion", Choice.of("xyzw", "default of the format")),
        source=path.name,
        **unnamed_columns(where, "dof_pos", arrays["dof_pos"].shape[1], options),
    )
    return [resolve(raw, options)]


def _root(where: str, content: dict, key: str, width: int) -> np.ndarray:
    """(T, width) of body 0."""
    array = content.get(key)
    if not isinstance(array, np.ndarray) or array.ndim != 3 or array.shape[1] < 1 or array.shape[2] != width:
        shape = getattr(array, "shape", type(array).__name__)
        raise AthenaError(f"{where}: {key}: has the shape {shape}, (frames, bodies, {width}) is expected")
    return table(where, {key: array[:, 0]}, key, width)


FORMAT = register_format(
    Format(
        name="protomotions",
        description="ProtoMotions .motion: dof_pos, rigid_body_pos, rigid_body_rot, fps in a file of torch",
        extensions=(".motion",),
        recognise=recognise,
        read=read,
    )
)
