"""How a person of 22 joints meets the floor: heights of the soles, contacts, flights, and the centre of mass.

The floor is at z = 0. Thicknesses of flesh are shares of stature, so that children's and giants' skeletons are judged
alike. Everything is a pure function of the joints and the frame rate.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from athena_wbc.motion.evidence import GRAVITY
from athena_wbc.motion.formats.human import body
from athena_wbc.motion.formats.human.evidence import ANKLE_HEIGHT, TOE_HEIGHT, centre_of_mass, stature
from athena_wbc.motion.retarget.contacts import intervals
from athena_wbc.synthesis.motion import JOINT_NAMES, LEFT_ANKLE, LEFT_FOOT, RIGHT_ANKLE, RIGHT_FOOT, SyntheticMotion

LOW = 0.06
"""A point within this of the floor may bear weight, m: in good recordings feet that stand wander by up to 6 cm."""

SLOW = 0.5
"""A foot that moves faster horizontally bears no weight, m/s; see `motion.features.CONTACT_SPEED`."""

FALL_RANGE = (0.45, 1.6)
"""Accelerations in g with which a body that touches nothing counts as falling freely. Wider than g itself by what
smoothing and the unknown masses of the limbs make of it; a body at rest has 0, and so has one that is carried."""

LEAST_FLESH = 0.01
"""Joints other than those of the feet are at least this share of stature inside the body."""

_FLESH = {
    "pelvis": 0.060, "hip": 0.050, "knee": 0.030, "spine1": 0.060, "spine2": 0.065, "spine3": 0.065, "neck": 0.040,
    "collar": 0.045, "head": 0.060, "shoulder": 0.035, "elbow": 0.025, "wrist": 0.025,
}  # fmt: skip
"""Thickness over which a joint lies above the floor when its part of the body lies on it, as a share of stature."""

_FEET = (LEFT_ANKLE, RIGHT_ANKLE, LEFT_FOOT, RIGHT_FOOT)
_OTHERS = tuple(joint for joint in range(len(JOINT_NAMES)) if joint not in _FEET)
_THICK = np.array([_FLESH[JOINT_NAMES[joint].removeprefix("left_").removeprefix("right_")] for joint in _OTHERS])


@dataclasses.dataclass(frozen=True, eq=False)
class Support:
    """What carries the body in T frames; left comes before right."""

    fps: float
    stature: float
    """m, from the lengths of the limbs."""
    part_height: np.ndarray
    """(T, 2, 2) foot, heel or ball: height of the sole above the floor, m."""
    part_speed: np.ndarray
    """(T, 2, 2) horizontal speed, the lesser of those before and after the frame, m/s."""
    other_height: np.ndarray
    """(T,) height of the lowest other joint less LEAST_FLESH, m."""
    touches: np.ndarray
    """(T,) bool: something other than a foot lies on the floor."""
    com: np.ndarray
    """(T, 3) centre of mass, m."""

    @property
    def foot_height(self) -> np.ndarray:
        """(T, 2) lowest point of either sole, m."""
        return self.part_height.min(axis=2)

    @property
    def lowest(self) -> np.ndarray:
        """(T,) lowest point of the body, m."""
        return np.minimum(self.foot_height.min(axis=1), self.other_height)

    @property
    def contact(self) -> np.ndarray:
        """(T, 2) bool: the foot bears weight: a part of it is low and slow."""
        return ((self.part_height < LOW) & (self.part_speed < SLOW)).any(axis=2)

    @property
    def airborne(self) -> np.ndarray:
        """(T,) bool: nothing is near the floor."""
        return (self.foot_height > LOW).all(axis=1) & ~self.touches

    @property
    def standing(self) -> np.ndarray:
        """(T,) bool: a foot is low, and nothing else lies on the floor."""
        return (self.foot_height < LOW).any(axis=1) & ~self.touches

    @property
    def sliding(self) -> np.ndarray:
        """(T,) horizontal speed of the slowest part of the feet that is low, m/s; zero in frames that do not stand.
        A stance foot, or the ball that a foot pivots on, is still."""
        speed = np.where(self.part_height < LOW, self.part_speed, np.inf).min(axis=(1, 2))
        return np.where(self.standing, speed, 0.0)

    def flights(self) -> list[tuple[int, int, bool]]:
        """Runs of airborne frames as (start, stop, whether the centre of mass falls freely), in order."""
        return [(start, stop, self._falls(start, stop)) for start, stop in intervals(self.airborne)]

    def _falls(self, start: int, stop: int) -> bool:
        # The frames beside a short run belong to the fit: three points make every parabola look exact.
        first, last = (start, stop) if stop - start > 3 else (max(start - 1, 0), min(stop + 1, len(self.com)))
        if last - first < 3:
            return False
        time = np.arange(last - first) / self.fps
        acceleration = -2.0 * np.polyfit(time, self.com[first:last, 2], 2)[0] / GRAVITY
        return bool(FALL_RANGE[0] < acceleration < FALL_RANGE[1])


def find_support(motion: SyntheticMotion) -> Support:
    """Contacts and heights of a motion over the floor at z = 0."""
    positions = motion.positions
    points = {landmark: positions[:, JOINT_NAMES.index(joint)] for landmark, joint in body.LANDMARKS.items()}
    height = stature(points)
    parts = positions[:, _FEET].reshape(-1, 2, 2, 3).swapaxes(1, 2)
    step = np.linalg.norm(np.diff(parts[..., :2], axis=0), axis=-1) * motion.fps
    others = positions[:, _OTHERS, 2]
    return Support(
        fps=motion.fps,
        stature=height,
        part_height=parts[..., 2] - np.array((ANKLE_HEIGHT, TOE_HEIGHT)) * height,
        part_speed=np.minimum(np.concatenate((step[:1], step)), np.concatenate((step, step[-1:]))),
        other_height=others.min(axis=1) - LEAST_FLESH * height,
        touches=(others < _THICK * height + LOW).any(axis=1),
        com=centre_of_mass(points),
    )
