"""What a motion itself says about the conventions of its file.

A file may leave out, or state wrongly, the order of its quaternions, the order of its joints and its frame rate. The
motion knows better: a robot stands on its feet, faces where it walks, plants its feet, respects its joint limits, and
falls at g. These measures are pure functions of a clip's arrays; `formats.conventions` decides with them and `check`
reports them. Thresholds were set on 86 real clips (39 ASAP, 43 g1-moves, 3 Kimodo, 1 Unitree), each written in both
quaternion orders and both joint orders; the margins stand beside them.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import math

import numpy as np
import torch
from scipy.ndimage import grey_opening
from scipy.signal import find_peaks

from athena_wbc.embodiment import Embodiment
from athena_wbc.kinematics import Kinematics
from athena_wbc.motion.colliders import surface_points
from athena_wbc.rotations import quat_apply, quat_apply_inverse

GRAVITY = 9.81

DECISIVE = 1.0
"""`compare_readings` above this decides. The right order scored 1.7 or more on every real clip, the wrong one the
negative of it."""

LIMIT_TOLERANCE = 0.02
"""Joint-limit excess in rad that rounding and retargeting solvers leave behind. No real clip exceeds it."""

WRONG_ORDER_EXCESS = 0.1
"""Joint-limit excess in rad that no retargeting leaves but a wrong joint order does (in 54 % of frames or more)."""

MOST_FRAMES = 0.5
"""Share of frames with limits broken by WRONG_ORDER_EXCESS above which the joint order must be wrong."""

MOST_GRAVITY_ERROR = 0.4
"""Share by which free falls may differ from g."""

FLIGHT_RISE = 0.12
"""Height in m that the lowest point of the body rises above both of its neighbouring supports in a flight. Below it
lie the feet that float in video-based clips and the hops of dancers whose retargeted feet stay on the ground, which
fit -0.5 to -7 m/s^2; real jumps reach 0.16 to 0.44."""

FLIGHT_FIT = 0.9
"""Least coefficient of determination of the parabola; a supported phase that rises as far reaches 0.75."""

SMALL_FLIGHT_RISE = 0.04
SMALL_FLIGHT_FIT = 0.9995
"""A rise that is smaller counts when its parabola is exact, as that of a simulated or planned hop is. The supported
phases of the real clips reach 0.9990 at most."""

FLIGHT_CORE = 0.5
"""Share of the rise above which a frame belongs to the core of a flight. Smoothing blurs take-off and landing: the
core of the ASAP jumps fits -8.6 to -10.1 m/s^2, all of the phase -4.9 to -9.8."""

LEAST_FALL = 0.05
"""Acceleration as a share of g below which nothing falls: legs that are pulled up while the body hangs or hovers. It
takes a frame rate that is 4.5 times too low to make a fall as light."""

GROUND_TIME = 1.0
"""Rises of the lowest point that last shorter than this (s) are the body's, longer ones the ground's: a jump of 1.2 m
takes one second. Feet of the ASAP clips float by up to 14 cm for most of a clip, and sink at take-off and landing."""

LEAST_FLIGHT_FRAMES = 5
_CHUNK = 4096
_MOVING = 0.3
_SLIP_FLOOR = 0.01
_UPRIGHT_COSINE = 0.5


@dataclasses.dataclass(frozen=True, eq=False)
class BodyTrace:
    """What the bodies of a clip do, frame by frame, in the world frame. F feet."""

    fps: float
    root_pos: np.ndarray
    """(T, 3) m."""
    upright: np.ndarray
    """(T,) cosine between the root's z axis and the vertical: 1 upright, 0 lying, -1 upside down."""
    forward: np.ndarray
    """(T, 2) horizontal direction of the root's x axis, not normalised."""
    foot_height: np.ndarray
    """(T, F) lowest point of each foot, m."""
    other_height: np.ndarray
    """(T,) lowest point of all other bodies, m."""
    foot_pos: np.ndarray
    """(T, F, 2) horizontal centre of each sole, m."""
    foot_tilt: np.ndarray
    """(T, F) angle between each sole's normal and the vertical, rad."""
    com: np.ndarray
    """(T, 3) centre of mass, m."""

    @property
    def lowest(self) -> np.ndarray:
        """(T,) lowest point of the whole body, m."""
        return np.minimum(self.foot_height.min(axis=1), self.other_height)

    def foot_speed(self) -> np.ndarray:
        """(T - 1, F) horizontal speed of each foot between frames, m/s."""
        return np.linalg.norm(np.diff(self.foot_pos, axis=0), axis=2) * self.fps

    def at(self, fps: float) -> BodyTrace:
        """The same frames at another rate."""
        return dataclasses.replace(self, fps=fps)


def trace_bodies(
    embodiment: Embodiment, root_pos: np.ndarray, root_quat: np.ndarray, joint_pos: np.ndarray, fps: float
) -> BodyTrace:
    """Forward kinematics of T frames, reduced to what the checks need.

    Args:
        root_pos: (T, 3) m. root_quat: (T, 4) scalar last, unit. joint_pos: (T, J) rad in canonical order.
        fps: frames a second.
    """
    arrays = [np.ascontiguousarray(array, dtype=np.float64) for array in (root_pos, root_quat, joint_pos)]
    parts = [
        _trace_part(embodiment, *(array[start : start + _CHUNK] for array in arrays))
        for start in range(0, len(root_pos), _CHUNK)
    ]
    joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    return BodyTrace(fps=fps, root_pos=arrays[0], **joined)


def _trace_part(
    embodiment: Embodiment, root_pos: np.ndarray, root_quat: np.ndarray, joint_pos: np.ndarray
) -> dict[str, np.ndarray]:
    """The arrays of a `BodyTrace` for a few thousand frames."""
    model, shape = _model(embodiment), _shape(embodiment, joint_pos)
    x, y, z, w = root_quat.T
    turn = _rotation_matrix(root_quat)
    surface = np.matmul(turn, shape.surface)
    surface += root_pos[:, :, None]
    height = surface[:, 2] - model.radius
    centre = np.stack([surface[:, :2, mask].mean(axis=2) for mask in model.of_foot], axis=1)
    sole_up = np.einsum("tj,tjf->tf", turn[:, 2], shape.sole_up)
    return {
        "upright": 1.0 - 2.0 * (x * x + y * y),
        "forward": np.stack((1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + w * z)), axis=1),
        "foot_height": np.stack([height[:, mask].min(axis=1) for mask in model.of_foot], axis=1),
        "other_height": height[:, model.others].min(axis=1) if model.others.any() else np.full(len(height), np.inf),
        "foot_pos": centre,
        "foot_tilt": np.arccos(sole_up.clip(-1.0, 1.0)),
        "com": root_pos + np.einsum("tij,tj->ti", turn, shape.com),
    }


@dataclasses.dataclass(frozen=True, eq=False)
class _Model:
    """What all traces of a robot share."""

    kinematics: Kinematics
    body: np.ndarray
    offset: torch.Tensor
    radius: np.ndarray
    of_foot: list[np.ndarray]
    others: np.ndarray
    feet: torch.Tensor
    sole_up: torch.Tensor
    share: torch.Tensor
    com_offset: torch.Tensor


@dataclasses.dataclass(frozen=True, eq=False)
class _Shape:
    """Where things are in the root's frame: what a motion looks like whatever its root does."""

    surface: np.ndarray
    """(T, 3, P) surface points, m."""
    com: np.ndarray
    """(T, 3) m."""
    sole_up: np.ndarray
    """(T, 3, F) normals of the soles."""


_models: dict[str, _Model] = {}
_last_shape: tuple[tuple[str, bytes], _Shape] | None = None


def _model(embodiment: Embodiment) -> _Model:
    if embodiment.hash not in _models:
        points = surface_points(embodiment)
        kinematics = Kinematics(embodiment, dtype=torch.float64)
        feet = torch.as_tensor(embodiment.body_index(embodiment.feet))
        _models[embodiment.hash] = _Model(
            kinematics=kinematics,
            body=points.body,
            offset=torch.as_tensor(points.offset),
            radius=points.radius,
            of_foot=[points.foot == foot for foot in range(len(embodiment.feet))],
            others=points.foot < 0,
            feet=feet,
            sole_up=_sole_up(embodiment, kinematics, feet),
            share=torch.as_tensor(embodiment.body_mass / embodiment.body_mass.sum()),
            com_offset=torch.as_tensor(embodiment.body_com),
        )
    return _models[embodiment.hash]


def _shape(embodiment: Embodiment, joint_pos: np.ndarray) -> _Shape:
    """The shape of a motion (T, J). The last one is kept: a file is judged in two readings, then its clip measured."""
    global _last_shape
    key = (embodiment.hash, hashlib.sha256(joint_pos).digest())
    if _last_shape is None or _last_shape[0] != key:
        _last_shape = (key, _compute_shape(_model(embodiment), torch.from_numpy(np.array(joint_pos))))
    return _last_shape[1]


def _compute_shape(model: _Model, joint_pos: torch.Tensor) -> _Shape:
    zero = joint_pos.new_zeros(len(joint_pos), 3)
    upright = torch.cat((zero, zero.new_ones(len(zero), 1)), dim=1)
    pos, quat = model.kinematics.forward(zero, upright, joint_pos)
    surface = pos[:, model.body] + quat_apply(quat[:, model.body], model.offset)
    com = ((pos + quat_apply(quat, model.com_offset)) * model.share[:, None]).sum(dim=1)
    sole_up = quat_apply(quat[:, model.feet], model.sole_up)
    return _Shape(*(array.numpy() for array in (surface.mT.contiguous(), com, sole_up.mT.contiguous())))


def _rotation_matrix(quat: np.ndarray) -> np.ndarray:
    """(T, 4) unit, scalar last -> (T, 3, 3)."""
    x, y, z, w = quat.T
    rows = (
        (1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)),
        (2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)),
        (2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)),
    )
    return np.stack([np.stack(row, axis=1) for row in rows], axis=1)


def ground_height(trace: BodyTrace, window: float = GROUND_TIME) -> np.ndarray:
    """(T,) m: the lowest point of the body without its rises shorter than `window` s (a morphological opening)."""
    return grey_opening(trace.lowest, size=2 * round(0.5 * window * trace.fps) + 1, mode="nearest")


def _sole_up(embodiment: Embodiment, kinematics: Kinematics, feet: torch.Tensor) -> torch.Tensor:
    """(F, 3) the direction in each foot's frame that points up while the robot stands in its default pose."""
    up = torch.tensor((0.0, 0.0, 1.0), dtype=torch.float64)
    root_quat = torch.tensor((0.0, 0.0, 0.0, 1.0), dtype=torch.float64)
    _, quat = kinematics.forward(
        torch.zeros(3, dtype=torch.float64), root_quat, torch.as_tensor(embodiment.default_joint_pos)
    )
    return quat_apply_inverse(quat[feet], up)


@dataclasses.dataclass(frozen=True)
class Posture:
    """How plausible one reading of the root's orientation is."""

    upright: float
    """Share of frames within 60 degrees of the vertical."""
    slip: float
    """Median horizontal speed of the lower foot, m/s."""
    tilt: float
    """Median tilt of the lower foot, rad."""
    facing: float
    """Mean cosine between heading and horizontal velocity, weighted with the speed; 0 where nothing moves."""
    moving: float
    """Share of frames that move faster than 0.3 m/s."""


def posture(trace: BodyTrace) -> Posture:
    """Measure a reading; see `compare_readings`."""
    span = min(max(1, round(trace.fps / 4)), len(trace.root_pos) - 1)
    velocity = (trace.root_pos[span:] - trace.root_pos[:-span])[:, :2] * (trace.fps / span)
    forward = trace.forward[span // 2 : span // 2 + len(velocity)]
    speed, length = np.linalg.norm(velocity, axis=1), np.linalg.norm(forward, axis=1)
    moves = (speed > _MOVING) & (length > 1e-6)
    facing = 0.0
    if moves.any():
        # The speed-weighted mean of cosines: sum of v . f / |f| over the sum of |v|.
        along = (velocity[moves] * forward[moves]).sum(axis=1) / length[moves]
        facing = float(along.sum() / speed[moves].sum())
    lower = trace.foot_height.argmin(axis=1)
    frames = np.arange(len(lower))
    return Posture(
        upright=float((trace.upright > _UPRIGHT_COSINE).mean()),
        slip=float(np.median(trace.foot_speed()[frames[:-1], lower[:-1]])),
        tilt=float(np.median(trace.foot_tilt[frames, lower])),
        facing=facing,
        moving=float(moves.mean()),
    )


def compare_readings(one: Posture, other: Posture) -> float:
    """Evidence for `one` against `other`, positive where the first is the more plausible.

    The sum of four comparisons, each about 1 where it is clear: upright frames (2 for all against none), slip of the
    stance foot (in octaves, above a floor of 1 cm/s), tilt of the stance foot (20 degrees), and heading along the
    velocity (counted in full where a fifth of the frames or more move). Slip tells walking backwards from a
    heading that is turned round: planted feet stay planted only in the right reading.
    """
    slip = math.log2((other.slip + _SLIP_FLOOR) / (one.slip + _SLIP_FLOOR))
    tilt = (other.tilt - one.tilt) / math.radians(20.0)
    facing = (one.facing - other.facing) * min(1.0, one.moving / 0.2)
    return 2.0 * (one.upright - other.upright) + slip + tilt + facing


def describe_posture(reading: Posture) -> str:
    """The evidence of a reading in words, for an error or a history."""
    words = []
    if reading.upright < 0.5:
        words.append(f"the robot lies or hangs upside down in {1.0 - reading.upright:.0%} of the frames")
    if reading.moving > 0.05 and reading.facing < -0.5:
        words.append(f"it faces backwards against its own velocity (mean cosine {reading.facing:.2f})")
    words.append(f"its stance foot slides at {reading.slip:.2f} m/s, tilted {math.degrees(reading.tilt):.0f} deg")
    return ", ".join(words)


def limit_excess(embodiment: Embodiment, joint_pos: np.ndarray) -> np.ndarray:
    """(T, J) rad by which each joint is beyond its limits, zero within them."""
    below, above = embodiment.joint_lower - joint_pos, joint_pos - embodiment.joint_upper
    return np.maximum(np.maximum(below, above), 0.0)


@functools.lru_cache(maxsize=16)
def breadth_first_joints(embodiment: Embodiment) -> tuple[str, ...]:
    """Joint names in breadth-first order of the tree, as PhysX (Isaac Gym, Isaac Lab) lists them."""
    joint_of = {int(body): name for body, name in zip(embodiment.joint_body, embodiment.joint_names, strict=True)}
    return tuple(joint_of[body] for body in breadth_first_bodies(embodiment) if body in joint_of)


def breadth_first_bodies(embodiment: Embodiment) -> list[int]:
    """Indices of the bodies in breadth-first order."""
    order, level = [], [0]
    while level:
        order += level
        level = [child for body in level for child, parent in enumerate(embodiment.body_parents) if parent == body]
    return order


@dataclasses.dataclass(frozen=True)
class Flight:
    """The core of a phase in which nothing touches the ground, and the parabola of its centre of mass."""

    start: int
    stop: int
    """One past the last frame."""
    rise: float
    """How far the lowest point rises above the higher of its two supports, m."""
    acceleration: float
    """Vertical, m/s^2; -9.81 in a free fall."""
    deviation: float
    """Standard error of the acceleration, m/s^2."""
    fit: float
    """Coefficient of determination of the parabola."""


def find_flights(trace: BodyTrace) -> list[Flight]:
    """Phases in which the whole body is off the ground, with rising and falling sides, in order of time.

    Only peaks of the body's lowest point count that stand out from the supports on both sides (FLIGHT_RISE), so a
    constant offset of the ground, feet that float, and a robot on its hands are no flights. The parabola is fitted by
    least squares to the height of the centre of mass over the core of the phase; a core that does not rise first and
    fall then, or that is no parabola, is left out.
    """
    return flights_of(trace.lowest, trace.com[:, 2], trace.fps)


def flights_of(lowest: np.ndarray, com: np.ndarray, fps: float) -> list[Flight]:
    """`find_flights` from the heights alone: lowest point (T,) and centre of mass (T,), m."""
    peaks, found = find_peaks(lowest, prominence=SMALL_FLIGHT_RISE)
    flights: list[Flight] = []
    for peak, rise in zip(peaks, found["prominences"], strict=True):
        airborne = lowest > lowest[peak] - rise * (1.0 - FLIGHT_CORE)
        before = np.flatnonzero(~airborne[:peak])
        after = np.flatnonzero(~airborne[peak:])
        start = int(before[-1]) + 1 if len(before) else 0
        stop = int(peak + after[0]) if len(after) else len(lowest)
        if stop - start < LEAST_FLIGHT_FRAMES or (flights and flights[-1].start == start):
            continue
        parabola = _fit_parabola(com[start:stop], fps)
        if parabola is None:
            continue
        acceleration, deviation, fit = parabola
        if fit >= (FLIGHT_FIT if rise >= FLIGHT_RISE else SMALL_FLIGHT_FIT):
            flights.append(Flight(start, stop, float(rise), acceleration, deviation, fit))
    return flights


def _fit_parabola(height: np.ndarray, fps: float) -> tuple[float, float, float] | None:
    """Acceleration, its standard error, and the fit; None where the phase does not rise first and fall then."""
    time = (np.arange(len(height)) - 0.5 * (len(height) - 1)) / fps
    design = np.stack((np.ones_like(time), time, 0.5 * time * time), axis=1)
    solution = np.linalg.lstsq(design, height, rcond=None)[0]
    residual = height - design @ solution
    spread = float(((height - height.mean()) ** 2).sum())
    rises, falls = solution[1] + solution[2] * time[0] > 0.0, solution[1] + solution[2] * time[-1] < 0.0
    if not (rises and falls) or spread <= 0.0 or solution[2] > -LEAST_FALL * GRAVITY:
        return None
    variance = float(residual @ residual) / max(len(height) - 3, 1)
    covariance = variance * np.linalg.inv(design.T @ design)
    fit = 1.0 - float(residual @ residual) / spread
    return float(solution[2]), math.sqrt(max(covariance[2, 2], 0.0)), fit


@dataclasses.dataclass(frozen=True)
class Fall:
    """How the flights of a clip fall, taken together."""

    acceleration: float
    """Median over the flights, m/s^2."""
    deviation: float
    """Its standard error, m/s^2."""
    flights: int

    @property
    def error(self) -> float:
        """Share by which the fall is heavier (positive) or lighter (negative) than g."""
        return -self.acceleration / GRAVITY - 1.0

    @property
    def is_wrong(self) -> bool:
        """Beyond MOST_GRAVITY_ERROR by more than two standard errors."""
        return abs(self.error) > MOST_GRAVITY_ERROR + 2.0 * self.deviation / GRAVITY

    def fitting_fps(self, fps: float) -> float:
        """The frame rate at which the same frames would fall at g; acceleration goes with the rate squared."""
        return fps * math.sqrt(GRAVITY / -self.acceleration)


def measure_fall(flights: list[Flight]) -> Fall | None:
    """The fall of a clip, or None where it has no flight and so nothing can be concluded."""
    if not flights:
        return None
    acceleration = float(np.median([flight.acceleration for flight in flights]))
    deviation = float(np.median([flight.deviation for flight in flights])) / math.sqrt(len(flights))
    return Fall(acceleration, deviation, len(flights))
