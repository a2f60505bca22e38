"""HDMI npz with a meta.json beside it: BeyondMimic's keys without fps; names and frame rate are in the JSON.

Keys of the npz: joint_pos (T, J), body_pos_w (T, B, 3), body_quat_w (T, B, 4) w-first. Keys of `meta.json` in the same
folder: fps, joint_names (J), body_names (B). The root's pose is that of the robot's root among the bodies. Wrists that
a G1's file lacks stand at their default position.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.formats.conventions import resolve
from athena_wbc.motion.formats.layouts import named_columns, root_body
from athena_wbc.motion.formats.raw import HIGHEST_FPS, Choice, RawMotion, ReadOptions, stated
from athena_wbc.motion.formats.registry import Format, register_format
from athena_wbc.motion.formats.safe_npz import Npz, looks_like_zip

_KEYS = ("joint_pos", "body_pos_w", "body_quat_w")
_META = "meta.json"
_MOST_META = 1 << 20


def recognise(path: Path) -> str | None:
    """By its three keys without fps, and a meta.json beside it."""
    if not looks_like_zip(path) or not path.with_name(_META).is_file():
        return None
    archive = Npz(path)
    if set(_KEYS) <= set(archive) and not {"fps", "joint_names"} & set(archive):
        return f"npz with the keys {', '.join(_KEYS)}, and {_META} beside it"
    return None


def read(path: Path, options: ReadOptions) -> list[MotionClip]:
    """The single motion of the file. `motion.npz`, as all of them are called, is named after its folder."""
    meta = _meta(path)
    names, bodies = _names(path, meta, "joint_names"), _names(path, meta, "body_names")
    columns = named_columns(f"{path}: {_META}", "joint_names", names, options)
    root = root_body(f"{path}: {_META}", "body_names", bodies, options)
    archive = Npz(path)
    joint_pos = archive.numbers("joint_pos", (None, len(names)))
    raw = RawMotion(
        name=path.resolve().parent.name if path.stem == "motion" else path.stem,
        where=str(path),
        root_pos=archive.numbers("body_pos_w", (len(joint_pos), len(bodies), 3))[:, root],
        root_quat=archive.numbers("body_quat_w", (len(joint_pos), len(bodies), 4))[:, root],
        joint_pos=joint_pos,
        fps=stated(options.fps, "--fps", _fps(path, meta)),
        quaternion=stated(options.quaternion, "--quaternion", Choice.of("wxyz", "default of the format")),
        source=path.name,
        **columns,
    )
    return [resolve(raw, options)]


def _meta(path: Path) -> dict[str, Any]:
    meta = path.with_name(_META)
    if not meta.is_file():
        raise AthenaError(f"{path}: {_META} is not beside it, and it alone has the names; copy it there")
    if meta.stat().st_size > _MOST_META:
        raise AthenaError(f"{path}: {_META} is larger than a description; check its source")
    try:
        content = json.loads(meta.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise AthenaError(f"{path}: {_META}: not readable as JSON ({error}); correct the file") from error
    if not isinstance(content, dict):
        raise AthenaError(f"{path}: {_META}: holds no mapping; fps, joint_names and body_names are expected")
    return content


def _names(path: Path, meta: dict[str, Any], key: str) -> tuple[str, ...]:
    names = meta.get(key)
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise AthenaError(f"{path}: {_META}: {key}: must be a list of names; correct the file")
    return tuple(names)


def _fps(path: Path, meta: dict[str, Any]) -> Choice[float]:
    fps = meta.get("fps")
    if isinstance(fps, bool) or not isinstance(fps, (int, float)) or not 0 < fps <= HIGHEST_FPS:
        raise AthenaError(f"{path}: {_META}: fps: must be a positive number; correct the file or give --fps")
    return Choice.of(float(fps), f"in {_META}")


FORMAT = register_format(
    Format(
        name="hdmi",
        description="HDMI npz: joint_pos, body_pos_w, body_quat_w, with names and fps in a meta.json beside it",
        extensions=(".npz",),
        recognise=recognise,
        read=read,
    )
)
