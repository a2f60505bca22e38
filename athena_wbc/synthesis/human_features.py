"""How fast, how high, how much turned: the kinematics of a person in numbers.

Filters, the kinematic judge, schedulers and the analysis of loops all read these. Derivatives depend on the frame rate
that they are taken at, so a motion is brought to :data:`FEATURE_FPS` first, whatever its own rate.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from athena_wbc.motion.human import unit_vectors
from athena_wbc.synthesis.ground import Support, find_support
from athena_wbc.synthesis.motion import JOINT_NAMES, PARENTS, PELVIS, SyntheticMotion

FEATURE_FPS = 30.0
"""Rate at which derivatives are taken, frames a second: that of CLAIMS."""

STILL = 0.1
"""Mean speed of the joints below which the body holds still, m/s."""

INVERTED = -0.5
"""Height of the trunk's unit vector below which it is upside down: 120 degrees of tilt; lying is 90."""

LEAST_SWING = 30.0
"""Turns to and fro by less are sway, degrees."""

FASTEST = 6
"""Joints whose mean speed tells bursts: a punch moves no more of them."""

BURST_RISE, LEAST_BURST = 0.25, 0.2
"""By how much a burst stands out of what lies around it: as a share of the 95th percentile of that speed, and at least
by the second, m/s."""

_SMOOTH = 0.1


@dataclasses.dataclass(frozen=True)
class HumanFeatures:
    """Statistics of one motion in SI units. Joint speeds are those of the 22 joints in the world frame."""

    duration: float
    """s."""
    joint_speed_mean: float
    """Over joints and frames, m/s."""
    joint_speed_p95: float
    joint_acc_mean: float
    """m/s^2."""
    joint_acc_p95: float
    joint_jerk_mean: float
    """m/s^3."""
    joint_jerk_p95: float
    root_speed_mean: float
    """Horizontal speed of the pelvis, m/s."""
    root_speed_p95: float
    path_length: float
    """Way of the pelvis over the ground, smoothed over 0.1 s, m."""
    displacement: float
    """From the first place of the pelvis to the farthest one, horizontally, m."""
    height_min: float
    """Pelvis above the floor, m."""
    height_max: float
    height_range: float
    airtime: float
    """Nothing near the floor, falling freely or not, s."""
    ballistic: float
    """The part of it in which the centre of mass falls freely, s."""
    flights: int
    """Free flights."""
    longest_flight: float
    """s."""
    single_support: float
    """Share of frames in which one foot alone bears the weight."""
    longest_single_support: float
    """s."""
    yaw_net: float
    """Turn about the vertical from first to last frame, turns, positive to the left."""
    yaw_turned: float
    """Turned about the vertical altogether, sway left out, turns."""
    pitch_turned: float
    """Range of the turn about the body's left-right axis, turns: 1 is a whole forward or back somersault."""
    roll_turned: float
    """Range of the turn about the body's front-back axis, turns: 1 is a whole cartwheel."""
    inverted: float
    """Share of frames with the trunk upside down."""
    hand_height_max: float
    """Higher wrist above the floor, m."""
    foot_height_max: float
    """Higher sole above the floor, m."""
    hand_speed_max: float
    """Wrist, world frame, m/s."""
    foot_speed_max: float
    """Ball of the foot, world frame, m/s."""
    left_contact: float
    """Share of frames in which the foot bears weight."""
    right_contact: float
    contact_switches: int
    """Touch-downs and lift-offs of both feet together; contacts and gaps of less than 0.1 s do not count."""
    bursts: int
    """Peaks of the mean speed of the fastest joints: how many distinct efforts there are."""
    still: float
    """Share of frames in which the body holds still."""


FEATURES = tuple(field.name for field in dataclasses.fields(HumanFeatures))


def at_rate(motion: SyntheticMotion, fps: float) -> SyntheticMotion:
    """The motion at another frame rate; the last part of a frame is cut.

    The pelvis and the directions of the bones follow cubic splines through the joints; lengths of bones lie on straight
    lines between those of the frames. Joints on straight lines would cut the corners of a swinging limb and so shorten
    it: of an arm of 0.6 m at 10 rad/s and 20 frames a second by 2 cm.
    """
    if fps == motion.fps:
        return motion
    return motion.replace(positions=joints_at_rate(motion.positions, motion.fps, fps), fps=fps)


def joints_at_rate(joints: np.ndarray, given: float, fps: float) -> np.ndarray:
    """(T, 22, 3) joints at `given` frames a second as (two or more, 22, 3) at `fps`; see :func:`at_rate`."""
    if given == fps:
        return joints
    source = np.arange(len(joints)) / given
    frames = max(int(np.floor(source[-1] * fps + 1e-6)) + 1, 2)
    at = np.minimum(np.arange(frames) / fps, source[-1])
    splined = CubicSpline(source, joints, axis=0)(at)
    positions = splined.copy()
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            length = np.linalg.norm(joints[:, joint] - joints[:, parent], axis=1)
            bone = unit_vectors(splined[:, joint] - splined[:, parent])
            positions[:, joint] = positions[:, parent] + np.interp(at, source, length)[:, None] * bone
    return positions


def human_features(motion: SyntheticMotion) -> HumanFeatures:
    """The features of a motion over the floor at z = 0."""
    motion = at_rate(motion, FEATURE_FPS)
    support = find_support(motion)
    positions, fps = motion.positions, motion.fps
    velocity = np.gradient(positions, 1.0 / fps, axis=0)
    speed = np.linalg.norm(velocity, axis=2)
    acceleration = np.linalg.norm(_differences(positions, 2, fps), axis=2)
    jerk = np.linalg.norm(_differences(positions, 3, fps), axis=2)
    root = positions[:, PELVIS]
    root_speed = np.linalg.norm(velocity[:, PELVIS, :2], axis=1)
    path = gaussian_filter1d(root[:, :2], _SMOOTH * fps, axis=0, mode="nearest")
    flights = support.flights()
    contact = support.contact
    alone = (contact.sum(axis=1) == 1) & ~support.touches
    yaw, pitch, roll = turns(motion)
    wrists = [JOINT_NAMES.index(f"{side}_wrist") for side in ("left", "right")]
    feet = [JOINT_NAMES.index(f"{side}_foot") for side in ("left", "right")]
    mean_speed = speed.mean(axis=1)
    return HumanFeatures(
        duration=motion.duration,
        joint_speed_mean=float(speed.mean()),
        joint_speed_p95=_high(speed),
        joint_acc_mean=float(acceleration.mean()),
        joint_acc_p95=_high(acceleration),
        joint_jerk_mean=float(jerk.mean()),
        joint_jerk_p95=_high(jerk),
        root_speed_mean=float(root_speed.mean()),
        root_speed_p95=_high(root_speed),
        path_length=float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum()),
        displacement=float(np.linalg.norm(root[:, :2] - root[0, :2], axis=1).max()),
        height_min=float(root[:, 2].min()),
        height_max=float(root[:, 2].max()),
        height_range=float(np.ptp(root[:, 2])),
        airtime=sum(stop - start for start, stop, _ in flights) / fps,
        ballistic=sum(stop - start for start, stop, falls in flights if falls) / fps,
        flights=sum(falls for *_, falls in flights),
        longest_flight=max((stop - start for start, stop, falls in flights if falls), default=0) / fps,
        single_support=float(alone.mean()),
        longest_single_support=longest_run(alone) / fps,
        yaw_net=float(yaw[-1] - yaw[0]),
        yaw_turned=swings(yaw),
        pitch_turned=float(np.ptp(pitch)),
        roll_turned=float(np.ptp(roll)),
        inverted=float((trunk_up(positions)[:, 2] < INVERTED).mean()),
        hand_height_max=float(positions[:, wrists, 2].max()),
        foot_height_max=float(support.foot_height.max()),
        hand_speed_max=float(speed[:, wrists].max()),
        foot_speed_max=float(speed[:, feet].max()),
        left_contact=float(contact[:, 0].mean()),
        right_contact=float(contact[:, 1].mean()),
        contact_switches=_switches(support),
        bursts=_bursts(speed, fps),
        still=float((mean_speed < STILL).mean()),
    )


def trunk_up(positions: np.ndarray) -> np.ndarray:
    """(T, 3) unit vectors from the pelvis to the neck."""
    return unit_vectors(positions[:, JOINT_NAMES.index("neck")] - positions[:, PELVIS])


def body_axes(positions: np.ndarray) -> np.ndarray:
    """(T, 3, 3) axes of the trunk in columns: front, left, up; left is that of hips and shoulders together."""
    up = trunk_up(positions)
    sides = {
        part: positions[:, JOINT_NAMES.index(f"left_{part}")] - positions[:, JOINT_NAMES.index(f"right_{part}")]
        for part in ("hip", "shoulder")
    }
    front = unit_vectors(np.cross(sides["hip"] + sides["shoulder"], up))
    return np.stack((front, np.cross(up, front), up), axis=2)


def turns(motion: SyntheticMotion) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three (T,) courses in turns since the first frame: yaw about the vertical while the trunk stands within 60
    degrees of it, pitch about the body's left-right axis, roll about its front-back axis.

    The body's rates between frames are split among these axes and added up, so that a somersault counts for one whole
    turn, where angles of Euler would jump, and a spin with a leaning trunk is all yaw.
    """
    axes = body_axes(motion.positions)
    step = np.einsum("tij,tik->tjk", axes[:-1], axes[1:])
    twice = np.stack((step[:, 2, 1] - step[:, 1, 2], step[:, 0, 2] - step[:, 2, 0], step[:, 1, 0] - step[:, 0, 1]), 1)
    sine = 0.5 * np.linalg.norm(twice, axis=1)
    angle = np.arctan2(sine, 0.5 * (np.trace(step, axis1=1, axis2=2) - 1.0))
    rates = twice * (0.5 * angle / np.maximum(sine, 1e-9))[:, None]
    vertical = 0.5 * (axes[:-1, 2] + axes[1:, 2])
    upright = np.abs(vertical[:, 2]) > 0.5
    yaw = np.where(upright, (rates * vertical).sum(axis=1), 0.0)
    rates -= yaw[:, None] * vertical
    courses = (yaw, rates[:, 1], rates[:, 0])
    total = [np.concatenate(([0.0], np.cumsum(course))) / (2.0 * np.pi) for course in courses]
    return total[0], total[1], total[2]


def swings(turned: np.ndarray) -> float:
    """Sum of the swings of a course (T,) in turns, those below LEAST_SWING left out."""
    least = LEAST_SWING / 360.0
    found = np.concatenate(
        [find_peaks(sign * turned, prominence=least, plateau_size=(None, None))[0] for sign in (1.0, -1.0)]
    )
    marks = turned[np.concatenate(([0], np.sort(found), [len(turned) - 1]))]
    steps = np.abs(np.diff(marks))
    return float(steps[steps >= least].sum())


def longest_run(mask: np.ndarray) -> int:
    """Frames of the longest run of true ones."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return int((edges[1::2] - edges[0::2]).max()) if len(edges) else 0


def _differences(positions: np.ndarray, order: int, fps: float) -> np.ndarray:
    """(T - order, J, 3) derivative by plain differences; zeros where the motion is too short for one."""
    if len(positions) <= order:
        return np.zeros((1, *positions.shape[1:]))
    return np.diff(positions, order, axis=0) * fps**order


def _switches(support: Support) -> int:
    kernel = max(3, 2 * round(0.05 * support.fps) + 1)
    kept = np.stack([_majority(support.contact[:, side], kernel) for side in (0, 1)], axis=1)
    return int((kept[1:] != kept[:-1]).sum())


def _majority(mask: np.ndarray, kernel: int) -> np.ndarray:
    """What most frames of a window say, which drops runs of less than half of it."""
    padded = np.pad(mask.astype(float), kernel // 2, mode="edge")
    return np.convolve(padded, np.ones(kernel), mode="valid") > kernel / 2


def _bursts(speed: np.ndarray, fps: float) -> int:
    fastest = np.sort(speed, axis=1)[:, -FASTEST:].mean(axis=1)
    smooth = gaussian_filter1d(fastest, _SMOOTH * fps, mode="nearest")
    rise = max(LEAST_BURST, BURST_RISE * float(np.percentile(smooth, 95.0)))
    # What begins or ends in full speed is a peak as well, and an even speed is one burst.
    return len(find_peaks(np.concatenate(([0.0], smooth, [0.0])), prominence=rise)[0])


def _high(values: np.ndarray) -> float:
    return float(np.percentile(values, 95.0))
