"""Which motions are too broken to be tracked: each filter with its number, its limit and its reason.

The floor is at z = 0; a motion goes through `convert.prepare` before it is judged here. All filters always run and all
results are returned, so that a record says what a motion was, and not only why it was dropped. Where the limits come
from is told in docs/synthesis_filters.md.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.ground import Support, find_support
from athena_wbc.synthesis.motion import JOINT_NAMES, PARENTS, PELVIS, SyntheticMotion
from athena_wbc.synthesis.records import FilterResult

LOWER = ("duration", "motion", "root_low")
"""Filters whose limit is the least that passes; infinity would refuse everything."""

_STANDS = 0.1
"""Share of the frames in which a foot bears weight, from which their heights tell where the body stands."""


@dataclasses.dataclass(frozen=True)
class FilterConfig:
    """Limits. Infinity (``inf``, or ``-inf`` for those of :data:`LOWER`) switches a filter off; its number is
    recorded."""

    duration: float = 0.6
    """Least length of a motion, s."""
    motion: float = 0.05
    """Least mean speed of the joints, m/s: below it nothing happens."""
    root_low: float = 0.1
    """Least height of the pelvis over the floor, m; a person who lies flat has it at 0.1."""
    root_high: float = 2.5
    """Greatest height of the pelvis over the floor, m."""
    penetration: float = 0.03
    """Depth of the lowest point below the floor in 2 % of the frames, or in 5 % below the floor that it stands on
    otherwise, m."""
    floating: float = 0.3
    """Longest time without any contact and without falling freely, s."""
    skating: float = 0.45
    """Share of the frames on the feet in which all that is low slides faster than `slide_speed`."""
    slide_speed: float = 0.5
    """m/s."""
    bone_drift: float = 0.02
    """Greatest deviation of a bone from its median length, m."""
    joint_speed: float = 20.0
    """Greatest speed of any joint, m/s."""
    root_jump: float = 3.0
    """Greatest difference between a step of the pelvis and the mean of its neighbours, times the frame rate, m/s."""


def check_filters(config: FilterConfig, where: str) -> None:
    """Refuse limits that make no sense.

    Raises:
        AthenaError: a limit that is not a number, is negative, or refuses everything; the message begins with `where`
            and the key.
    """
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        off = -np.inf if field.name in LOWER else np.inf
        if not (0.0 <= value < np.inf or value == off):
            raise AthenaError(f"{where}.{field.name}: must be zero or more, or {off:g} to switch it off, is {value:g}")


def run_filters(motion: SyntheticMotion, config: FilterConfig) -> list[FilterResult]:
    """All filters' findings, in a fixed order."""
    support = find_support(motion)
    root = motion.positions[:, PELVIS]
    speed = np.linalg.norm(np.diff(motion.positions, axis=0), axis=2) * motion.fps
    float_frame, float_time = _floating(support.flights(), motion.fps)
    depth, depth_reason = _depth(motion, support)
    drift, drift_reason = _drift(motion)
    jump = _root_jump(root, motion.fps)
    slid = support.sliding > config.slide_speed
    stands = support.standing
    # Lying frames and flights stand on no foot: a share of few frames says little.
    share = float(slid.sum() / max(int(stands.sum()), motion.num_frames // 4, 1))
    return [
        _at_least("duration", motion.duration, config.duration, "s", "lasts {value:.2f} s, less than {limit:g} s"),
        _at_least(
            "motion", float(speed.mean()), config.motion, "m/s",
            "joints move at {value:.3f} m/s in the mean, less than {limit:g} m/s",
        ),
        _at_least(
            "root_low", float(root[:, 2].min()), config.root_low, "m",
            f"the pelvis is at {{value:.2f}} m at frame {int(root[:, 2].argmin())}, below {{limit:g}} m",
        ),
        _at_most(
            "root_high", float(root[:, 2].max()), config.root_high, "m",
            f"the pelvis is at {{value:.2f}} m at frame {int(root[:, 2].argmax())}, above {{limit:g}} m",
        ),
        _at_most(
            "penetration", depth, config.penetration, "m", depth_reason,
        ),
        _at_most(
            "floating", float_time, config.floating, "s",
            f"hovers for {{value:.2f}} s from frame {float_frame} without falling",
        ),
        _at_most(
            "skating", share, config.skating, "",
            f"all that stands slides faster than {config.slide_speed:g} m/s in {{value:.0%}} of the frames on feet, "
            f"fastest at frame {int(support.sliding.argmax())}",
        ),
        _at_most(
            "bone_drift", drift, config.bone_drift, "m", drift_reason,
        ),
        _at_most(
            "joint_speed", float(speed.max()), config.joint_speed, "m/s",
            f"{JOINT_NAMES[int(speed.max(axis=0).argmax())]} moves at {{value:.1f}} m/s at frame {_frame(speed)}",
        ),
        _at_most(
            "root_jump", float(jump.max()), config.root_jump, "m/s",
            f"the pelvis jumps by {{value:.1f}} m/s against the frames beside it at frame {int(jump.argmax()) + 1}",
        ),
    ]  # fmt: skip


def failures(results: Sequence[FilterResult]) -> list[FilterResult]:
    """The findings that did not pass."""
    return [result for result in results if not result.passed]


def bone_drift(positions: np.ndarray) -> np.ndarray:
    """(T, 21) by how much each bone differs from its median length, m, in the order of the joints after the pelvis."""
    lengths = np.linalg.norm(positions[:, 1:] - positions[:, list(PARENTS[1:])], axis=2)
    return np.abs(lengths - np.median(lengths, axis=0))


def _depth(motion: SyntheticMotion, support: Support) -> tuple[float, str]:
    """How deep the body is below the floor, and where.

    Short depths show below z = 0. What is deep for longer `convert.prepare` has put on the floor, and then the feet
    stand above it otherwise. So do feet of good recordings, by up to 5 cm; but these are not below the generator's own
    floor, and what is made on another floor than it stands on is as deep below that throughout.
    """
    lowest = support.lowest
    short = float(np.percentile(np.maximum(-lowest, 0.0), 98.0))
    below = -float(motion.provenance.get("conversion", {}).get("floor", 0.0))
    stands = support.contact.any(axis=1)
    level = float(np.median(support.foot_height.min(axis=1)[stands])) if stands.mean() > _STANDS else 0.0
    long = min(level, below)
    if long > short:
        return long, "{value:.3f} m below the floor that it stands on otherwise, in 5 % of the frames or more"
    where = f"{max(-float(lowest.min()), 0.0):.3f} m at frame {int(lowest.argmin())}"
    return short, f"{{value:.3f}} m below the floor in 2 % of the frames, {where}"


def _drift(motion: SyntheticMotion) -> tuple[float, str]:
    """The greatest drift and where it is. What `convert.prepare` found before it smoothed the motion counts as well."""
    drift = bone_drift(motion.positions)
    conversion = motion.provenance.get("conversion", {})
    before = float(conversion.get("bone_drift", 0.0))
    frame, bone = np.unravel_index(drift.argmax(), drift.shape)
    if before > drift.max():
        return before, "a bone is off its median length by {value:.3f} m before the motion was prepared"
    where = f"{JOINT_NAMES[bone + 1]} is off its median length by {{value:.3f}} m at frame {frame}"
    return float(drift.max()), f"the bone to {where}"


def _floating(flights: list[tuple[int, int, bool]], fps: float) -> tuple[int, float]:
    """First frame and length in s of the longest hover; (0, 0) where there is none."""
    hovers = [(stop - start, start) for start, stop, falls in flights if not falls]
    frames, start = max(hovers, default=(0, 0))
    return start, frames / fps


def _root_jump(root: np.ndarray, fps: float) -> np.ndarray:
    """(T - 3,) m/s, each inner step against the mean of its neighbours; a zero where the motion is too short."""
    step = np.diff(root, axis=0)
    if len(step) < 3:
        return np.zeros(1)
    return np.linalg.norm(step[1:-1] - 0.5 * (step[2:] + step[:-2]), axis=1) * fps


def _frame(values: np.ndarray) -> int:
    return int(np.unravel_index(values.argmax(), values.shape)[0])


def _at_most(name: str, value: float, limit: float, unit: str, reason: str) -> FilterResult:
    return _result(name, value, limit, value <= limit, unit, reason)


def _at_least(name: str, value: float, limit: float, unit: str, reason: str) -> FilterResult:
    return _result(name, value, limit, value >= limit, unit, reason)


def _result(name: str, value: float, limit: float, passed: bool, unit: str, reason: str) -> FilterResult:
    return FilterResult(name, value, limit, passed, unit, "" if passed else reason.format(value=value, limit=limit))
