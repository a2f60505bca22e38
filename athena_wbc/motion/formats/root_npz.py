"""npz with the root apart from the joints and without names: fps, joint_pos (T, J), root_pos (T, 3), root_rot (T, 4).

Neither the order of the quaternions nor that of the joints is in the file: the first is decided by the motion, the
second by its joint limits (files of Isaac are breadth first), and what they leave open is asked for.
"""

from __future__ import annotations

from pathlib import Path

from athena_wbc.errors import AthenaError
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.evidence import breadth_first_joints
from athena_wbc.motion.formats.conventions import resolve
from athena_wbc.motion.formats.layouts import REGISTER
from athena_wbc.motion.formats.raw import QUATERNION_ORDERS, Choice, RawMotion, ReadOptions, stated
from athena_wbc.motion.formats.registry import Format, register_format
from athena_wbc.motion.formats.safe_npz import Npz, looks_like_zip

_KEYS = ("fps", "joint_pos", "root_pos", "root_rot")


def recognise(path: Path) -> str | None:
    """By its keys, and no bodies, which other formats have."""
    if not looks_like_zip(path):
        return None
    keys = set(Npz(path))
    if set(_KEYS) <= keys and not {"body_pos_w", "dof_pos", "header"} & keys:
        return f"npz with the keys {', '.join(_KEYS)}"
    return None


def read(path: Path, options: ReadOptions) -> list[MotionClip]:
    """The single motion of the file, named after it."""
    robot = options.robot
    archive = Npz(path)
    joint_pos = archive.numbers("joint_pos", (None, None))
    if joint_pos.shape[1] != robot.num_joints:
        raise AthenaError(
            f"{path}: joint_pos: has {joint_pos.shape[1]} joints without names, robot '{robot.name}' has "
            f"{robot.num_joints}; {REGISTER}"
        )
    orders = {"mjcf": robot.joint_names, "isaac": breadth_first_joints(robot)}
    if options.joint_order is not None:
        joints = Choice.of(orders[options.joint_order], "option --joint-order")
    else:
        joints = Choice(tuple(dict.fromkeys(orders.values())), "")
    raw = RawMotion(
        name=path.stem,
        where=str(path),
        root_pos=archive.numbers("root_pos", (len(joint_pos), 3)),
        root_quat=archive.numbers("root_rot", (len(joint_pos), 4)),
        joint_pos=joint_pos,
        fps=stated(options.fps, "--fps", Choice.of(archive.number("fps"), "in the file")),
        quaternion=stated(options.quaternion, "--quaternion", Choice(QUATERNION_ORDERS, "")),
        joints=joints,
        source=path.name,
    )
    return [resolve(raw, options)]


FORMAT = register_format(
    Format(
        name="root_npz",
        description="npz of fps, joint_pos, root_pos, root_rot without names; orders told by the motion",
        extensions=(".npz",),
        recognise=recognise,
        read=read,
    )
)
