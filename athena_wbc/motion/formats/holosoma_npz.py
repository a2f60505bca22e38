"""holosoma npz: BeyondMimic's keys, with names, and with the whole generalised position in `joint_pos`.

Keys: fps, joint_pos (T, 7 + J) = root position 3, root quaternion 4 w-first, joints; joint_names (J), body_*. A file
that joins several motions marks the last frame of each in motion_ends (T). An object's keys (object_*) are not read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.formats.conventions import resolve
from athena_wbc.motion.formats.layouts import named_columns
from athena_wbc.motion.formats.raw import Choice, RawMotion, ReadOptions, stated
from athena_wbc.motion.formats.registry import Format, register_format
from athena_wbc.motion.formats.safe_npz import Npz, looks_like_zip

_KEYS = ("fps", "joint_pos", "joint_names", "body_names")
_ROOT = 7


def recognise(path: Path) -> str | None:
    """By its four keys, and seven columns of `joint_pos` more than it has names."""
    if not looks_like_zip(path):
        return None
    archive = Npz(path)
    if not set(_KEYS) <= set(archive) or "dof_positions" in archive:
        return None
    shape, names = archive.shape("joint_pos"), archive.shape("joint_names")
    if len(shape) == 2 and len(names) == 1 and shape[1] == _ROOT + names[0]:
        return f"npz with {names[0]} joint names and {shape[1]} columns in joint_pos"
    return None


def read(path: Path, options: ReadOptions) -> list[MotionClip]:
    """The motions of the file in its order; a single one is named after the file, several by their number too."""
    archive = Npz(path)
    names = archive.texts("joint_names")
    table = archive.numbers("joint_pos", (None, _ROOT + len(names)))
    parts = _parts(path, archive, len(table))
    columns = named_columns(str(path), "joint_names", names, options)
    objects = sorted(key for key in archive if key.startswith("object_"))
    history = (f"not read: {', '.join(objects)}",) if objects else ()
    clips = []
    for number, (start, stop) in enumerate(parts):
        raw = RawMotion(
            name=path.stem if len(parts) == 1 else f"{path.stem}_{number}",
            where=str(path) if len(parts) == 1 else f"{path}: motion {number}",
            root_pos=table[start:stop, :3],
            root_quat=table[start:stop, 3:_ROOT],
            joint_pos=table[start:stop, _ROOT:],
            fps=stated(options.fps, "--fps", Choice.of(archive.number("fps"), "in the file")),
            quaternion=stated(options.quaternion, "--quaternion", Choice.of("wxyz", "default of the format")),
            source=path.name,
            **{**columns, "history": (*columns.get("history", ()), *history)},
        )
        clips.append(resolve(raw, options))
    return clips


def _parts(path: Path, archive: Npz, frames: int) -> list[tuple[int, int]]:
    """Frames [start, stop) of each motion; those of a single frame, which mark a gap, are left out."""
    if "motion_ends" not in archive:
        return [(0, frames)]
    ends = archive.numbers("motion_ends", (frames,)) != 0.0
    stops = np.flatnonzero(ends) + 1
    if not len(stops) or stops[-1] != frames:
        raise AthenaError(f"{path}: motion_ends: does not mark the last frame; the file is damaged, write it again")
    parts = list(zip((0, *stops[:-1].tolist()), stops.tolist(), strict=True))
    return [part for part in parts if part[1] - part[0] > 1] or parts[:1]


FORMAT = register_format(
    Format(
        name="holosoma",
        description="holosoma npz: joint_pos holds root and joints, joint_names and body_names inside",
        extensions=(".npz",),
        recognise=recognise,
        read=read,
    )
)
