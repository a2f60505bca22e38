"""Kimodo npz for the G1: body positions and orientations of a generated clip, y up, without a frame rate.

Keys: posed_joints (T, 34, 3) m, global_rot_mats (T, 34, 3, 3). The 34 points are the G1's 30 bodies in the order of its
model, with a toe behind each ankle and a hand behind each wrist; their frames are those of the model in its zero pose,
with x to the left, y up and z ahead. A joint's angle is the turn of its body against the parent about the joint's
axis; what a generated rotation has besides is dropped, and the history says how far the bodies move by it. The rate is
30 fps, or what `meta.json` beside the file says by its duration.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.kinematics import Kinematics
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.formats.conventions import resolve
from athena_wbc.motion.formats.hinges import chain_between, hinge_angles
from athena_wbc.motion.formats.layouts import G1, REGISTER, filled
from athena_wbc.motion.formats.raw import LARGEST_VALUE, Choice, RawMotion, ReadOptions, stated
from athena_wbc.motion.formats.registry import Format, register_format
from athena_wbc.motion.formats.safe_npz import Npz, looks_like_zip

DEFAULT_FPS = 30.0
_POINTS = 34
_EXTRA = (7, 14, 25, 33)
"""Toes and hands."""

_TO_Z_UP = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
_MOST_DEVIATION = 0.05
"""m between the file's bodies and forward kinematics, in the mean. The real clips stay within 0.003."""

_MOST_META = 1 << 20


def recognise(path: Path) -> str | None:
    """By its two keys and the number of points."""
    if not looks_like_zip(path):
        return None
    archive = Npz(path)
    if {"posed_joints", "global_rot_mats"} <= set(archive) and archive.shape("posed_joints")[1:] == (_POINTS, 3):
        return f"npz with posed_joints and global_rot_mats of {_POINTS} points"
    return None


def read(path: Path, options: ReadOptions) -> list[MotionClip]:
    """The single motion of the file. `motion.npz`, as Kimodo calls all of them, is named after its folder."""
    robot = options.robot
    if not set(G1.joints) <= set(robot.joint_names):
        raise AthenaError(f"{path}: is for the {G1.robot} with 29 joints, not for '{robot.name}'; {REGISTER}")
    if options.quaternion is not None:
        raise AthenaError(f"{path}: --quaternion: the file has rotation matrices; leave the option out")
    archive = Npz(path)
    points = archive.numbers("posed_joints", (None, _POINTS, 3))
    turn = archive.numbers("global_rot_mats", (len(points), _POINTS, 3, 3))
    _check(path, points, turn)
    points, turn = points @ _TO_Z_UP.T, _TO_Z_UP @ turn @ _TO_Z_UP.T
    bodies = [i for i in range(_POINTS) if i not in _EXTRA]
    body_of = dict(zip((robot.root, *_bodies(robot)), bodies, strict=True))
    joint_pos = np.zeros((len(points), len(G1.joints)))
    for column, name in enumerate(G1.joints):
        body = int(robot.joint_body[robot.joint_names.index(name)])
        above = robot.body_parents[body]
        while robot.body_names[above] not in body_of:  # a fixed body between, as some models have
            above = robot.body_parents[above]
        own, parent = body_of[robot.body_names[body]], body_of[robot.body_names[above]]
        relative = Rotation.from_matrix(turn[:, parent]).inv() * Rotation.from_matrix(turn[:, own])
        angles, _ = hinge_angles(robot, chain_between(robot, above, body), relative)
        (joint_pos[:, column],) = angles.values()
    root_quat = Rotation.from_matrix(turn[:, 0]).as_quat()
    fps, text = _meta(path, len(points))
    more = filled(G1.joints, options)
    raw = RawMotion(
        name=path.resolve().parent.name if path.stem == "motion" else path.stem,
        where=str(path),
        root_pos=points[:, 0],
        root_quat=root_quat,
        joint_pos=joint_pos,
        fps=stated(options.fps, "--fps", fps),
        quaternion=Choice.of("xyzw", "from rotation matrices"),
        joints=Choice.of(G1.joints, "bodies in the order of the model"),
        source=path.name,
        text=text,
        **{**more, "history": (*more.get("history", ()), "joint angles from the turns of bodies about their axes")},
    )
    clip = resolve(raw, options)
    deviation = _deviation(clip, robot, points, body_of)
    if deviation > _MOST_DEVIATION:
        raise AthenaError(
            f"{path}: posed_joints: differ from robot '{robot.name}' by {deviation:.2f} m in the mean; {REGISTER}"
        )
    return [clip.replace(history=(*clip.history, f"bodies agree with the file to {deviation * 1000:.1f} mm"))]


def _bodies(robot: Embodiment) -> list[str]:
    """Names of the bodies that the 29 joints move, in their order."""
    return [robot.body_names[robot.joint_body[robot.joint_names.index(name)]] for name in G1.joints]


def _check(path: Path, points: np.ndarray, turn: np.ndarray) -> None:
    if not (np.abs(points) < LARGEST_VALUE).all() or not (np.abs(turn) < 2.0).all():
        raise AthenaError(f"{path}: posed_joints or global_rot_mats: hold values that are absurd; repair the motion")
    off = np.abs(turn @ np.swapaxes(turn, -1, -2) - np.eye(3)).max(initial=0.0)
    if off > 0.05 or (np.linalg.det(turn) < 0.5).any():
        raise AthenaError(f"{path}: global_rot_mats: are no rotations; check the file's source")


def _deviation(clip: MotionClip, robot: Embodiment, points: np.ndarray, body_of: dict[str, int]) -> float:
    """Mean distance in m of the robot's bodies from the file's."""
    pos, _ = Kinematics(robot, dtype=torch.float64).forward(
        *(torch.from_numpy(array.copy()) for array in (clip.root_pos, clip.root_quat, clip.joint_pos))
    )
    index = robot.body_index(tuple(body_of))
    return float(np.linalg.norm(pos.numpy()[:, index] - points[:, list(body_of.values())], axis=2).mean())


def _meta(path: Path, frames: int) -> tuple[Choice[float], str]:
    """Frame rate and text from the JSON that Kimodo writes beside `motion.npz`, where it is there and readable."""
    beside = path.with_name(path.name.replace("motion.npz", "meta.json"))
    fps, text = Choice.of(DEFAULT_FPS, "default of the format"), ""
    if beside == path or not beside.is_file() or beside.stat().st_size > _MOST_META:
        return fps, text
    try:
        content = json.loads(beside.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return fps, text  # a damaged description says nothing about the motion
    if isinstance(content, dict):
        durations = _list_of(content, "duration", float)
        text = ", then ".join(_list_of(content, "text", str))
        if durations and all(0.0 < duration < LARGEST_VALUE for duration in durations):
            duration = sum(durations)
            fps = Choice.of(round(frames / duration, 6), f"{frames} frames in {duration:g} s by {beside.name}")
    return fps, text


def _list_of(content: dict, key: str, kind: type) -> list:
    """Values of `key`, or of its plural where a clip has several; empty where they are of another kind."""
    values = content.get(f"{key}s", [content.get(key)])
    return values if isinstance(values, list) and all(isinstance(value, kind) for value in values) else []


FORMAT = register_format(
    Format(
        name="kimodo",
        description="Kimodo npz for the G1: posed_joints and global_rot_mats of 34 points, y up",
        extensions=(".npz",),
        recognise=recognise,
        read=read,
    )
)
