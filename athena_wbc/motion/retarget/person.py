"""A person in every frame: how pelvis, torso and feet are turned, and where the limbs point."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from athena_wbc.errors import AthenaError
from athena_wbc.motion.human import HumanMotion, unit_vectors
from athena_wbc.roles import SIDES

_SHORT = 0.03
"""A lever below this many metres (at a body height of about 1.7 m) does not tell a direction."""

_UP = np.array([0.0, 0.0, 1.0])


@dataclasses.dataclass(frozen=True)
class Person:
    """T frames of a person at `fps`; body axes are x forward, y left, z up (columns), left comes before right."""

    fps: float
    pelvis: np.ndarray
    """(T, 3) middle of the hips, m."""
    pelvis_axes: np.ndarray
    torso_axes: np.ndarray
    """(T, 3, 3)."""
    hip: np.ndarray
    knee: np.ndarray
    ankle: np.ndarray
    """(T, 2, 3) m."""
    toe: np.ndarray | None
    """(T, 2, 3) m; None where the source has no toes."""
    shoulder: np.ndarray
    elbow: np.ndarray
    wrist: np.ndarray
    """(T, 2, 3) m."""
    leg: float
    """Median length of thigh and shin together, m."""

    @property
    def num_frames(self) -> int:
        return len(self.pelvis)

    @property
    def com(self) -> np.ndarray:
        """(T, 3) centre of mass, m, from the segments' shares of a standard adult's mass."""
        # Shares and places after Winter, Biomechanics and Motor Control of Human Movement, table 4.1.
        shoulders = self.shoulder.mean(axis=1)
        total = 0.578 * (0.4 * self.pelvis + 0.6 * shoulders)
        for near, far, share, place in (
            (self.hip, self.knee, 0.100, 0.433),
            (self.knee, self.ankle, 0.061, 0.606),
            (self.shoulder, self.elbow, 0.028, 0.436),
            (self.elbow, self.wrist, 0.022, 0.682),
        ):
            total = total + share * (near + place * (far - near)).sum(axis=1)
        return total


def read_person(motion: HumanMotion, fps: float) -> Person:
    """Resample a motion by cubic splines and find the orientations of its trunk.

    The pelvis is turned as its own children in the skeleton are (hips and first joint of the spine), which move
    rigidly with it; the bend of these short levers against the long axis of the body while it stands upright is a
    property of the skeleton, not of the motion, and is taken off.

    Raises:
        AthenaError: a motion too short for two frames at `fps`, or joints of a limb that coincide.
    """
    frames = int(np.floor(motion.duration * fps + 1e-6)) + 1
    if frames < 2:
        raise AthenaError(f"{motion.name}: lasts {motion.duration:.3f} s, too short for two frames at {fps:g} fps")
    names = list(motion.landmarks)
    points = np.stack([motion.landmark(name) for name in names], axis=1)
    spine = _first_spine_joint(motion)
    if spine is not None:
        points = np.concatenate((points, motion.positions[:, [spine]]), axis=1)
    source = np.arange(motion.num_frames) / motion.fps
    points = CubicSpline(source, points, axis=0)(np.minimum(np.arange(frames) / fps, source[-1]))
    at = {name: points[:, index] for index, name in enumerate(names)}

    def pair(part: str) -> np.ndarray:
        return np.stack([at[f"{side}_{part}"] for side in SIDES], axis=1)

    limbs = {part: pair(part) for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")}
    for first, second in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist")):
        if np.linalg.norm(limbs[first] - limbs[second], axis=2).min() < 1e-3:
            raise AthenaError(f"{motion.name}: {first} and {second} coincide in a frame; check the landmarks")
    hips, shoulders = limbs["hip"].mean(axis=1), limbs["shoulder"].mean(axis=1)
    across_hips = limbs["hip"][:, 0] - limbs["hip"][:, 1]
    across_shoulders = limbs["shoulder"][:, 0] - limbs["shoulder"][:, 1]
    long_axis = at["neck"] - hips if "neck" in at else shoulders - hips
    low = points[:, -1] - hips if spine is not None else None
    high = at["neck"] - at["chest"] if "neck" in at and "chest" in at else None
    if high is not None and np.median(np.linalg.norm(high, axis=1)) < 2.0 * _SHORT:
        high = None
    return Person(
        fps=fps,
        pelvis=hips,
        pelvis_axes=_trunk_axes(across_hips, low, long_axis),
        torso_axes=_trunk_axes(across_shoulders, high, long_axis),
        toe=pair("toe") if all(f"{side}_toe" in at for side in SIDES) else None,
        leg=float(
            np.median(np.linalg.norm(limbs["hip"] - limbs["knee"], axis=2))
            + np.median(np.linalg.norm(limbs["knee"] - limbs["ankle"], axis=2))
        ),
        **limbs,
    )


def axes_of(left: np.ndarray, up: np.ndarray) -> np.ndarray:
    """(..., 3, 3) columns forward, left, up: exactly along `left`, and as near to `up` as that allows."""
    left = unit_vectors(left)
    forward = unit_vectors(np.cross(left, up))
    return np.stack((forward, left, np.cross(forward, left)), axis=-1)


def _first_spine_joint(motion: HumanMotion) -> int | None:
    """The joint above the pelvis that is the pelvis' own child, where the skeleton says so."""
    index = {name: number for number, name in enumerate(motion.joint_names)}
    pelvis = index[motion.landmarks["pelvis"]]
    top = motion.landmarks.get("neck") or motion.landmarks["left_shoulder"]
    joint = index[top]
    while joint >= 0 and motion.parents[joint] != pelvis:
        joint = motion.parents[joint]
    if joint < 0:
        return None
    hips = 0.5 * (motion.landmark("left_hip") + motion.landmark("right_hip"))
    lever = np.linalg.norm(motion.positions[:, joint] - hips, axis=1)
    size = np.median(np.linalg.norm(motion.landmark("left_hip") - motion.landmark("left_knee"), axis=1)) / 0.4
    # The last joint of the spine is no child of the pelvis in a skeleton of few joints: a bend would be lost.
    return joint if np.median(lever) > _SHORT * size and np.ptp(lever) < 0.05 * np.median(lever) else None


def _trunk_axes(left: np.ndarray, lever: np.ndarray | None, long_axis: np.ndarray) -> np.ndarray:
    """(T, 3, 3) turned with a short lever, without its constant lean against the long axis of the body."""
    if lever is None:
        return axes_of(left, long_axis)
    rigid, body = axes_of(left, lever), axes_of(left, long_axis)
    # Both have the same y axis: what is between them is an angle about it.
    lean = np.arctan2((body[..., 2] * rigid[..., 0]).sum(-1), (body[..., 2] * rigid[..., 2]).sum(-1))
    upright = unit_vectors(long_axis)[:, 2] > 0.85
    usual = float(np.median(lean[upright] if upright.mean() > 0.1 else lean))
    return rigid @ Rotation.from_rotvec([0.0, usual, 0.0]).as_matrix()
