"""This library's own self-describing npz: names, frame rate, robot and history are inside."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import FORMAT as MAGIC
from athena_wbc.motion.clip import FORMAT_VERSION, MotionClip
from athena_wbc.motion.formats.raw import ACCEPTABLE, Choice, RawMotion, ReadOptions, stated
from athena_wbc.motion.formats.registry import Format, register_format
from athena_wbc.motion.formats.resolve import resolve
from athena_wbc.motion.formats.safe_npz import Npz, looks_like_zip

_ACCEPTED = "accepted: "
_TEXTS = ("name", "robot", "robot_hash", "source", "licence", "label", "text")


def recognise(path: Path) -> str | None:
    """By its header, which names the format."""
    if not looks_like_zip(path):
        return None
    archive = Npz(path)
    if "header" in archive and archive.shape("header") == () and MAGIC in str(archive["header"]):
        return "a header of this library"
    return None


def read(path: Path, options: ReadOptions) -> list[MotionClip]:
    """The single motion of the file, under the name that it carries.

    What was accepted when the file was written stays accepted.
    """
    archive = Npz(path)
    header = _read_header(archive)
    robot, made_for = options.robot, header["robot"]
    if made_for and made_for != robot.name and "robot" not in options.accept:
        raise AthenaError(
            f"{path}: was made for robot '{made_for}', not '{robot.name}'; "
            f"use --robot {made_for}, or --accept robot where the joints mean the same"
        )
    history = tuple(header["history"])
    accepted = {entry.removeprefix(_ACCEPTED) for entry in history if entry.startswith(_ACCEPTED)}
    joint_pos = archive.numbers("joint_pos", (None, len(header["joint_names"])))
    raw = RawMotion(
        name=header["name"] or path.stem,
        where=str(path),
        root_pos=archive.numbers("root_pos", (len(joint_pos), 3)),
        root_quat=archive.numbers("root_quat", (len(joint_pos), 4)),
        joint_pos=joint_pos,
        fps=stated(options.fps, "--fps", Choice.of(float(header["fps"]), "in the file")),
        quaternion=stated(options.quaternion, "--quaternion", Choice.of("xyzw", "in the file")),
        joints=Choice.of(tuple(header["joint_names"]), "in the file"),
        **{key: header[key] for key in ("source", "licence", "label", "text")},
    )
    known = dataclasses.replace(options, accept=options.accept | (accepted & set(ACCEPTABLE)))
    clip = resolve(raw, known)
    if clip.fps != float(header["fps"]):
        history = (*history, f"fps {header['fps']:g} read as {clip.fps:g}")
    history += tuple(f"{_ACCEPTED}{key}" for key in sorted(options.accept - accepted))
    return [clip.replace(history=history)]


def _read_header(archive: Npz) -> dict[str, Any]:
    """The header, with every value of the type that a clip needs; texts that are absent are empty."""
    path = archive.path
    try:
        header = json.loads(str(archive["header"]))
    except (ValueError, RecursionError) as error:
        raise AthenaError(f"{path}: header: not readable ({error}); write the file again") from error
    if not isinstance(header, dict) or header.get("format") != MAGIC:
        raise AthenaError(f"{path}: header: is none of this library; name its --format")
    if header.get("version") != FORMAT_VERSION:
        raise AthenaError(f"{path}: version {header.get('version')} is not {FORMAT_VERSION}; convert the source again")
    if header.get("quaternion_order") != "xyzw":
        raise AthenaError(f"{path}: header: quaternion_order: must be xyzw; write the file again")
    header = dict.fromkeys(_TEXTS, "") | {"history": []} | header
    good = {key: isinstance(header[key], str) for key in _TEXTS}
    good |= {key: _is_text_list(header.get(key)) for key in ("joint_names", "history")}
    fps = header.get("fps")
    good["fps"] = isinstance(fps, (int, float)) and not isinstance(fps, bool) and 0.0 < fps <= 1e5
    for key, fits in good.items():
        if not fits:
            raise AthenaError(f"{path}: header: {key}: is missing or of the wrong type; write the file again")
    return header


def _is_text_list(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


FORMAT = register_format(
    Format(
        name="athena",
        description="this library's own npz, with names, frame rate, robot and history inside",
        extensions=(".npz",),
        recognise=recognise,
        read=read,
    )
)
