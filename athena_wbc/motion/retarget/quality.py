"""How good a retargeted clip is, and the bar below which it is refused."""

from __future__ import annotations

import dataclasses

import numpy as np

from athena_wbc.motion.evidence import flights_of, measure_fall
from athena_wbc.motion.retarget.build import POINTS, Build
from athena_wbc.motion.retarget.contacts import Contacts
from athena_wbc.motion.retarget.ground import measure_heights
from athena_wbc.motion.spikes import JUMP_SPEED

NEAR_LIMIT = 1e-3
"""A joint counts as at its limit within this of the (narrowed) range, rad."""


@dataclasses.dataclass(frozen=True)
class Bar:
    """What a clip must keep to be written. A value of infinity switches a line off."""

    error_mean: float = 0.05
    """Mean distance of a point from the rebuilt chain, m."""
    error_worst: float = 0.25
    """Greatest distance of any point in any frame, m."""
    limit_violations: int = 0
    """Joint angles beyond the robot's limits."""
    slide_median: float = 0.05
    """Median speed of planted feet, m/s."""
    penetration: float = 0.02
    """Depth of the deepest point below the ground, m."""
    root_jumps: int = 0
    """Single-frame jumps of the root, as in the motion check."""
    wrong_falls: int = 0
    """1 where the flights fall so far off g that no command would read the clip."""


@dataclasses.dataclass(frozen=True)
class Quality:
    """Figures of one clip. Lengths in m, speeds in m/s and rad/s, shares from 0 to 1."""

    frames: int
    error_mean: float
    """Over all points and frames, against the chain with its feet planted and its heights set."""
    error_p95: float
    error_worst: float
    worst_point: str
    """Where, and at which frame, the worst error is."""
    worst_frame: int
    limit_violations: int
    limit_share: float
    """Share of frames in which some joint is at its limit."""
    planted_share: float
    """Share of frames with a planted foot."""
    slide_median: float
    slide_p95: float
    """Horizontal speed of the middle of the sole while the whole sole is planted."""
    penetration: float
    hover_p95: float
    """Height of the lowest point in the frames with a planted foot, 95th percentile."""
    joint_speed_p99: float
    joint_speed_max: float
    joint_speed_share: float
    """Greatest joint speed by its limit."""
    root_jumps: int
    wrong_falls: int
    flights: int

    def as_dict(self) -> dict:
        """The figures as plain values, for JSON."""
        return dataclasses.asdict(self)

    def reasons(self, bar: Bar) -> list[str]:
        """What is below the bar, in words; empty where the clip is good enough."""
        found = []
        for field in dataclasses.fields(Bar):
            value, most = getattr(self, field.name), getattr(bar, field.name)
            if value > most:
                found.append(f"{field.name} {value:.3g} is above {most:.3g}")
        return found


def measure_quality(
    build: Build,
    qpos: np.ndarray,
    reached: np.ndarray,
    wanted: np.ndarray,
    contacts: Contacts,
    flights: int,
    fps: float,
) -> Quality:
    """Measure a solution.

    Args:
        qpos: (T, nq) configurations.
        reached: (T, 14, 3) where its POINTS are, m.
        wanted: (T, 14, 3) where the chain has them, m.
        contacts: of the person.
        flights: how many there are.
    """
    embodiment = build.embodiment
    error = np.linalg.norm(reached - wanted, axis=2)
    frame, point = np.unravel_index(error.argmax(), error.shape)
    joints = qpos[:, 7:]
    beyond = (joints < embodiment.joint_lower) | (joints > embodiment.joint_upper)
    lower, upper = build.model.jnt_range[1:, 0], build.model.jnt_range[1:, 1]
    at_limit = ((joints < lower + NEAR_LIMIT) | (joints > upper - NEAR_LIMIT)).any(axis=1)
    speed = np.abs(np.diff(joints, axis=0)) * fps
    heights = measure_heights(build, qpos)
    stands = contacts.flat[1:] & contacts.flat[:-1]
    slide = (np.linalg.norm(np.diff(heights.sole[..., :2], axis=0), axis=2) * fps)[stands]
    planted = contacts.planted.any(axis=1)
    fall = measure_fall(flights_of(heights.lowest, heights.com[:, 2], fps))
    step = np.diff(qpos[:, :3], axis=0)
    usual = 0.5 * (np.roll(step, 1, axis=0) + np.roll(step, -1, axis=0))
    jumps = np.linalg.norm(step - usual, axis=1)[1:-1] * fps > JUMP_SPEED
    return Quality(
        frames=len(qpos),
        error_mean=float(error.mean()),
        error_p95=float(np.percentile(error, 95.0)),
        error_worst=float(error.max()),
        worst_point=POINTS[int(point)],
        worst_frame=int(frame),
        limit_violations=int(beyond.sum()),
        limit_share=float(at_limit.mean()),
        planted_share=float(planted.mean()),
        slide_median=float(np.median(slide)) if len(slide) else 0.0,
        slide_p95=float(np.percentile(slide, 95.0)) if len(slide) else 0.0,
        penetration=float(max(0.0, -heights.lowest.min())),
        hover_p95=float(np.percentile(heights.lowest[planted], 95.0)) if planted.any() else 0.0,
        joint_speed_p99=float(np.percentile(speed, 99.0)),
        joint_speed_max=float(speed.max()),
        joint_speed_share=float((speed / embodiment.velocity_limit).max()),
        root_jumps=int(jumps.sum()),
        wrong_falls=int(fall is not None and fall.is_wrong),
        flights=flights,
    )
