"""What detectors of moves look at: where limbs are over time and how they move, in the body's own heading."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d, minimum_filter1d

from athena_wbc.motion.human import unit_vectors
from athena_wbc.synthesis.ground import Support, find_support
from athena_wbc.synthesis.human_features import FEATURE_FPS, at_rate, body_axes, turns
from athena_wbc.synthesis.motion import JOINT_NAMES, PELVIS, SyntheticMotion

USUAL = 1.7
"""Stature in m that lengths in detectors are meant for; others are scaled to it."""


def ramp(values: np.ndarray | float, low: float, high: float) -> np.ndarray:
    """0 at `low` and beyond, 1 at `high` and beyond, straight between; `low` may be the greater one."""
    return np.clip((np.asarray(values) - low) / (high - low), 0.0, 1.0)


@dataclasses.dataclass(frozen=True, eq=False)
class Signals:
    """Courses over T frames at FEATURE_FPS. Lengths as for a person of 1.7 m; left comes before right.

    The heading frame has x where the trunk's front points horizontally, y to its left, z up.
    """

    fps: float
    support: Support
    pelvis: np.ndarray
    """(T, 3) m."""
    axes: np.ndarray
    """(T, 3, 3) front, left and up of the trunk in columns, world frame."""
    foot: np.ndarray
    """(T, 2, 3) ball of the foot from the pelvis, heading frame."""
    ankle: np.ndarray
    knee: np.ndarray
    hip: np.ndarray
    shoulder: np.ndarray
    elbow: np.ndarray
    wrist: np.ndarray
    head: np.ndarray
    """(T, 3) from the pelvis, heading frame."""
    foot_height: np.ndarray
    """(T, 2) sole over the floor."""
    standing: float
    """Height of the pelvis over stretched legs."""
    tempo: float
    """Speeds and rates are divided by it: what is asked to be slow need not be fast."""
    yaw: np.ndarray
    """(T,) turns, see `human_features.turns`; pitch forwards and roll to the right are positive."""
    pitch: np.ndarray
    roll: np.ndarray

    @property
    def frames(self) -> int:
        """T."""
        return len(self.pelvis)

    @functools.cached_property
    def crouch(self) -> np.ndarray:
        """(T,) height of the pelvis by that of stretched legs."""
        return self.pelvis[:, 2] / self.standing

    @functools.cached_property
    def arm(self) -> float:
        """Length of the arm from shoulder to wrist."""
        upper = np.linalg.norm(self.elbow - self.shoulder, axis=2)
        return float(np.median(upper) + np.median(np.linalg.norm(self.wrist - self.elbow, axis=2)))

    @functools.cached_property
    def reach(self) -> np.ndarray:
        """(T, 2, 3) wrist from the shoulder in lengths of the arm."""
        return (self.wrist - self.shoulder) / self.arm

    @functools.cached_property
    def extension(self) -> np.ndarray:
        """(T, 2) distance of wrist and shoulder in lengths of the arm."""
        return np.linalg.norm(self.reach, axis=2)

    @functools.cached_property
    def hand_speed(self) -> np.ndarray:
        """(T, 2) of the wrist against the shoulder, m/s."""
        return np.linalg.norm(self.rate(self.wrist - self.shoulder), axis=2)

    @functools.cached_property
    def foot_speed(self) -> np.ndarray:
        """(T, 2) of the ball of the foot against the pelvis, m/s."""
        return np.linalg.norm(self.rate(self.foot), axis=2)

    @functools.cached_property
    def travel(self) -> np.ndarray:
        """(T, 2) velocity of the pelvis over the ground to the front and to the left, smoothed over 0.15 s, m/s."""
        way = gaussian_filter1d(self.pelvis[:, :2], 0.15 * self.fps, axis=0, mode="nearest")
        velocity = self.rate(way)
        front = _horizontal(self.axes[:, :, 0])
        return np.stack(
            (
                (velocity * front[:, :2]).sum(axis=1),
                velocity[:, 1] * front[:, 0] - velocity[:, 0] * front[:, 1],
            ),
            axis=1,
        )

    @functools.cached_property
    def speed(self) -> np.ndarray:
        """(T,) of the pelvis over the ground, m/s."""
        return np.linalg.norm(self.travel, axis=1)

    @functools.cached_property
    def upright(self) -> np.ndarray:
        """(T,) height of the trunk's unit vector."""
        return self.axes[:, 2, 2]

    @functools.cached_property
    def lean(self) -> np.ndarray:
        """(T, 2) lean of the trunk to the front and to the left, rad."""
        front = _horizontal(self.axes[:, :, 0])
        left = np.stack((-front[:, 1], front[:, 0], front[:, 2]), axis=1)
        up = self.axes[:, :, 2]
        return np.stack(
            [np.arctan2((up * side).sum(axis=1), np.maximum(up[:, 2], 0.0) + 1e-6) for side in (front, left)], axis=1
        )

    @functools.cached_property
    def alone(self) -> np.ndarray:
        """(T, 2) 0 to 1: this foot carries the body alone, the other one is lifted."""
        other = self.foot_height[:, ::-1]
        down = ramp(self.foot_height, 0.10, 0.05)
        return down * ramp(other, 0.06, 0.14) * (~self.support.touches)[:, None]

    @functools.cached_property
    def flight(self) -> np.ndarray:
        """(T,) length in s of the free flight that a frame belongs to, else 0."""
        out = np.zeros(self.frames)
        for start, stop, falls in self.support.flights():
            if falls:
                out[start:stop] = (stop - start) / self.fps
        return out

    @functools.cached_property
    def bounce(self) -> np.ndarray:
        """(T,) 0 to 1: the centre of mass falls about at g, however little the feet are off the floor."""
        height = gaussian_filter1d(self.support.com[:, 2], 1.0, mode="nearest")
        acceleration = np.gradient(np.gradient(height, 1.0 / self.fps), 1.0 / self.fps)
        return ramp(-acceleration, 4.5, 8.0)

    def rate(self, values: np.ndarray) -> np.ndarray:
        """Derivative in time by central differences, by the tempo."""
        return np.gradient(values, 1.0 / self.fps, axis=0) / self.tempo

    def around(self, values: np.ndarray, seconds: float) -> np.ndarray:
        """Greatest value within `seconds` before or after each frame."""
        return maximum_filter1d(values, 2 * round(seconds * self.fps) + 1, axis=0, mode="nearest")

    def change(self, values: np.ndarray, seconds: float) -> np.ndarray:
        """Signed change over a window of `seconds` about each frame; the window is cut at the ends."""
        half = max(1, round(0.5 * seconds * self.fps))
        index = np.arange(self.frames)
        return values[np.minimum(index + half, self.frames - 1)] - values[np.maximum(index - half, 0)]

    def spread(self, values: np.ndarray, seconds: float) -> np.ndarray:
        """Greatest less least value in a window of `seconds` about each frame."""
        size = 2 * max(1, round(0.5 * seconds * self.fps)) + 1
        return maximum_filter1d(values, size, mode="nearest") - minimum_filter1d(values, size, mode="nearest")

    def lasting(self, values: np.ndarray, seconds: float) -> np.ndarray:
        """Mean in a window of `seconds` about each frame: high where a state lasts that long."""
        size = min(2 * max(1, round(0.5 * seconds * self.fps)) + 1, 2 * ((self.frames - 1) // 2) + 1)
        padded = np.pad(values, size // 2, mode="edge")
        return np.convolve(padded, np.ones(size) / size, mode="valid")


def find_signals(motion: SyntheticMotion, tempo: float = 1.0) -> Signals:
    """Signals of a motion over the floor at z = 0.

    Args:
        tempo: at which the motion is to be done; above 1 speeds count as they are.
    """
    motion = at_rate(motion, FEATURE_FPS)
    support = find_support(motion)
    size = USUAL / support.stature
    positions = motion.positions * size
    axes = body_axes(positions)
    front = _horizontal(axes[:, :, 0])
    left = np.stack((-front[:, 1], front[:, 0], np.zeros(len(front))), axis=1)
    up = np.zeros_like(front)
    up[:, 2] = 1.0
    heading = np.stack((front, left, up), axis=1)
    local = np.einsum("tij,tkj->tki", heading, positions - positions[:, [PELVIS]])

    def pair(part: str) -> np.ndarray:
        return local[:, [JOINT_NAMES.index(f"{side}_{part}") for side in ("left", "right")]]

    limbs = {part: pair(part) for part in ("foot", "ankle", "knee", "hip", "shoulder", "elbow", "wrist")}
    leg = np.median(np.linalg.norm(limbs["knee"] - limbs["hip"], axis=2))
    leg += np.median(np.linalg.norm(limbs["ankle"] - limbs["knee"], axis=2))
    yaw, pitch, roll = turns(motion)
    return Signals(
        fps=motion.fps,
        support=support,
        pelvis=positions[:, PELVIS],
        axes=axes,
        head=local[:, JOINT_NAMES.index("head")],
        foot_height=support.foot_height * size,
        standing=float(leg + 0.09 + 0.08),
        tempo=min(tempo, 1.0),
        yaw=yaw,
        pitch=pitch,
        roll=roll,
        **limbs,
    )


def _horizontal(vectors: np.ndarray) -> np.ndarray:
    """Unit vectors (T, 3) along the ground."""
    return unit_vectors(vectors * (1.0, 1.0, 0.0))
