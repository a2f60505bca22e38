"""What kind of motion a clip is: inexpensive statistics of its kinematics (Athena-WBC, App. A.4).

They sort a corpus; they do not judge whether a robot could do the motion. Heights are above the ground that the clip
itself stands on (see `ground_height`), since retargeted feet float and sink by more than a step is high. Thresholds
were set on 82 real clips of the G1 (39 ASAP, 43 g1-moves) and on the built-in ones.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from athena_wbc.embodiment import Embodiment
from athena_wbc.errors import AthenaError
from athena_wbc.motion.check import CONTACT_HEIGHT, FLOAT_HEIGHT
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.evidence import BodyTrace, ground_height, trace_bodies

CONTACT_SPEED = 0.5
"""A foot within FLOAT_HEIGHT of the ground bears no weight while it moves faster than this (m/s, horizontally): the
swing foot of a shuffling walk passes at 1 m/s, a stance foot that skates stays below."""

INVERTED = math.radians(120.0)
"""The root is upside down beyond this tilt; lying is 90 degrees."""

HIGH_PERCENTILE = 95.0
"""The percentile of a 'high' statistic, over frames and, for joints, over joints."""

DIFFERENCE_TIME = 1.0 / 30.0
"""Joint accelerations are second differences over this time (s), whatever the frame rate, so that the noise of a clip
at 120 fps does not count for sixteen times that of one at 30."""


@dataclasses.dataclass(frozen=True)
class MotionFeatures:
    """Statistics of one clip in SI units; every `_ratio` is a share of frames."""

    duration: float
    """s."""
    height_mean: float
    """Root above the ground, m."""
    height_min: float
    height_range: float
    """Highest minus lowest root, m."""
    tilt_mean: float
    """Angle between the root's z axis and the vertical, rad."""
    tilt_high: float
    inversion_ratio: float
    """Root tilted beyond INVERTED."""
    speed_mean: float
    """Horizontal speed of the root, m/s."""
    speed_high: float
    ang_vel_mean: float
    """Angular speed of the root, rad/s."""
    ang_vel_high: float
    left_contact_ratio: float
    """Foot within FLOAT_HEIGHT (3 cm) of the ground and slower than CONTACT_SPEED."""
    right_contact_ratio: float
    single_support_ratio: float
    """Exactly one foot bears weight, and nothing else touches."""
    flight_ratio: float
    """The whole body is more than FLOAT_HEIGHT above the ground."""
    non_foot_contact_ratio: float
    """Something other than a foot is within CONTACT_HEIGHT (2 cm) of the ground; a standing G1 has its ankles at 3."""
    joint_vel_high: float
    """Joint speeds, rad/s."""
    joint_acc_high: float
    """Joint accelerations, rad/s^2."""


FEATURES = tuple(field.name for field in dataclasses.fields(MotionFeatures))
"""Names of the features, in the order of the tables."""


def motion_features(clip: MotionClip, embodiment: Embodiment) -> MotionFeatures:
    """The features of a clip.

    Args:
        clip: a motion of the robot; its joints are matched by name.
        embodiment: a robot with two feet.

    Raises:
        AthenaError: joints that do not belong to the robot, fewer than three frames, a robot without two feet.
    """
    clip = clip.for_embodiment(embodiment)
    if clip.num_frames < 3:
        raise AthenaError(f"{clip.name}: has {clip.num_frames} frames; accelerations need three, leave it out")
    if len(embodiment.feet) != 2:
        raise AthenaError(f"robot '{embodiment.name}': feet: are {len(embodiment.feet)}; support features need two")
    trace = trace_bodies(embodiment, clip.root_pos, clip.root_quat, clip.joint_pos, clip.fps)
    ground = ground_height(trace)
    bears = foot_contacts(trace, ground)
    touches = trace.other_height < ground + CONTACT_HEIGHT
    height = clip.root_pos[:, 2] - ground
    tilt = np.arccos(trace.upright.clip(-1.0, 1.0))
    speed = np.linalg.norm(clip.root_lin_vel[:, :2], axis=1)
    spin = np.linalg.norm(clip.root_ang_vel, axis=1)
    left, right = _left_first(embodiment)
    return MotionFeatures(
        duration=clip.duration,
        height_mean=float(height.mean()),
        height_min=float(height.min()),
        height_range=float(np.ptp(height)),
        tilt_mean=float(tilt.mean()),
        tilt_high=_high(tilt),
        inversion_ratio=float((tilt > INVERTED).mean()),
        speed_mean=float(speed.mean()),
        speed_high=_high(speed),
        ang_vel_mean=float(spin.mean()),
        ang_vel_high=_high(spin),
        left_contact_ratio=float(bears[:, left].mean()),
        right_contact_ratio=float(bears[:, right].mean()),
        single_support_ratio=float(((bears.sum(axis=1) == 1) & ~touches).mean()),
        flight_ratio=float((trace.lowest > ground + FLOAT_HEIGHT).mean()),
        non_foot_contact_ratio=float(touches.mean()),
        joint_vel_high=_high(np.abs(clip.joint_vel)),
        joint_acc_high=_high(np.abs(_joint_acc(clip))),
    )


def foot_contacts(trace: BodyTrace, ground: np.ndarray) -> np.ndarray:
    """(T, F) whether each foot bears weight: low, and slow over the intervals on both sides of the frame.

    Args:
        ground: (T,) as of `ground_height`.
    """
    between = trace.foot_speed()
    speed = np.maximum(np.concatenate((between[:1], between)), np.concatenate((between, between[-1:])))
    return (trace.foot_height < ground[:, None] + FLOAT_HEIGHT) & (speed < CONTACT_SPEED)


def _joint_acc(clip: MotionClip) -> np.ndarray:
    """(T - 2h, J) rad/s^2: second differences over h frames, about DIFFERENCE_TIME."""
    frames = min(max(1, round(clip.fps * DIFFERENCE_TIME)), (clip.num_frames - 1) // 2)
    pos = clip.joint_pos
    return (pos[2 * frames :] - 2.0 * pos[frames:-frames] + pos[: -2 * frames]) * (clip.fps / frames) ** 2


def _left_first(embodiment: Embodiment) -> tuple[int, int]:
    """Indices of the left and the right foot, told by the word in their names, else in the robot's order."""
    return (1, 0) if "left" in embodiment.feet[1].lower() else (0, 1)


def _high(values: np.ndarray) -> float:
    return float(np.percentile(values, HIGH_PERCENTILE))
