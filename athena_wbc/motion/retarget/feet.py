"""How feet are turned: as the person's in the air, level or on an edge while planted, within what the ankle can do."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from athena_wbc.motion.human import unit_vectors
from athena_wbc.motion.retarget.build import Build
from athena_wbc.motion.retarget.contacts import Contacts, fade, intervals, smoothstep
from athena_wbc.motion.retarget.person import Person, axes_of

FOOT_FADE = 0.12
"""Time over which a foot turns from its own orientation into that of a planted foot, s."""

MOST_UPRIGHTING = 0.35
"""Most that a standing leg is turned towards the vertical, rad."""

MOST_TOE_OUT = 0.35
"""Most that a foot turns out or in against the plane of hip, knee and ankle, rad."""

STEADY = 0.44
"""A planted foot that turns by less than this does not turn, rad: the rest is noise and the slip of bare feet."""

_UP = np.array([0.0, 0.0, 1.0])


def free_feet(person: Person, contacts: Contacts) -> np.ndarray:
    """(T, 2, 3, 3) body axes of the person's feet, level where a foot usually stands."""
    return np.stack([_free_foot(person, contacts, side) for side in (0, 1)], axis=1)


def upright_legs(
    thigh: np.ndarray, shin: np.ndarray, feet: np.ndarray, contacts: Contacts, build: Build, fps: float
) -> tuple[np.ndarray, np.ndarray]:
    """Directions of thighs and shins (T, 2, 3), outwards, with legs upright enough for their feet to stand flat.

    The ankles of robots roll less than those of people. A leg that leans to the side by more than the ankle has, over
    a foot that stands flat, turns about its hip towards the vertical: the feet stand nearer together, and flat.
    """
    thigh, shin = thigh.copy(), shin.copy()
    for side in (0, 1):
        level = _level(feet[:, side])
        lean = _angle(-shin[:, side], level[:, :, 1], level[:, :, 2])
        lower, upper = _roll_range(build, side)
        # A level foot under a shin that leans to its left is rolled against it with its left side up.
        excess = lean - np.clip(lean, lower, upper)
        excess = np.clip(excess, -MOST_UPRIGHTING, MOST_UPRIGHTING) * fade(contacts.flat[:, side], 0.2 * fps)
        excess = gaussian_filter1d(excess, 0.05 * fps, mode="nearest")
        turn = Rotation.from_rotvec(excess[:, None] * level[:, :, 0])
        thigh[:, side], shin[:, side] = turn.apply(thigh[:, side]), turn.apply(shin[:, side])
    return thigh, shin


def foot_targets(feet: np.ndarray, shin: np.ndarray, contacts: Contacts, build: Build, fps: float) -> np.ndarray:
    """(T, 2, 3, 3) axes of the robot's feet.

    Args:
        feet: (T, 2, 3, 3) axes of the person's, see `free_feet`.
        shin: (T, 2, 3) unit vectors from ankle to knee of the robot.
    """
    out = np.empty_like(feet)
    for side in (0, 1):
        free, flat = feet[:, side], contacts.flat[:, side]
        level = _level(free)
        # On the heel or on the toes the sole keeps its pitch; flat, it has none.
        pitch = _pitch(free, np.broadcast_to(_UP, free.shape[:2]))
        heel_only = contacts.heel[:, side] & ~contacts.toe[:, side]
        pitch = np.where(heel_only, np.clip(pitch, -1.5, 0.0), np.clip(pitch, 0.0, 1.5))
        pitch = pitch * (1.0 - fade(flat, 0.06 * fps))
        standing = _quiet(_turned(level, pitch, 1), contacts.planted[:, side], fps)
        axes = _blend(free, standing, fade(contacts.planted[:, side], FOOT_FADE * fps))
        # What the ankle cannot turn is not asked for: the foot comes up on its toes, its heel or its edge.
        up = shin[:, side]
        pitch = _pitch(axes, up)
        axes = _turned(axes, np.clip(pitch, *build.ankle_pitch) - pitch, 1)
        roll = _angle(up, axes[:, :, 1], axes[:, :, 2])
        axes = _turned(axes, np.clip(roll, *_roll_range(build, side)) - roll, 0)
        out[:, side] = axes
    return out


def _free_foot(person: Person, contacts: Contacts, side: int) -> np.ndarray:
    """(T, 3, 3) axes of a foot from its own direction and the shin; x along the sole."""
    shin = unit_vectors(person.knee[:, side] - person.ankle[:, side])
    if person.toe is None:
        return axes_of(person.pelvis_axes[:, :, 1], shin)
    direction = unit_vectors(person.toe[:, side] - person.ankle[:, side])
    left = np.cross(shin, direction)
    # A foot stretched along the shin has no side of its own: the pelvis' is the nearest.
    weak = np.linalg.norm(left, axis=1, keepdims=True) < 0.2
    left = unit_vectors(np.where(weak, person.pelvis_axes[:, :, 1], left))
    forward = unit_vectors(direction - (direction * left).sum(axis=1, keepdims=True) * left)
    axes = np.stack((forward, left, np.cross(forward, left)), axis=2)
    axes = _in_line_with_the_knee(axes, person, side, shin)
    slope = np.arcsin(np.clip(-direction[:, 2], -1.0, 1.0))
    flat = contacts.flat[:, side] if contacts.flat[:, side].mean() > 0.05 else contacts.flat.any(axis=1)
    usual = float(np.median(slope[flat])) if flat.any() else 0.5
    # The ankle lies above the ball of the foot: the sole is level when this line falls by the usual slope.
    return _turned(axes, np.full(len(axes), -usual), 1)


def _in_line_with_the_knee(axes: np.ndarray, person: Person, side: int, shin: np.ndarray) -> np.ndarray:
    """Axes turned about the shin so that they toe out by MOST_TOE_OUT at most, where a bent knee says what is straight.

    Shins of people twist, those of robots do not: a foot that turns out takes the knee along.
    """
    normal = np.cross(unit_vectors(person.knee[:, side] - person.hip[:, side]), -shin)
    bend = np.linalg.norm(normal, axis=1)
    ahead = np.cross(normal, shin)
    out = np.arctan2((axes[:, :, 1] * -ahead).sum(axis=1), (axes[:, :, 1] * normal).sum(axis=1))
    excess = (out - np.clip(out, -MOST_TOE_OUT, MOST_TOE_OUT)) * smoothstep((bend - 0.2) / 0.4)
    return Rotation.from_rotvec(-excess[:, None] * shin).as_matrix() @ axes


def _level(axes: np.ndarray) -> np.ndarray:
    """Axes with z up that have the same left; a foot on its toes points straight down, and has no heading itself."""
    left = axes[:, :, 1] * (1.0, 1.0, 0.0)
    return axes_of(left, np.broadcast_to(_UP, left.shape))


def _pitch(axes: np.ndarray, up: np.ndarray) -> np.ndarray:
    """(T,) angle by which x points down, against the plane across `up` (T, 3), rad in (-pi, pi]."""
    forward = unit_vectors(np.cross(axes[:, :, 1], up))
    return np.arctan2(-(axes[:, :, 0] * up).sum(axis=1), (axes[:, :, 0] * forward).sum(axis=1))


def _angle(vector: np.ndarray, sine: np.ndarray, cosine: np.ndarray) -> np.ndarray:
    """(T,) angle of vectors in the plane of two axes, rad."""
    return np.arctan2((vector * sine).sum(axis=1), (vector * cosine).sum(axis=1))


def _roll_range(build: Build, side: int) -> tuple[float, float]:
    """Of the foot against the shin about its x axis; the right foot is the mirror image of the left."""
    lower, upper = build.ankle_roll
    return (lower, upper) if side == 0 else (-upper, -lower)


def _quiet(axes: np.ndarray, planted: np.ndarray, fps: float) -> np.ndarray:
    """Axes whose heading stands still in every contact in which it turns by less than STEADY."""
    heading = np.unwrap(np.arctan2(axes[:, 1, 0], axes[:, 0, 0]))
    change = np.zeros_like(heading)
    for start, stop in intervals(planted):
        part = heading[start:stop]
        quiet = np.median(part) if np.ptp(part) < STEADY else gaussian_filter1d(part, 0.05 * fps, mode="nearest")
        change[start:stop] = quiet - part
    return Rotation.from_rotvec(np.outer(change, _UP)).as_matrix() @ axes


def _turned(axes: np.ndarray, angle: np.ndarray, about: int) -> np.ndarray:
    """(T, 3, 3) turned by angles (T,) about one of their own axes."""
    return axes @ Rotation.from_rotvec(np.outer(angle, np.eye(3)[about])).as_matrix()


def _blend(first: np.ndarray, second: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Rotations (T, 3, 3) between two, along the shorter arc."""
    between = Rotation.from_matrix(np.swapaxes(first, 1, 2) @ second).as_rotvec()
    return first @ Rotation.from_rotvec(between * weight[:, None]).as_matrix()
