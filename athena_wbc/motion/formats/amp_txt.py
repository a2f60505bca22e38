"""AMP motions as JSON text (TienKung): FrameDuration and rows of root position, Euler angles, joints, velocities.

A row is position 3 m, Euler angles 3 rad (intrinsic XYZ, unwrapped), J joints, and the 6 + J velocities of these. Files
for the discriminator have rows of the same length with J joints, J velocities and end effectors, without the root; the
velocities tell them apart. FrameDuration is rounded to a millisecond; the velocities tell the rate that it stands for.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.formats.conventions import resolve
from athena_wbc.motion.formats.fields import table
from athena_wbc.motion.formats.layouts import unnamed_columns
from athena_wbc.motion.formats.raw import LARGEST_VALUE, Choice, RawMotion, ReadOptions, stated
from athena_wbc.motion.formats.registry import Format, register_format

_HEAD = 1 << 12
_ROUNDING = 5e-4
"""s by which FrameDuration may be off."""

_FAST = 0.5
"""rad/s above which a velocity tells the time between frames."""


def recognise(path: Path) -> str | None:
    """By a JSON mapping that begins with FrameDuration and the like."""
    if path.suffix.lower() not in (".txt", ".json"):
        return None
    with open(path, "rb") as stream:
        head = stream.read(_HEAD)
    if head.lstrip()[:1] != b"{" or b'"FrameDuration"' not in head or b'"Frames"' not in head:
        return None
    return "JSON with FrameDuration and Frames"


def read(path: Path, options: ReadOptions) -> list[MotionClip]:
    """The single motion of the file, named after it."""
    rows, duration = _content(path)
    joints = (rows.shape[1] - 12) // 2
    if rows.shape[1] % 2 or joints < 1:
        raise AthenaError(f"{path}: Frames: have {rows.shape[1]} columns, 12 + 2 x joints are expected")
    interval = _interval(rows[:, 6 : 6 + joints], rows[:, 12 + joints :])
    if interval is None or abs(interval - duration) > 0.2 * duration:
        other = _interval(rows[:, :joints], rows[:, joints : 2 * joints])
        if other is not None and abs(other - duration) <= 0.2 * duration:
            raise AthenaError(
                f"{path}: Frames: hold {joints} joints, their velocities and end effectors, without the root; "
                "take the file of the whole motion (motion_visualization)"
            )
    if options.quaternion is not None:
        raise AthenaError(f"{path}: --quaternion: the file has Euler angles; leave the option out")
    if interval is not None and abs(interval - duration) <= _ROUNDING:
        fps = Choice.of(round(1.0 / interval, 3), f"velocities in the file (FrameDuration is {duration:g})")
    else:
        fps = Choice.of(1.0 / duration, f"FrameDuration {duration:g} in the file")
    raw = RawMotion(
        name=path.stem,
        where=str(path),
        root_pos=rows[:, :3],
        root_quat=Rotation.from_euler("XYZ", rows[:, 3:6]).as_quat(),
        joint_pos=rows[:, 6 : 6 + joints],
        fps=stated(options.fps, "--fps", fps),
        quaternion=Choice.of("xyzw", "from Euler angles"),
        source=path.name,
        **unnamed_columns(str(path), "Frames", joints, options),
    )
    return [resolve(raw, options)]


def _content(path: Path) -> tuple[np.ndarray, float]:
    """(T, columns) rows, and FrameDuration."""
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise AthenaError(f"{path}: not readable as JSON ({error}); the file is damaged, copy it again") from error
    if not isinstance(content, dict):
        raise AthenaError(f"{path}: holds no mapping with Frames; name its --format")
    rows = table(str(path), content, "Frames")
    if not len(rows) or not (np.abs(rows) < LARGEST_VALUE).all():
        raise AthenaError(f"{path}: Frames: are empty or hold a value that is no number; repair the file")
    duration = content.get("FrameDuration")
    if isinstance(duration, bool) or not isinstance(duration, (int, float)) or not 1e-5 <= duration <= 10.0:
        raise AthenaError(f"{path}: FrameDuration: must be a number of seconds; correct the file")
    return rows, float(duration)


def _interval(positions: np.ndarray, velocities: np.ndarray) -> float | None:
    """Median time in s between frames by which the velocities would lead from one to the next; None where all stand."""
    steps, speeds = np.diff(positions, axis=0), velocities[1:, : positions.shape[1]]
    moves = np.abs(speeds) > _FAST
    if not moves.any():
        return None
    # A difference quotient belongs to the frame before or behind the step: the steadier of the two counts.
    either = [steps[moves] / speeds[moves]]
    before = velocities[:-1, : positions.shape[1]]
    moved = np.abs(before) > _FAST
    if moved.any():
        either.append(steps[moved] / before[moved])
    medians = [float(np.median(ratios)) for ratios in either]
    spreads = [float(np.median(np.abs(ratios - middle))) for ratios, middle in zip(either, medians, strict=True)]
    return medians[int(np.argmin(spreads))]


FORMAT = register_format(
    Format(
        name="amp_txt",
        description="AMP JSON text (TienKung): FrameDuration, rows of root, Euler angles, joints, velocities",
        extensions=(".txt",),
        recognise=recognise,
        read=read,
    )
)
