"""What is wrong with a motion as a reference: findings with their frames and severity.

Thresholds are set so that the real clips that trackers are trained on pass with the defects that their authors know:
solver flips in g1-moves, one root jump in ASAP, feet that float in video-based motion.
"""

from __future__ import annotations

import math

import numpy as np

from athena_wbc.embodiment import Embodiment
from athena_wbc.motion import evidence, spikes
from athena_wbc.motion.clip import MotionClip
from athena_wbc.motion.evidence import BodyTrace, Flight
from athena_wbc.motion.findings import SEVERITIES, Finding

SPIN_SPEED = 12.0
"""Root angular velocity, rad/s: two turns a second. Real spins reach 10."""

FLOAT_HEIGHT = 0.03
PENETRATION_DEPTH = 0.02
"""Heights in m that soles and colliders may differ by."""

CONTACT_HEIGHT = 0.02
SKATE_SPEED = 0.3
"""A foot within CONTACT_HEIGHT (m) of the ground that the clip stands on at the time slides above SKATE_SPEED (m/s)."""

SWING_SPEED = 1.0
"""Speed in m/s above which a low foot is the swinging one where another one stands still."""

LEAST_SHARE = 0.1
"""Share of frames from which floating and skating are reported."""


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
        *_joint_twitches(clip, embodiment),
        *_root_jumps(clip),
        *_root_spins(clip),
        *_orientation(clip, embodiment, trace),
        *_falls(flights),
        *_floating(trace, flights),
        *_penetration(trace),
        *_foot_skating(trace),
    ]
    return sorted(findings, key=lambda finding: -SEVERITIES.index(finding.severity))


def _joint_limits(clip: MotionClip, embodiment: Embodiment) -> list[Finding]:
    excess = evidence.limit_excess(embodiment, clip.joint_pos)
    broken = excess.max(axis=1) > evidence.LIMIT_TOLERANCE
    if not broken.any():
        return []
    frame, joint = np.unravel_index(excess.argmax(), excess.shape)
    most = (excess.max(axis=1) > evidence.WRONG_ORDER_EXCESS).mean() > evidence.MOST_FRAMES
    count = int((excess.max(axis=0) > evidence.LIMIT_TOLERANCE).sum())
    message = (
        f"{count} joint(s) beyond their limits in {broken.mean():.0%} of the frames, {embodiment.joint_names[joint]} "
        f"by {excess[frame, joint]:.2f} rad at frame {frame}"
    )
    return [
        _finding("joint_limit", "error" if most else "warning", broken, frame, excess[frame, joint], "rad", message)
    ]


def _velocity_spikes(clip: MotionClip, embodiment: Embodiment) -> list[Finding]:
    fast = spikes.spikes(clip, embodiment).any(axis=1)
    if not fast.any():
        return []
    speed = spikes.joint_speed(clip)
    frame, joint = np.unravel_index((speed / embodiment.velocity_limit).argmax(), speed.shape)
    message = (
        f"{int(fast.sum())} frame(s) with joints faster than their limit, {embodiment.joint_names[joint]} "
        f"{speed[frame, joint]:.0f} rad/s at frame {frame} (limit {embodiment.velocity_limit[joint]:.0f})"
    )
    return [_finding("velocity_spike", "warning", fast, frame, speed[frame, joint], "rad/s", message)]


def _joint_twitches(clip: MotionClip, embodiment: Embodiment) -> list[Finding]:
    found = spikes.twitches(clip, embodiment)
    twitch = found.any(axis=1)
    if not twitch.any():
        return []
    excess = np.where(found, spikes.joint_excess(clip) / embodiment.velocity_limit, 0.0)
    frame, joint = np.unravel_index(excess.argmax(), excess.shape)
    value = float(excess[frame, joint] * embodiment.velocity_limit[joint])
    message = (
        f"{int(twitch.sum())} frame(s) in which a joint jumps, {embodiment.joint_names[joint]} {value:.0f} rad/s off "
        f"its neighbours at frame {frame} (limit {embodiment.velocity_limit[joint]:.0f})"
    )
    return [_finding("joint_twitch", "info", twitch, frame, value, "rad/s", message)]


def _root_jumps(clip: MotionClip) -> list[Finding]:
    jumps = spikes.root_jumps(clip)
    if not jumps.any():
        return []
    jump = np.linalg.norm(spikes.root_excess(clip), axis=1)
    frame = int(jump.argmax())
    message = f"{int(jumps.sum())} single-frame jump(s) of the root, {jump[frame]:.3f} m after frame {frame}"
    return [_finding("root_jump", "warning", jumps, frame, jump[frame], "m", message)]


def _root_spins(clip: MotionClip) -> list[Finding]:
    speed = np.linalg.norm(spikes.root_spin(clip), axis=1)
    fast = speed > SPIN_SPEED
    if not fast.any():
        return []
    frame = int(speed.argmax())
    message = f"the root turns at up to {speed[frame]:.1f} rad/s, at frame {frame}"
    return [_finding("root_spin", "warning", fast, frame, speed[frame], "rad/s", message)]


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
            return [_finding("orientation", "error", everywhere, 0, score, "evidence", message)]
    if this.upright < 0.5:
        message = f"the root is more than 60 degrees from upright in {1.0 - this.upright:.0%} of the frames"
        leaning, worst = trace.upright < 0.5, trace.upright.argmin()
        return [_finding("orientation", "info", leaning, worst, 1.0 - this.upright, "share", message)]
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
    message = (
        f"{len(odd)} of {len(flights)} flight(s) fall more than {evidence.MOST_GRAVITY_ERROR:.0%} off g, "
        f"{worst.acceleration:.1f} m/s^2 at frames {worst.start} to {worst.stop - 1}"
    )
    return [
        Finding(
            kind="flight",
            severity="error" if fall.is_wrong else "warning",
            frames=tuple((flight.start, flight.stop) for flight in (odd or flights)),
            worst=(worst.start + worst.stop) // 2,
            value=worst.acceleration,
            unit="m/s^2",
            message=message,
        )
    ]


def _floating(trace: BodyTrace, flights: list[Flight]) -> list[Finding]:
    high = (trace.lowest > FLOAT_HEIGHT) & ~flight_frames(trace, flights)
    if high.mean() < LEAST_SHARE:
        return []
    height = float(np.median(trace.lowest[high]))
    worst = int(np.where(high, trace.lowest, -np.inf).argmax())
    message = (
        f"off the ground in {high.mean():.0%} of the frames without a flight, {height:.3f} m at the median, "
        f"{trace.lowest[worst]:.3f} m at frame {worst}"
    )
    return [_finding("floating", "warning", high, worst, height, "m", message)]


def flight_frames(trace: BodyTrace, flights: list[Flight]) -> np.ndarray:
    """(T,) whether a frame belongs to a flight: its core, and the rising and falling sides of it."""
    lowest = trace.lowest
    flying = np.zeros(len(lowest), dtype=bool)
    for flight in flights:
        start, stop = flight.start, flight.stop
        while start > 0 and lowest[start - 1] < lowest[start]:
            start -= 1
        while stop < len(lowest) and lowest[stop] < lowest[stop - 1]:
            stop += 1
        flying[start:stop] = True
    return flying


def _penetration(trace: BodyTrace) -> list[Finding]:
    deep = trace.lowest < -PENETRATION_DEPTH
    if not deep.any():
        return []
    worst = int(trace.lowest.argmin())
    depth = -trace.lowest[worst]
    message = f"below the ground in {deep.mean():.0%} of the frames, {depth:.3f} m at frame {worst}"
    return [_finding("penetration", "warning", deep, worst, depth, "m", message)]


def standing_feet(trace: BodyTrace) -> np.ndarray:
    """(T - 1, F) whether a foot is low before and after a step: within CONTACT_HEIGHT of the ground of its time.

    That ground (`evidence.ground_height`) lets feet that float as a whole still stand. A foot that passes faster than
    SWING_SPEED while another one stands still is swinging low, and bears no weight.
    """
    low = trace.foot_height < evidence.ground_height(trace)[:, None] + CONTACT_HEIGHT
    standing, speed = low[:-1] & low[1:], trace.foot_speed()
    still = (standing & (speed < SKATE_SPEED)).any(axis=1, keepdims=True)
    return standing & ~(still & (speed > SWING_SPEED))


def _foot_skating(trace: BodyTrace) -> list[Finding]:
    standing, speed = standing_feet(trace), trace.foot_speed()
    sliding = standing & (speed > SKATE_SPEED)
    if not standing.any() or sliding.sum() < LEAST_SHARE * standing.sum():
        return []
    share, fast = sliding.sum() / standing.sum(), float(np.percentile(speed[standing], 95))
    worst = int(np.where(sliding, speed, 0.0).max(axis=1).argmax())
    message = (
        f"feet slide faster than {SKATE_SPEED} m/s in {share:.0%} of contacts (95th percentile {fast:.2f} m/s), "
        f"{speed[worst][sliding[worst]].max():.2f} m/s at frame {worst}"
    )
    return [_finding("foot_skating", "warning", sliding.any(axis=1), worst, share, "share", message)]


def _finding(
    kind: str, severity: str, frames: np.ndarray, worst: int, value: float, unit: str, message: str
) -> Finding:
    value = float(value) if math.isfinite(value) else 0.0
    return Finding(kind, severity, intervals(frames), int(worst), value, unit, message)


def intervals(mask: np.ndarray) -> tuple[tuple[int, int], ...]:
    """The runs of true frames in a mask (T,), as [start, stop)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return tuple((int(start), int(stop)) for start, stop in zip(edges[0::2], edges[1::2], strict=True))
