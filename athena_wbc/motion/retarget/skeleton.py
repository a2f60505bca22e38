"""The chain rebuilt: the person's bone directions with the robot's segment lengths, feet on the ground, time kept."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.ndimage import gaussian_filter1d

from athena_wbc.motion.human import unit_vectors
from athena_wbc.motion.retarget.build import POINTS, Build
from athena_wbc.motion.retarget.contacts import Contacts, fade, lock
from athena_wbc.motion.retarget.feet import foot_targets, free_feet, upright_legs
from athena_wbc.motion.retarget.person import Person

_STRETCHED = 0.02
"""Distance of the knee from the line between hip and ankle at which the leg counts as half stretched, m."""

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

    def reversed(self) -> Chain:
        """The chain backwards in time."""
        return Chain(*(getattr(self, field.name)[::-1] for field in dataclasses.fields(self)))

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
    feet = free_feet(person, contacts)
    thigh, shin = unit_vectors(person.knee - person.hip), unit_vectors(person.ankle - person.knee)
    thigh, shin = upright_legs(thigh, shin, feet, contacts, build, person.fps)
    foot_axes = foot_targets(feet, -shin, contacts, build, person.fps)

    def turned(axes: np.ndarray, offset: np.ndarray) -> np.ndarray:
        return np.einsum("tij,...j->t...i", axes, offset)

    hip = turned(person.pelvis_axes, build.hips)
    knee = hip + build.thigh * thigh
    ankle = knee + build.shin * shin
    torso = turned(person.pelvis_axes, build.waist)
    shoulder = torso[:, None] + turned(person.torso_axes, build.shoulders)
    elbow = shoulder + build.upper_arm * unit_vectors(person.elbow - person.shoulder)
    wrist = elbow + build.forearm * unit_vectors(person.wrist - person.elbow)
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
    bend = bend + _STRETCHED * unit_vectors(np.cross(along, left[:, None]))
    return hip + forth * along + out * unit_vectors(bend)


def lowest(axes: np.ndarray, sole: np.ndarray) -> np.ndarray:
    """(T,) height of the lowest sole point relative to the ankle, m."""
    return np.einsum("tj,pj->tp", axes[:, 2], sole).min(axis=1)
