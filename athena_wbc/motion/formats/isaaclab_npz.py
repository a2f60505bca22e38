"""Isaac Lab AMP npz (its motion loader's format): everything by name, quaternions w-first.

Keys: fps, dof_names (J), body_names (B), dof_positions (T, J), body_positions (T, B, 3), body_rotations (T, B, 4); the
velocities are differences of these and not read. The order of the joints differs between files of one repository, so
only the names count.
"""

from __future__ import annotations

from pathlib import Path

from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.formats.conventions import resolve
from athena_wbc.motion.formats.layouts import named_columns, root_body
from athena_wbc.motion.formats.raw import Choice, RawMotion, ReadOptions, stated
from athena_wbc.motion.formats.registry import Format, register_format
from athena_wbc.motion.formats.safe_npz import Npz, looks_like_zip

_KEYS = ("fps", "dof_names", "body_names", "dof_positions", "body_positions", "body_rotations")


def recognise(path: Path) -> str | None:
    """By its keys."""
    if not looks_like_zip(path) or not set(_KEYS) <= set(Npz(path)):
        return None
    return f"npz with the keys {', '.join(_KEYS)}"


def read(path: Path, options: ReadOptions) -> list[MotionClip]:
    """The single motion of the file, named after it."""
    archive = Npz(path)
    names, bodies = archive.texts("dof_names"), archive.texts("body_names")
    columns = named_columns(str(path), "dof_names", names, options)
    root = root_body(str(path), "body_names", bodies, options)
    joint_pos = archive.numbers("dof_positions", (None, len(names)))
    raw = RawMotion(
        name=path.stem,
        where=str(path),
        root_pos=archive.numbers("body_positions", (len(joint_pos), len(bodies), 3))[:, root],
        root_quat=archive.numbers("body_rotations", (len(joint_pos), len(bodies), 4))[:, root],
        joint_pos=joint_pos,
        fps=stated(options.fps, "--fps", Choice.of(archive.number("fps"), "in the file")),
        quaternion=stated(options.quaternion, "--quaternion", Choice.of("wxyz", "default of the format")),
        source=path.name,
        **columns,
    )
    return [resolve(raw, options)]


FORMAT = register_format(
    Format(
        name="isaaclab",
        description="Isaac Lab AMP npz: dof_names, body_names, dof_positions, body_positions, body_rotations, fps",
        extensions=(".npz",),
        recognise=recognise,
        read=read,
    )
)
