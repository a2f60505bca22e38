"""The chain rebuilt: the person's bone directions with the robot's segment lengths, feet on the ground, time kept."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from athena_wbc.motion.retarget.build import POINTS, Build
from athena_wbc.motion.retarget.contacts import Contacts, fade, intervals, lock
from athena_wbc.motion.retarget.person import Person, axes_of, unit

FOOT_FADE = 0.12
"""Time over which a foot turns from its own orientation into that of a planted foot, s."""

_STRETCHED = 0.02
"""Distance of the knee from the line between hip and ankle at which the leg counts as half stretched, m."""

_UP = np.array([0.0, 0.0, 1.0])
_SIDED = {
    part: [POINTS.index(f"left_{part}"), POINTS.index(f"right_{part}")]
    for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
}
_PELVIS, _TORSO = POINTS.index("pelvis"), POINTS.index("torso")


@dataclasses.dataclass(frozen=True)
class Chain:
    """What the robot is to do in T frames. Rotations are of body axes, see `Build`."""

    points: np.ndarray
    """(T, 14, 3) POINTS in the world frame, m."""
    pelvis_axes: np.ndarray
    torso_axes: np.ndarray
    """(T, 3, 3)."""
    foot_axes: np.ndarray
    """(T, 2, 3, 3)."""

    def clearance(self, build: Build) -> np.ndarray:
        """(T, 2) height of the lowest point of either sole, m."""
        ankles = self.points[:, build.ankles, 2]
        return ankles + np.stack([lowest(self.foot_axes[:, side], build.soles[side]) for side in (0, 1)], axis=1)

    def moved(self, points: np.ndarray) -> Chain:
        """The chain with its points elsewhere."""
        return dataclasses.replace(self, points=points)


def rebuild(person: Person, contacts: Contacts, build: Build, scale: float) -> Chain:
    """The free chain: bone directions of the person, lengths of the robot, root by the scaled path of the pelvis.

    The height of the root is the one at which the lower foot is as far above the ground as the person's, scaled.

    Args:
        scale: robot's leg length by the person's.
    """
    frames = person.num_frames
    points = np.zeros((frames, len(POINTS), 3))
    foot_axes = _foot_axes(person, contacts, build)

    def turned(axes: np.ndarray, offset: np.ndarray) -> np.ndarray:
        return np.einsum("tij,...j->t...i", axes, offset)

    hip = turned(person.pelvis_axes, build.hips)
    knee = hip + build.thigh * unit(person.knee - person.hip)
    ankle = knee + build.shin * unit(person.ankle - person.knee)
    torso = turned(person.pelvis_axes, build.waist)
    shoulder = torso[:, None] + turned(person.torso_axes, build.shoulders)
    elbow = shoulder + build.upper_arm * unit(person.elbow - person.shoulder)
    wrist = elbow + build.forearm * unit(person.wrist - person.elbow)
    for part, value in zip(_SIDED, (hip, knee, ankle, shoulder, elbow, wrist), strict=True):
        points[:, _SIDED[part]] = value
    points[:, _TORSO] = torso
    # Where the root is, for either foot to be where it should; the lower foot counts.
    hang = np.stack([lowest(foot_axes[:, side], build.soles[side]) for side in (0, 1)], axis=1) + ankle[..., 2]
    clearance = np.maximum(contacts.clearance, 0.0) * scale
    clearance[contacts.planted] = 0.0
    share = np.exp(-clearance / 0.02) + 1e-6
    height = ((clearance - hang) * share).sum(axis=1) / share.sum(axis=1)
    root = np.concatenate((scale * (person.pelvis[:, :2] - person.pelvis[0, :2]), height[:, None]), axis=1)
    root[:, :2] += person.pelvis[0, :2]
    # The pelvis' point is not the middle of the hips.
    root[:, :2] -= turned(person.pelvis_axes, build.hips.mean(axis=0))[:, :2]
    return Chain(points + root[:, None], person.pelvis_axes, person.torso_axes, foot_axes)


def plant(chain: Chain, contacts: Contacts, build: Build, fps: float) -> Chain:
    """The chain with its planted feet locked and no foot below the ground, and the body moved along with them."""
    points = chain.points.copy()
    ankles = _SIDED["ankle"]
    moved = np.zeros((len(points), 2, 3))
    weight = np.zeros((len(points), 2))
    for side in (0, 1):
        free, rotation, sole = points[:, ankles[side]], chain.foot_axes[:, side], build.soles[side]
        planted = contacts.planted[:, side]
        locked = lock(free, rotation, sole, planted, fps)
        locked[:, 2] = np.maximum(locked[:, 2], -lowest(rotation, sole))
        moved[:, side] = locked - free
        weight[:, side] = fade(planted, 0.15 * fps)
        points[:, ankles[side]] = locked
    # The body follows what its standing feet were moved by, slowly.
    total = weight.sum(axis=1)
    share = np.where(total[:, None] > 0.0, weight / np.maximum(total, 1e-9)[:, None], 0.0)
    follow = (share[..., None] * moved).sum(axis=1) * np.minimum(total, 1.0)[:, None]
    follow = gaussian_filter1d(follow, 0.1 * fps, axis=0, mode="nearest")
    body = [index for index in range(len(POINTS)) if index not in ankles]
    points[:, body] += follow[:, None]
    points[:, _SIDED["knee"]] = _knees(points, chain.pelvis_axes[:, :, 1], build)
    return chain.moved(points)


def _knees(points: np.ndarray, left: np.ndarray, build: Build) -> np.ndarray:
    """(T, 2, 3) knees between hip and ankle at the right lengths, bent the way they were.

    A stretched leg has no such way: it bends forward, across the axis (T, 3) that points to the left.
    """
    hip, knee, ankle = (points[:, _SIDED[part]] for part in ("hip", "knee", "ankle"))
    along = ankle - hip
    distance = np.clip(np.linalg.norm(along, axis=2, keepdims=True), 1e-6, None)
    along = along / distance
    distance = np.clip(distance, abs(build.thigh - build.shin) + 1e-6, build.thigh + build.shin)
    forth = (build.thigh**2 - build.shin**2 + distance**2) / (2.0 * distance)
    out = np.sqrt(np.maximum(build.thigh**2 - forth**2, 0.0))
    bend = knee - hip
    bend = bend - (bend * along).sum(axis=2, keepdims=True) * along
    bend = bend + _STRETCHED * unit(np.cross(along, left[:, None]))
    return hip + forth * along + out * unit(bend)


def lowest(axes: np.ndarray, sole: np.ndarray) -> np.ndarray:
    """(T,) height of the lowest sole point relative to the ankle, m."""
    return np.einsum("tj,pj->tp", axes[:, 2], sole).min(axis=1)


def _foot_axes(person: Person, contacts: Contacts, build: Build) -> np.ndarray:
    """(T, 2, 3, 3) body axes of the feet: the person's in the air, level or on an edge while planted."""
    feet = []
    for side in (0, 1):
        shin = unit(person.knee[:, side] - person.ankle[:, side])
        free = _free_foot(person, contacts, side, shin)
        planted = contacts.planted[:, side]
        level = _level(free)
        # On the heel or on the toes the sole keeps its pitch; flat, it has none.
        pitch = _pitch(free, np.broadcast_to(_UP, shin.shape))
        pitch = np.where(contacts.flat[:, side], 0.0, pitch)
        heel_only = contacts.heel[:, side] & ~contacts.toe[:, side]
        pitch = np.where(heel_only, np.clip(pitch, -1.5, 0.0), np.clip(pitch, 0.0, 1.5))
        pitch = pitch * (1.0 - fade(contacts.flat[:, side], 0.06 * person.fps))
        standing = level @ Rotation.from_rotvec(np.outer(pitch, (0.0, 1.0, 0.0))).as_matrix()
        standing = _quiet(standing, planted, person.fps)
        weight = fade(planted, FOOT_FADE * person.fps)
        axes = _blend(free, standing, weight)
        # What the ankle cannot turn is not asked for, unless the sole stands flat.
        pitch = _pitch(axes, shin)
        excess = pitch - np.clip(pitch, *build.ankle_pitch)
        excess *= 1.0 - fade(contacts.flat[:, side], 0.06 * person.fps)
        feet.append(axes @ Rotation.from_rotvec(np.outer(-excess, (0.0, 1.0, 0.0))).as_matrix())
    return np.stack(feet, axis=1)


def _free_foot(person: Person, contacts: Contacts, side: int, shin: np.ndarray) -> np.ndarray:
    """(T, 3, 3) axes of a foot from its own direction and the shin; x along the sole."""
    if person.toe is None:
        return axes_of(person.pelvis_axes[:, :, 1], shin)
    direction = unit(person.toe[:, side] - person.ankle[:, side])
    left = np.cross(shin, direction)
    # A foot stretched along the shin has no side of its own: the pelvis' is the nearest.
    weak = np.linalg.norm(left, axis=1, keepdims=True) < 0.2
    left = unit(np.where(weak, person.pelvis_axes[:, :, 1], left))
    forward = unit(direction - (direction * left).sum(axis=1, keepdims=True) * left)
    axes = np.stack((forward, left, np.cross(forward, left)), axis=2)
    slope = np.arcsin(np.clip(-direction[:, 2], -1.0, 1.0))
    flat = contacts.flat[:, side] if contacts.flat[:, side].mean() > 0.05 else contacts.flat.any(axis=1)
    usual = float(np.median(slope[flat])) if flat.any() else 0.5
    # The ankle lies above the ball of the foot: the sole is level when this line falls by the usual slope.
    return axes @ Rotation.from_rotvec([0.0, -usual, 0.0]).as_matrix()


def _level(axes: np.ndarray) -> np.ndarray:
    """Axes with z up that have the same left; a foot on its toes points straight down, and has no heading itself."""
    left = axes[:, :, 1] * (1.0, 1.0, 0.0)
    return axes_of(left, np.broadcast_to(_UP, left.shape))


def _pitch(axes: np.ndarray, up: np.ndarray) -> np.ndarray:
    """(T,) angle by which x points down, against the plane across `up` (T, 3), rad in (-pi, pi]."""
    forward = unit(np.cross(axes[:, :, 1], up))
    return np.arctan2(-(axes[:, :, 0] * up).sum(axis=1), (axes[:, :, 0] * forward).sum(axis=1))


def _quiet(axes: np.ndarray, planted: np.ndarray, fps: float) -> np.ndarray:
    """Axes whose heading stands still in every contact in which it turns by less than 25 degrees."""
    heading = np.unwrap(np.arctan2(axes[:, 1, 0], axes[:, 0, 0]))
    change = np.zeros_like(heading)
    for start, stop in intervals(planted):
        part = heading[start:stop]
        if np.ptp(part) < 0.44:
            change[start:stop] = np.median(part) - part
        else:
            change[start:stop] = gaussian_filter1d(part, 0.05 * fps, mode="nearest") - part
    return Rotation.from_rotvec(np.outer(change, _UP)).as_matrix() @ axes


def _blend(first: np.ndarray, second: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Rotations (T, 3, 3) between two, along the shorter arc."""
    between = Rotation.from_matrix(np.swapaxes(first, 1, 2) @ second).as_rotvec()
    return first @ Rotation.from_rotvec(between * weight[:, None]).as_matrix()
