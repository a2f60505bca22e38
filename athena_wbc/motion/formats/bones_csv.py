"""BONES-SEED CSV: a header, the root in cm and Euler angles, joints by name, all angles in degrees, 120 fps.

Columns: Frame, root_translateX/Y/Z in cm (z up), root_rotateX/Y/Z in degrees about the fixed axes x, then y, then z
(extrinsic XYZ), and a column for each joint, whose name may end in `_dof`. Written from its documentation, without a
file of it at hand.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from athena_wbc.errors import AthenaError, suggest
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.formats.conventions import resolve
from athena_wbc.motion.formats.layouts import named_columns
from athena_wbc.motion.formats.raw import Choice, RawMotion, ReadOptions, stated
from athena_wbc.motion.formats.registry import Format, register_format

DEFAULT_FPS = 120.0
_POSITION = tuple(f"root_translate{axis}" for axis in "XYZ")
_ROTATION = tuple(f"root_rotate{axis}" for axis in "XYZ")
_LONGEST_LINE = 1 << 16


def recognise(path: Path) -> str | None:
    """By a first line with the names of the root's columns."""
    if path.suffix.lower() != ".csv":
        return None
    with open(path, "rb") as stream:
        first = stream.readline(_LONGEST_LINE).decode("utf-8-sig", errors="replace")
    names = [field.strip() for field in first.split(",")]
    return "a header with root_translateX and root_rotateX" if {_POSITION[0], _ROTATION[0]} <= set(names) else None


def read(path: Path, options: ReadOptions) -> list[MotionClip]:
    """The single motion of the file, named after it."""
    try:
        lines = path.read_bytes().decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise AthenaError(f"{path}: is no text at byte {error.start}; a CSV file is expected") from None
    names = [field.strip() for field in lines[0].split(",")] if lines else []
    for name in (*_POSITION, *_ROTATION):
        if name not in names:
            raise AthenaError(f"{path}: line 1: column {suggest(name, names)}; name its --format")
    table = _table(path, [line for line in lines[1:] if line.strip()], names)
    root = (*_POSITION, *_ROTATION)
    columns = [i for i, name in enumerate(names) if name not in root and name.lower() not in ("frame", "time")]
    joints = tuple(names[i].removesuffix("_dof") for i in columns)
    if options.quaternion is not None:
        raise AthenaError(f"{path}: --quaternion: the file has Euler angles; leave the option out")
    euler = np.radians(table[:, [names.index(name) for name in _ROTATION]])
    raw = RawMotion(
        name=path.stem,
        where=str(path),
        root_pos=table[:, [names.index(name) for name in _POSITION]] / 100.0,
        root_quat=Rotation.from_euler("xyz", euler).as_quat(),
        joint_pos=np.radians(table[:, columns]),
        fps=stated(options.fps, "--fps", Choice.of(DEFAULT_FPS, "default of the format")),
        quaternion=Choice.of("xyzw", "from Euler angles"),
        source=path.name,
        **named_columns(f"{path}: line 1", "joints", joints, options),
    )
    return [resolve(raw, options)]


def _table(path: Path, lines: list[str], names: list[str]) -> np.ndarray:
    """(T, columns) numbers."""
    rows = []
    for number, line in enumerate(lines, start=2):
        fields = line.split(",")
        if len(fields) != len(names):
            cut = "the file is truncated, copy it again" if number == len(lines) + 1 else "correct the file"
            raise AthenaError(f"{path}: line {number}: has {len(fields)} of {len(names)} columns; {cut}")
        try:
            row = [float(field) for field in fields]
        except ValueError as error:
            raise AthenaError(f"{path}: line {number}: {error}; correct the file") from None
        if not all(map(math.isfinite, row)):
            raise AthenaError(f"{path}: line {number}: holds a value that is not finite; repair the file")
        rows.append(row)
    if len(rows) < 2:
        raise AthenaError(f"{path}: has {len(rows)} frame(s); a clip needs at least two")
    return np.array(rows)


FORMAT = register_format(
    Format(
        name="bones",
        description="BONES-SEED CSV: a header with root_translateX, root_rotateX and joint names; cm and degrees",
        extensions=(".csv",),
        recognise=recognise,
        read=read,
    )
)
