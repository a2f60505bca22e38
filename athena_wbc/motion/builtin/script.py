"""The language in which a built-in clip is written: a sequence of phases, pure data, for no robot in particular.

Lengths are in leg lengths (hip to sole in the default pose), angles in rad, times in s. A value that a phase leaves
at None is carried over from the phase before; every change runs along a quintic that is at rest at both ends.
"""

from __future__ import annotations

import dataclasses

from athena_wbc.motion.clip import LABELS

UPRIGHT = (0.0, 0.0, 0.0)


@dataclasses.dataclass(frozen=True)
class Place:
    """The foot leaves the ground and is flat on it again at the end of the phase.

    The new place is relative to the one that is side by side with the other foot, so that steps correct themselves.
    """

    forward: float = 0.0
    left: float = 0.0
    turn: float = 0.0
    """Heading of the foot relative to the other one's, counter-clockwise, rad."""
    lift: float = 0.09
    """Clearance in the middle of the swing; a flight has its own."""


@dataclasses.dataclass(frozen=True)
class Air:
    """The foot is held in the air at the end of the phase, relative to its place beside the other foot."""

    forward: float = 0.0
    left: float = 0.0
    up: float = 0.1
    """Height of the ankle above that of a foot on the ground."""
    turn: float = 0.0
    pitch: float = 0.0
    """Toes down is positive (a right-handed turn about the left-pointing axis)."""
    roll: float = 0.0


@dataclasses.dataclass(frozen=True)
class Heel:
    """The foot turns about its toes, which stay where they are; 0 puts the heel down again."""

    pitch: float = 0.0


Move = Place | Air | Heel | None


@dataclasses.dataclass(frozen=True)
class Phase:
    """One stretch of a clip; all targets are those at its end."""

    duration: float
    left: Move = None
    """What the left foot does; None: it stays as it is, on the ground or in the air."""
    right: Move = None
    weight: float | None = None
    """Share of the body's weight on the left foot, 0 to 1: where the zero moment point lies between the feet."""
    press: float | None = None
    """Shift of the zero moment point towards the toes."""
    height: float | None = None
    """Height relative to the default pose: of the pelvis or the centre of mass, see `Script.height_of`."""
    pelvis: tuple[float, float, float] | None = None
    """Roll, pitch and yaw of the pelvis relative to upright in the heading of the feet on the ground."""
    torso: tuple[float, float, float] | None = None
    """Roll, pitch and yaw of the torso, likewise."""
    left_arm: str | None = None
    """Name of an arm pose (`arms.POSES`)."""
    right_arm: str | None = None
    flight: bool = False
    """No foot touches the ground: the centre of mass follows a parabola, whose height the duration gives."""


@dataclasses.dataclass(frozen=True)
class Script:
    """A built-in clip as data."""

    name: str
    label: str
    """One of `athena_wbc.motion.clip.LABELS`."""
    text: str
    """What is done, as one sentence."""
    phases: tuple[Phase, ...]
    height_of: str = "pelvis"
    """What `Phase.height` moves: "pelvis", or "com" for clips that leave the ground."""

    def __post_init__(self) -> None:
        if self.label not in LABELS:
            raise ValueError(f"{self.name}: label {self.label!r} is none of {LABELS}")
        if self.height_of not in ("pelvis", "com"):
            raise ValueError(f"{self.name}: height_of {self.height_of!r} is neither 'pelvis' nor 'com'")
        if self.height_of != "com" and any(phase.flight for phase in self.phases):
            raise ValueError(f"{self.name}: a flight needs height_of='com'")

    @property
    def duration(self) -> float:
        """Length of the clip, s."""
        return sum(phase.duration for phase in self.phases)


def mirrored(phases: tuple[Phase, ...]) -> tuple[Phase, ...]:
    """The same phases with left and right exchanged."""
    return tuple(
        dataclasses.replace(
            phase,
            left=_mirrored_foot(phase.right),
            right=_mirrored_foot(phase.left),
            weight=None if phase.weight is None else 1.0 - phase.weight,
            pelvis=_mirrored_angles(phase.pelvis),
            torso=_mirrored_angles(phase.torso),
            left_arm=phase.right_arm,
            right_arm=phase.left_arm,
        )
        for phase in phases
    )


def _mirrored_foot(foot: Move) -> Move:
    if foot is None or isinstance(foot, Heel):
        return foot
    changed = {"left": -foot.left, "turn": -foot.turn}
    if isinstance(foot, Air):
        changed["roll"] = -foot.roll
    return dataclasses.replace(foot, **changed)


def _mirrored_angles(angles: tuple[float, float, float] | None) -> tuple[float, float, float] | None:
    return None if angles is None else (-angles[0], angles[1], -angles[2])
