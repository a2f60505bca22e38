"""This library's own self-describing npz: names, frame rate, robot and history are inside."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import FORMAT as MAGIC
from athena_wbc.motion.clip import MotionClip, read_header
from athena_wbc.motion.formats.conventions import resolve
from athena_wbc.motion.formats.raw import ACCEPTABLE, Choice, RawMotion, ReadOptions, stated
from athena_wbc.motion.formats.registry import Format, register_format
from athena_wbc.motion.formats.safe_npz import Npz, looks_like_zip

_ACCEPTED = "accepted: "


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
    header = read_header(path, str(archive["header"]))
    robot, made_for = options.robot, header["robot"]
    if made_for and made_for != robot.name and "robot" not in options.accept:
        raise AthenaError(
            f"{path}: was made for robot '{made_for}', not '{robot.name}'; "
            f"use --robot {made_for}, or --accept robot where the joints mean the same"
        )
    history = header["history"]
    accepted = {entry.removeprefix(_ACCEPTED) for entry in history if entry.startswith(_ACCEPTED)}
    joint_pos = archive.numbers("joint_pos", (None, len(header["joint_names"])))
    raw = RawMotion(
        name=header["name"] or path.stem,
        where=str(path),
        root_pos=archive.numbers("root_pos", (len(joint_pos), 3)),
        root_quat=archive.numbers("root_quat", (len(joint_pos), 4)),
        joint_pos=joint_pos,
        fps=stated(options.fps, "--fps", Choice.of(header["fps"], "in the file")),
        quaternion=stated(options.quaternion, "--quaternion", Choice.of("xyzw", "in the file")),
        joints=Choice.of(header["joint_names"], "in the file"),
        **{key: header[key] for key in ("source", "licence", "label", "text")},
    )
    known = dataclasses.replace(options, accept=options.accept | (accepted & set(ACCEPTABLE)))
    clip = resolve(raw, known)
    if clip.fps != header["fps"]:
        history = (*history, f"fps {header['fps']:g} read as {clip.fps:g}")
    history += tuple(f"{_ACCEPTED}{key}" for key in sorted(options.accept - accepted))
    return [clip.replace(history=history)]


FORMAT = register_format(
    Format(
        name="athena",
        description="this library's own npz, with names, frame rate, robot and history inside",
        extensions=(".npz",),
        recognise=recognise,
        read=read,
    )
)
