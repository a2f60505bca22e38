"""Joints of robots whose motions are published without names, and what a reader says of their columns."""

from __future__ import annotations

import dataclasses
from typing import Any

from athena_wbc.errors import AthenaError
from athena_wbc.motion.evidence import breadth_first_joints
from athena_wbc.motion.formats.raw import Choice, ReadOptions

REGISTER = "register that robot with athena robots add and name it with --robot"
"""The remedy where a file is for a robot that is not at hand."""


@dataclasses.dataclass(frozen=True)
class Layout:
    """The columns of a robot's published motions."""

    robot: str
    """In words, for errors and histories."""
    joints: tuple[str, ...]


_LEG = ("hip_pitch", "hip_roll", "hip_yaw", "knee", "ankle_pitch", "ankle_roll")
_ARM = ("shoulder_pitch", "shoulder_roll", "shoulder_yaw", "elbow")
_WRIST = ("wrist_roll", "wrist_pitch", "wrist_yaw")


def _each(sides: tuple[str, str], parts: tuple[str, ...], pattern: str) -> tuple[str, ...]:
    return tuple(pattern.format(side=side, part=part) for side in sides for part in parts)


def _g1(arm: tuple[str, ...]) -> tuple[str, ...]:
    sides, pattern = ("left", "right"), "{side}_{part}_joint"
    waist = ("waist_yaw_joint", "waist_roll_joint", "waist_pitch_joint")
    return (*_each(sides, _LEG, pattern), *waist, *_each(sides, arm, pattern))


def _h1() -> tuple[str, ...]:
    sides, pattern = ("left", "right"), "{side}_{part}_joint"
    leg = ("hip_yaw", "hip_roll", "hip_pitch", "knee", "ankle")
    return (*_each(sides, leg, pattern), "torso_joint", *_each(sides, _ARM, pattern))


def _t1() -> tuple[str, ...]:
    sides, pattern = ("Left", "Right"), "{side}_{part}"
    arm = ("Shoulder_Pitch", "Shoulder_Roll", "Elbow_Pitch", "Elbow_Yaw")
    leg = ("Hip_Pitch", "Hip_Roll", "Hip_Yaw", "Knee_Pitch", "Ankle_Pitch", "Ankle_Roll")
    return ("AAHead_yaw", "Head_pitch", *_each(sides, arm, pattern), "Waist", *_each(sides, leg, pattern))


def _tienkung() -> tuple[str, ...]:
    sides, pattern = ("l", "r"), "{part}_{side}_joint"
    leg = ("hip_roll", "hip_pitch", "hip_yaw", "knee_pitch", "ankle_pitch", "ankle_roll")
    arm = ("shoulder_pitch", "shoulder_roll", "shoulder_yaw", "elbow_pitch")
    return (*_each(sides, leg, pattern), *_each(sides, arm, pattern))


G1 = Layout("Unitree G1", _g1(_ARM + _WRIST))
G1_23 = Layout("Unitree G1 without wrists", _g1(_ARM))
H1 = Layout("Unitree H1", _h1())
T1 = Layout("Booster T1", _t1())
TIENKUNG = Layout("TienKung", _tienkung())
LAYOUTS = (G1, G1_23, H1, T1, TIENKUNG)


def unnamed_columns(where: str, key: str, columns: int, options: ReadOptions) -> dict[str, Any]:
    """What `RawMotion` needs of joints without names: `joints`, `fill_missing` and `history`.

    The user's --joint-order goes first and means the robot's own order; then a known robot whose joints the robot has,
    then a robot with as many joints as no known one has.

    Raises:
        AthenaError: another number of joints than the robot's, or one that several robots have.
    """
    robot = options.robot
    if options.joint_order is not None and columns == robot.num_joints:
        names = robot.joint_names if options.joint_order == "mjcf" else breadth_first_joints(robot)
        origin = f"{columns} joints in the robot's {options.joint_order} order: option --joint-order"
        return {"joints": Choice.of(names, origin), "history": (origin,)}
    known = [layout for layout in LAYOUTS if len(layout.joints) == columns]
    for layout in known:
        if set(layout.joints) <= set(robot.joint_names):
            origin = f"{columns} joints in the order of {layout.robot}"
            more = filled(layout.joints, options)
            return {"joints": Choice.of(layout.joints, origin)} | more | {"history": (origin, *more.get("history", ()))}
    if columns == robot.num_joints and not known:
        origin = f"{columns} joints in the order of the model"
        return {"joints": Choice.of(robot.joint_names, origin), "history": (origin,)}
    numbers = " and ".join(str(len(layout.joints)) for layout in (G1_23, G1))
    told = f"known are {numbers} (G1)"
    if known:
        told = f"{columns} are {' or '.join(f'{layout.robot} ({layout.joints[0]}, ...)' for layout in known)}"
    remedy = REGISTER
    if columns == robot.num_joints:
        remedy = f"give --joint-order mjcf if they are those of robot '{robot.name}', or {REGISTER}"
    raise AthenaError(
        f"{where}: {key}: has {columns} joints without names, robot '{robot.name}' has {robot.num_joints}; "
        f"{told}: {remedy}"
    )


def named_columns(where: str, key: str, names: tuple[str, ...], options: ReadOptions) -> dict[str, Any]:
    """What `RawMotion` needs of joints with names; a known robot's arms without wrists are filled.

    Raises:
        AthenaError: the names are another robot's.
    """
    robot = options.robot
    foreign = [name for name in names if name not in robot.joint_names]
    if len(foreign) > 1:  # a single one is a slip, and the nearest name is suggested
        layout = next((f"{layout.robot}: " for layout in LAYOUTS if set(layout.joints) == set(names)), "")
        shown = ", ".join(foreign[:6]) + (", ..." if len(foreign) > 6 else "")
        raise AthenaError(
            f"{where}: {key}: are of another robot than '{robot.name}', which lacks {len(foreign)} of the "
            f"{len(names)} joints ({layout}{shown}); {REGISTER}"
        )
    known = any(set(names) == set(layout.joints) for layout in LAYOUTS)
    more = filled(names, options) if known and not foreign else {}
    return {"joints": Choice.of(names, "names in the file")} | more


def filled(names: tuple[str, ...], options: ReadOptions) -> dict[str, Any]:
    """Joints of the robot that the file lacks stand at their default position, and the history says so."""
    missing = [name for name in options.robot.joint_names if name not in names]
    if not missing:
        return {}
    return {"fill_missing": True, "history": (f"at their default position: {', '.join(missing)}",)}


def root_body(where: str, key: str, names: tuple[str, ...], options: ReadOptions) -> int:
    """Index of the robot's root among bodies by name.

    Raises:
        AthenaError: it is not among them.
    """
    if options.robot.root not in names:
        shown = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
        raise AthenaError(
            f"{where}: {key}: lacks '{options.robot.root}', the root of robot '{options.robot.name}' (it has {shown}); "
            f"{REGISTER}"
        )
    return names.index(options.robot.root)
