"""The language in which moves are written: key poses with what the feet do, pure data.

Angles are in degrees, lengths in m, times in s. A value that a key leaves at None is carried over from the key before.
Moves are written for the right side as the acting one; :func:`mirrored` gives the other.
"""

from __future__ import annotations

import dataclasses

Triple = tuple[float, float, float]
Arm = tuple[float, float, float, float]
"""Raise (0 hangs, 90 level, 180 overhead, negative behind), its plane (0 front, 90 own side), reach of the hand as a
share of the arm's length, turn of the elbow outwards."""


@dataclasses.dataclass(frozen=True)
class Step:
    """The foot is flat on the ground at the end of the key, relative to its place beside the other foot."""

    forward: float = 0.0
    left: float = 0.0
    turn: float = 0.0
    """Of the foot from the heading, degrees to the left."""
    lift: float = 0.07
    """Clearance in the middle where the foot comes from the ground."""
    own: bool = False
    """Relative to where the foot itself is."""


@dataclasses.dataclass(frozen=True)
class Air:
    """The foot is in the air at the end of the key, by the angles of the leg."""

    raised: float = 0.0
    """Of the thigh: 0 hangs, 90 level, negative behind."""
    out: float = 0.0
    """Plane of the thigh: 0 front, 90 own side, negative across."""
    knee: float = 10.0
    turn: float = 0.0
    """Of the knee outwards."""
    point: float = 20.0
    """Of the foot, toes down."""


@dataclasses.dataclass(frozen=True)
class Pivot:
    """The foot turns on its ball to the heading."""

    turn: float = 0.0
    """From the heading, degrees to the left."""


@dataclasses.dataclass(frozen=True)
class Heel:
    """The heel is raised about the ball, which stays; 0 puts it down."""

    pitch: float = 0.0


Foot = Step | Air | Pivot | Heel | None


@dataclasses.dataclass(frozen=True)
class Key:
    """One key pose; all targets are those at its end."""

    time: float
    """From the key before, at tempo 1."""
    drop: float | None = None
    """Of the pelvis below the rest pose."""
    pelvis: Triple | None = None
    """Roll (left side up), pitch (forward) and yaw (left) of the pelvis in the heading."""
    spine: Triple | None = None
    """Likewise, of the chest relative to the pelvis."""
    head: Triple | None = None
    left_arm: Arm | None = None
    right_arm: Arm | None = None
    left: Foot = None
    right: Foot = None
    weight: float | None = None
    """Share of the weight on the left foot where both stand; None is even."""
    press: float = 0.0
    """Of the weight towards the toes."""
    turn: float = 0.0
    """Of the heading during the key, degrees to the left."""
    flight: bool = False
    """No foot touches the ground from the key before to this one."""
    extreme: bool = False
    """Where a hold takes place."""
    quick: bool = False
    """Execution, which a burst makes faster; all other keys prepare."""


@dataclasses.dataclass(frozen=True)
class Script:
    """A move as keys."""

    keys: tuple[Key, ...]
    free_arms: bool = False
    """Whether the arms may be carried as a manner says."""
    floor: bool = False
    """Whether more than the feet touches the ground: the root follows from the lowest points, all legs are in Air."""

    @property
    def duration(self) -> float:
        """Seconds at tempo 1."""
        return sum(key.time for key in self.keys)

    def then(self, other: Script) -> Script:
        """Both, one after the other."""
        return dataclasses.replace(self, keys=self.keys + other.keys, free_arms=self.free_arms and other.free_arms)


def mirrored(script: Script) -> Script:
    """The script with left and right exchanged."""
    return dataclasses.replace(script, keys=tuple(_mirrored_key(key) for key in script.keys))


def _mirrored_key(key: Key) -> Key:
    return dataclasses.replace(
        key,
        pelvis=_across(key.pelvis),
        spine=_across(key.spine),
        head=_across(key.head),
        left_arm=key.right_arm,
        right_arm=key.left_arm,
        left=_mirrored_foot(key.right),
        right=_mirrored_foot(key.left),
        weight=None if key.weight is None else 1.0 - key.weight,
        turn=-key.turn,
    )


def _across(angles: Triple | None) -> Triple | None:
    return None if angles is None else (-angles[0], angles[1], -angles[2])


def _mirrored_foot(foot: Foot) -> Foot:
    if isinstance(foot, Step):
        return dataclasses.replace(foot, left=-foot.left, turn=-foot.turn)
    if isinstance(foot, Pivot):
        return Pivot(-foot.turn)
    return foot
