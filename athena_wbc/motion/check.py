"""What is wrong with a motion as a reference: findings with their frames and severity.

Thresholds are set so that the real clips that trackers are trained on pass with the defects that their authors know:
solver flips in g1-moves, one root jump in ASAP, feet that float in video-based motion.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable

import numpy as np
from scipy.ndimage import median_filter

from athena_wbc.embodiment import Embodiment
from athena_wbc.motion import evidence
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.evidence import BodyTrace, Flight

SEVERITIES = ("info", "warning", "error")
"""An error is what reading the clip from a file would refuse; a warning is what a tracker will not follow."""

KINDS = {
    "joint_limit": "joints beyond their limits",
    "velocity_spike": "joints faster than their motors",
    "root_jump": "single-frame jumps of the root",
    "root_spin": "root turning faster than a body can",
    "orientation": "quaternion order or heading against the motion",
    "flight": "flights that do not fall at g",
    "floating": "lowest point above the ground without a flight",
    "penetration": "points below the ground",
    "foot_skating": "feet that slide while they stand",
}
"""Every kind of finding, with what it means."""

JUMP_SPEED = 2.0
"""Root displacement of one frame, beyond the median of its neighbours, in m/s. The ASAP jump has 7, most clips 1."""

SPIN_SPEED = 12.0
"""Root angular velocity, rad/s: two turns a second. Real spins reach 10."""

FLOAT_HEIGHT = 0.03
PENETRATION_DEPTH = 0.02
"""Heights in m that soles and colliders may differ by."""

CONTACT_HEIGHT = 0.02
SKATE_SPEED = 0.3
"""A foot within CONTACT_HEIGHT (m) of the clip's own ground slides above SKATE_SPEED (m/s)."""

LEAST_SHARE = 0.1
"""Share of frames from which floating and skating are reported."""

_MOST_INTERVALS = 20


@dataclasses.dataclass(frozen=True)
class Finding:
    """One kind of defect in a clip."""

    kind: str
    """Of KINDS."""
    severity: str
    """Of SEVERITIES."""
    frames: tuple[tuple[int, int], ...]
    """Intervals [start, stop) of the frames concerned, the first 20 of them."""
    value: float
    """The worst value, in `unit`."""
    unit: str
    message: str

    def as_dict(self) -> dict:
        """The finding as plain values, for JSON."""
        return dataclasses.asdict(self) | {"frames": [list(interval) for interval in self.frames]}


def check_clip(clip: MotionClip, embodiment: Embodiment) -> list[Finding]:
    """All findings of a clip, the most severe first, in the order of KINDS within a severity.

    Args:
        clip: a motion of the robot; its joints are matched by name.

    Raises:
        AthenaError: joints that do not belong to the robot.
    """
    clip = clip.for_embodiment(embodiment)
    trace = evidence.trace_bodies(embodiment, clip.root_pos, clip.root_quat, clip.joint_pos, clip.fps)
    flights = evidence.find_flights(trace)
    findings = [
        *_joint_limits(clip, embodiment),
        *_velocity_spikes(clip, embodiment),
        *_root_jumps(clip),
        *_root_spins(clip),
        *_orientation(clip, embodiment, trace),
        *_falls(flights),
        *_floating(trace, flights),
        *_penetration(trace),
        *_foot_skating(trace),
    ]
    return sorted(findings, key=lambda finding: -SEVERITIES.index(finding.severity))


def worst_severity(findings: Iterable[Finding]) -> str:
    """The highest severity among findings; empty where there are none."""
    return max((finding.severity for finding in findings), key=SEVERITIES.index, default="")


def _joint_limits(clip: MotionClip, embodiment: Embodiment) -> list[Finding]:
    excess = evidence.limit_excess(embodiment, clip.joint_pos)
    broken = excess.max(axis=1) > evidence.LIMIT_TOLERANCE
    if not broken.any():
        return []
    joint, worst = embodiment.joint_names[int(excess.max(axis=0).argmax())], float(excess.max())
    most = (excess.max(axis=1) > evidence.WRONG_ORDER_EXCESS).mean() > evidence.MOST_FRAMES
    count = int((excess.max(axis=0) > evidence.LIMIT_TOLERANCE).sum())
    return [
        _finding(
            "joint_limit",
            "error" if most else "warning",
            broken,
            worst,
            "rad",
            f"{count} joint(s) beyond their limits in {broken.mean():.0%} of the frames, {joint} by {worst:.2f} rad",
        )
    ]


def _velocity_spikes(clip: MotionClip, embodiment: Embodiment) -> list[Finding]:
    speed = np.abs(np.diff(clip.joint_pos, axis=0)) * clip.fps
    fast = (speed > embodiment.velocity_limit).any(axis=1)
    if not fast.any():
        return []
    frame, joint = np.unravel_index((speed / embodiment.velocity_limit).argmax(), speed.shape)
    worst = float(speed[frame, joint])
    return [
        _finding(
            "velocity_spike",
            "warning",
            fast,
            worst,
            "rad/s",
            f"{int(fast.sum())} frame(s) with joints faster than their limit, {embodiment.joint_names[joint]} "
            f"{worst:.0f} rad/s at frame {frame} (limit {embodiment.velocity_limit[joint]:.0f})",
        )
    ]


def _root_jumps(clip: MotionClip) -> list[Finding]:
    step = np.diff(clip.root_pos, axis=0)
    usual = median_filter(step, size=(5, 1), mode="nearest")
    jump = np.linalg.norm(step - usual, axis=1)
    jumps = jump * clip.fps > JUMP_SPEED
    if not jumps.any():
        return []
    frame = int(jump.argmax())
    return [
        _finding(
            "root_jump",
            "warning",
            jumps,
            float(jump.max()),
            "m",
            f"{int(jumps.sum())} single-frame jump(s) of the root, {jump.max():.3f} m after frame {frame}",
        )
    ]


def _root_spins(clip: MotionClip) -> list[Finding]:
    dot = np.abs((clip.root_quat[1:] * clip.root_quat[:-1]).sum(axis=1)).clip(max=1.0)
    speed = 2.0 * np.arccos(dot) * clip.fps
    fast = speed > SPIN_SPEED
    if not fast.any():
        return []
    frame = int(speed.argmax())
    return [
        _finding(
            "root_spin",
            "warning",
            fast,
            float(speed.max()),
            "rad/s",
            f"the root turns at up to {speed.max():.1f} rad/s, at frame {frame}",
        )
    ]


def _orientation(clip: MotionClip, embodiment: Embodiment, trace: BodyTrace) -> list[Finding]:
    """The clip's root orientation against what the other quaternion order, read either way, would have made of it."""
    this = evidence.posture(trace)
    everywhere = np.ones(clip.num_frames, dtype=bool)
    for shift in (1, -1):
        quat = np.roll(clip.root_quat, shift, axis=1)
        other = evidence.trace_bodies(embodiment, clip.root_pos, quat, clip.joint_pos, clip.fps)
        that = evidence.posture(other)
        score = evidence.compare_readings(this, that)
        if score < -evidence.DECISIVE:
            message = (
                f"{evidence.describe_posture(this)}; with its quaternions in the other order "
                f"{evidence.describe_posture(that)}"
            )
            return [_finding("orientation", "error", everywhere, score, "evidence", message)]
    if this.upright < 0.5:
        message = f"the root is more than 60 degrees from upright in {1.0 - this.upright:.0%} of the frames"
        return [_finding("orientation", "info", trace.upright < 0.5, 1.0 - this.upright, "share", message)]
    return []


def _falls(flights: list[Flight]) -> list[Finding]:
    fall = evidence.measure_fall(flights)
    if fall is None:
        return []
    odd = [
        flight for flight in flights if abs(-flight.acceleration / evidence.GRAVITY - 1.0) > evidence.MOST_GRAVITY_ERROR
    ]
    if not odd and not fall.is_wrong:
        return []
    worst = max(odd or flights, key=lambda flight: abs(flight.acceleration + evidence.GRAVITY))
    severity = "error" if fall.is_wrong else "warning"
    return [
        Finding(
            "flight",
            severity,
            tuple((flight.start, flight.stop) for flight in (odd or flights)[:_MOST_INTERVALS]),
            worst.acceleration,
            "m/s^2",
            f"{len(odd)} of {len(flights)} flight(s) fall more than {evidence.MOST_GRAVITY_ERROR:.0%} off g, "
            f"{worst.acceleration:.1f} m/s^2 at frames {worst.start} to {worst.stop - 1}",
        )
    ]


def _floating(trace: BodyTrace, flights: list[Flight]) -> list[Finding]:
    lowest = trace.lowest
    high = lowest > FLOAT_HEIGHT
    for flight in flights:
        # The core of a flight has rising and falling sides that belong to it too.
        start, stop = flight.start, flight.stop
        while start > 0 and lowest[start - 1] < lowest[start]:
            start -= 1
        while stop < len(lowest) and lowest[stop] < lowest[stop - 1]:
            stop += 1
        high[start:stop] = False
    if high.mean() < LEAST_SHARE:
        return []
    height = float(np.median(lowest[high]))
    return [
        _finding(
            "floating",
            "warning",
            high,
            height,
            "m",
            f"off the ground in {high.mean():.0%} of the frames without a flight, {height:.3f} m at the median",
        )
    ]


def _penetration(trace: BodyTrace) -> list[Finding]:
    deep = trace.lowest < -PENETRATION_DEPTH
    if not deep.any():
        return []
    depth = float(-trace.lowest.min())
    return [
        _finding(
            "penetration",
            "warning",
            deep,
            depth,
            "m",
            f"below the ground in {deep.mean():.0%} of the frames, {depth:.3f} m at frame {int(trace.lowest.argmin())}",
        )
    ]


def _foot_skating(trace: BodyTrace) -> list[Finding]:
    # The clip's own ground, so that feet which float as a whole are still seen to slide.
    ground = np.percentile(trace.lowest, 5)
    low = trace.foot_height < ground + CONTACT_HEIGHT
    standing = low[:-1] & low[1:]
    speed = trace.foot_speed()
    sliding = standing & (speed > SKATE_SPEED)
    if not standing.any() or sliding.sum() < LEAST_SHARE * standing.sum():
        return []
    share, fast = sliding.sum() / standing.sum(), float(np.percentile(speed[standing], 95))
    return [
        _finding(
            "foot_skating",
            "warning",
            sliding.any(axis=1),
            float(share),
            "share",
            f"feet slide faster than {SKATE_SPEED} m/s in {share:.0%} of contacts (95th percentile {fast:.2f} m/s)",
        )
    ]


def _finding(kind: str, severity: str, frames: np.ndarray, value: float, unit: str, message: str) -> Finding:
    return Finding(kind, severity, intervals(frames), value if math.isfinite(value) else 0.0, unit, message)


def intervals(mask: np.ndarray) -> tuple[tuple[int, int], ...]:
    """The first 20 runs of true frames in a mask (T,), as [start, stop)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    runs = zip(edges[0::2], edges[1::2], strict=True)
    return tuple((int(start), int(stop)) for start, stop in runs)[:_MOST_INTERVALS]
