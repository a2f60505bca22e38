"""A human motion: joint positions over time, whatever the file that they came from.

Readers of human formats return it and retargeting takes it. Skeletons differ in names, number and order of joints; what
they share are the :data:`LANDMARKS`, so every reader says which of its joints is which landmark, and nothing behind it
needs to know a format.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from athena_wbc.errors import AthenaError, suggest

SIDED = ("hip", "knee", "ankle", "toe", "shoulder", "elbow", "wrist")
"""Landmarks that a body has twice."""

LANDMARKS = ("pelvis", "chest", "neck", "head", *(f"{side}_{part}" for side in ("left", "right") for part in SIDED))
"""Points of a body that retargeting knows. ``toe`` is the ball of the foot, ``chest`` the spine at the shoulders."""

REQUIRED = tuple(name for name in LANDMARKS if name not in ("chest", "neck", "head", "left_toe", "right_toe"))
"""Landmarks without which there is no whole body."""


def unit_vectors(vectors: np.ndarray) -> np.ndarray:
    """Vectors (..., 3) of length one; zero vectors stay."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


@dataclasses.dataclass(frozen=True)
class HumanMotion:
    """Joint positions of one person, in m, z up, with the landmarks among them.

    Raises:
        AthenaError: arrays that do not fit together, a value that is not finite, an unknown or missing landmark.
    """

    name: str
    fps: float
    positions: np.ndarray
    """(T, J, 3) float64, world frame, z up, m."""
    joint_names: tuple[str, ...]
    """J names, as the source has them."""
    parents: tuple[int, ...]
    """(J,) index of each joint's parent in ``joint_names``, -1 for roots; markers have no parents."""
    landmarks: Mapping[str, str]
    """Landmark -> name of the joint that marks it; :data:`REQUIRED` are all there."""
    rotations: np.ndarray | None = None
    """(T, J, 4) xyzw orientation of every joint in the world frame, where the source has orientations."""
    source: str = ""
    licence: str = ""
    label: str = ""
    text: str = ""
    history: tuple[str, ...] = ()
    """How the file was understood, and what was done to the motion since."""

    def __post_init__(self) -> None:
        shape, joints = self.positions.shape, len(self.joint_names)
        if len(shape) != 3 or shape[1:] != (joints, 3) or len(self.parents) != joints:
            raise AthenaError(
                f"{self.name}: positions have shape {shape} for {joints} joints and {len(self.parents)} parents; "
                "expected (frames, joints, 3)"
            )
        if shape[0] < 2:
            raise AthenaError(f"{self.name}: has {shape[0]} frame(s); a motion needs two or more")
        if not self.fps > 0.0:
            raise AthenaError(f"{self.name}: fps must be positive, is {self.fps:g}")
        for array, what in ((self.positions, "positions"), (self.rotations, "rotations")):
            if array is not None and not np.isfinite(array).all():
                frame = int(np.argwhere(~np.isfinite(array))[0, 0])
                raise AthenaError(f"{self.name}: {what}: not finite at frame {frame}; repair or trim the source")
        for landmark, joint in self.landmarks.items():
            if landmark not in LANDMARKS:
                raise AthenaError(f"{self.name}: landmark {suggest(landmark, LANDMARKS)}")
            if joint not in self.joint_names:
                raise AthenaError(f"{self.name}: landmark '{landmark}': joint {suggest(joint, self.joint_names)}")
        missing = [landmark for landmark in REQUIRED if landmark not in self.landmarks]
        if missing:
            raise AthenaError(
                f"{self.name}: no joint for {', '.join(missing)} among {', '.join(self.joint_names[:30])}; "
                "a whole body is needed"
            )

    @property
    def num_frames(self) -> int:
        """Number of frames T."""
        return len(self.positions)

    @property
    def duration(self) -> float:
        """Seconds from the first to the last frame."""
        return (self.num_frames - 1) / self.fps

    def landmark(self, name: str) -> np.ndarray | None:
        """Return the positions (T, 3) of a landmark, None where the source does not have it."""
        joint = self.landmarks.get(name)
        return None if joint is None else self.positions[:, self.joint_names.index(joint)]

    def replace(self, **changes: Any) -> HumanMotion:
        """Return a copy with other values."""
        return dataclasses.replace(self, **changes)
