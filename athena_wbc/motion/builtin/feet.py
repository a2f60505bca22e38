"""Where the feet go: their states between phases, and their paths within one."""

from __future__ import annotations

import dataclasses

import numpy as np

from athena_wbc.motion.builtin.curves import GRAVITY, bump, minimum_jerk
from athena_wbc.motion.builtin.morphology import Morphology
from athena_wbc.motion.builtin.script import Air, Heel, Move, Place

FLIGHT_LIFT = 1.03
"""Rise of the feet in a flight relative to that of the body, g T^2 / 8. The legs go on stretching after the take-off,
are tucked again in the middle and stretch before the landing; with this much of a tuck the root, not only the centre
of mass, falls with g in the mean, to about 1 %."""


HEEL_SHARE = 0.2
"""A heel comes off the ground after this share of its phase, when the weight has begun to leave it, and is down again
as long before the end."""


@dataclasses.dataclass(frozen=True)
class FootState:
    """A foot at the border of two phases."""

    pos: np.ndarray
    """(3,) origin, m."""
    rpy: np.ndarray
    """(3,) roll, pitch, yaw relative to the level foot heading along x, rad."""
    ground: np.ndarray
    """(2,) origin of the foot if it stood flat where it is, m."""
    grounded: bool = True
    on_toes: bool = False


@dataclasses.dataclass(frozen=True)
class FootPath:
    """A foot within a phase, n frames."""

    pos: np.ndarray
    rpy: np.ndarray
    """(n, 3) each."""
    ground: np.ndarray
    """(n, 2)"""
    planted: np.ndarray
    """(n,) bool: on the ground, flat or with the toes."""
    airborne: np.ndarray
    toes: np.ndarray
    """(n,) 0 to 1: how much the foot is held in the air; how much of its load is on the toes."""


def standing(body: Morphology, side: int) -> FootState:
    """The foot in the nominal pose."""
    pos = body.foot_pos[side]
    return FootState(pos.copy(), np.zeros(3), pos[:2].copy())


def next_state(body: Morphology, side: int, move: Move, feet: tuple[FootState, FootState]) -> FootState:
    """Where a foot (0 left, 1 right) is after a move, given both feet before it."""
    start, other = feet[side], feet[1 - side]
    if move is None:
        return start
    floor = body.soles[side].height
    if isinstance(move, Heel):
        rpy = np.array([0.0, move.pitch, start.rpy[2]])
        pos = _about_toes(body, side, start, np.array([move.pitch]))[0]
        return dataclasses.replace(start, pos=pos, rpy=rpy, on_toes=move.pitch > 0.0)
    middle = other.rpy[2] + 0.5 * move.turn
    along = np.array([np.cos(middle), np.sin(middle)])
    across = np.array([-np.sin(middle), np.cos(middle)])
    # Beside the other foot; while that one is in the air, where the foot itself is.
    width = body.foot_pos[side, 1] - body.foot_pos[1 - side, 1]
    beside = other.ground + width * across if other.grounded else start.ground
    ground = beside + body.leg_length * (move.forward * along + move.left * across)
    yaw = other.rpy[2] + move.turn
    if isinstance(move, Place):
        return FootState(np.array([*ground, floor]), np.array([0.0, 0.0, yaw]), ground)
    pos = np.array([*ground, floor + body.leg_length * move.up])
    return FootState(pos, np.array([move.roll, move.pitch, yaw]), ground, grounded=False)


def foot_path(
    body: Morphology,
    side: int,
    move: Move,
    start: FootState,
    end: FootState,
    fraction: np.ndarray,
    flight: float | None = None,
) -> FootPath:
    """The way from one state to the next.

    Args:
        body: the robot.
        side: 0 left, 1 right.
        move: what leads from `start` to `end`.
        start: state before.
        end: state after.
        fraction: (n,) of the phase's duration, 0 to 1.
        flight: duration of the phase where it is a flight, s.
    """
    blend = minimum_jerk(fraction)
    rpy = start.rpy + blend[:, None] * (end.rpy - start.rpy)
    pos = start.pos + blend[:, None] * (end.pos - start.pos)
    if isinstance(move, Heel):
        late = fraction if end.rpy[1] < start.rpy[1] else fraction - HEEL_SHARE
        rpy = start.rpy + minimum_jerk(np.clip(late / (1.0 - HEEL_SHARE), 0.0, 1.0))[:, None] * (end.rpy - start.rpy)
        pos = _about_toes(body, side, start, rpy[:, 1])
    elif isinstance(move, Place):
        lift = move.lift * body.leg_length if flight is None else FLIGHT_LIFT * GRAVITY * flight**2 / 8.0
        pos[:, 2] += lift * bump(fraction)
    return FootPath(
        pos=pos,
        rpy=rpy,
        ground=start.ground + blend[:, None] * (end.ground - start.ground),
        planted=np.full(len(fraction), stays(move, start)),
        airborne=_between(blend, not start.grounded, not end.grounded),
        toes=_between(blend, start.on_toes, end.on_toes),
    )


def stays(move: Move, start: FootState) -> bool:
    """Whether the foot supports the body all through a move."""
    return start.grounded and not isinstance(move, Place | Air)


def _between(blend: np.ndarray, start: bool, end: bool) -> np.ndarray:
    return start + blend * (float(end) - float(start))


def _about_toes(body: Morphology, side: int, start: FootState, pitch: np.ndarray) -> np.ndarray:
    """(n, 3) origin of a foot that is pitched about its toes, which stay where they are on the ground."""
    sole = body.soles[side]
    radius, ahead = sole.toe_radius, sole.toe
    height = sole.height - radius
    yaw = start.rpy[2]
    along = np.array([np.cos(yaw), np.sin(yaw)])
    # The origin lies `ahead` behind and `height` above the centre that the toes roll on.
    back = np.cos(pitch) * ahead - np.sin(pitch) * height
    up = radius + np.sin(pitch) * ahead + np.cos(pitch) * height
    return np.column_stack((start.ground + (ahead - back)[:, None] * along, up))
