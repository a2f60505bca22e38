"""BeyondMimic npz, as mjlab and whole_body_tracking write it: body states and joint positions, frame rate inside.

Keys: fps (1 number), joint_pos (T, J), body_pos_w (T, B, 3), body_quat_w (T, B, 4) w-first, with the root as body 0;
velocities are ignored, since they are differences of these. No names: mjlab writes joints in the order of the model,
Isaac Lab breadth first. The motion tells which, by its joint limits, or else by its body positions.
"""

from __future__ import annotations

from pathlib import Path

from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.evidence import breadth_first_joints
from athena_wbc.motion.formats.conventions import resolve
from athena_wbc.motion.formats.raw import Choice, RawMotion, ReadOptions, stated
from athena_wbc.motion.formats.registry import Format, register_format
from athena_wbc.motion.formats.safe_npz import Npz, looks_like_zip

_KEYS = ("fps", "joint_pos", "body_pos_w", "body_quat_w")


def recognise(path: Path) -> str | None:
    """By its four keys, and no joint names (a file with names is another format)."""
    if not looks_like_zip(path):
        return None
    archive = Npz(path)
    if set(_KEYS) <= set(archive) and "joint_names" not in archive:
        return f"npz with the keys {', '.join(_KEYS)}"
    return None


def read(path: Path, options: ReadOptions) -> list[MotionClip]:
    """The single motion of the file, named after it."""
    robot = options.robot
    archive = Npz(path)
    joint_pos = archive.numbers("joint_pos", (None, None))
    if joint_pos.shape[1] != robot.num_joints:
        raise AthenaError(
            f"{path}: joint_pos: has {joint_pos.shape[1]} joints, robot '{robot.name}' has {robot.num_joints}; "
            "name the robot that it was made for with --robot"
        )
    body_pos = archive.numbers("body_pos_w", (len(joint_pos), None, 3))
    body_quat = archive.numbers("body_quat_w", (len(joint_pos), body_pos.shape[1], 4))
    if body_pos.shape[1] < 1:
        raise AthenaError(f"{path}: body_pos_w: holds no bodies; the root is needed, write the file again")
    orders = {"mjcf": robot.joint_names, "isaac": breadth_first_joints(robot)}
    if options.joint_order is not None:
        joints = Choice.of(orders[options.joint_order], "option --joint-order")
    else:
        joints = Choice(tuple(dict.fromkeys(orders.values())), "")
    raw = RawMotion(
        name=path.stem,
        where=str(path),
        root_pos=body_pos[:, 0],
        root_quat=body_quat[:, 0],
        joint_pos=joint_pos,
        fps=stated(options.fps, "--fps", Choice.of(archive.number("fps"), "in the file")),
        quaternion=stated(options.quaternion, "--quaternion", Choice.of("wxyz", "default of the format")),
        joints=joints,
        body_pos=body_pos,
        source=path.name,
    )
    return [resolve(raw, options)]


FORMAT = register_format(
    Format(
        name="beyondmimic",
        description="BeyondMimic / mjlab npz: fps, joint_pos, body_pos_w, body_quat_w",
        extensions=(".npz",),
        recognise=recognise,
        read=read,
    )
)
