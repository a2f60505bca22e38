"""How moves are done: the manner and the dice of a take, written into keys."""

from __future__ import annotations

import dataclasses

import numpy as np

from athena_wbc.synthesis.generators.library.moves.poses import CARRIAGE, REST
from athena_wbc.synthesis.generators.library.script import Air, Arm, Foot, Heel, Key, Script, Step, Triple
from athena_wbc.synthesis.generators.library.timeline import REST_DROP
from athena_wbc.synthesis.vocabulary import Manner

_ANGLE_SPREAD, _TIME_SPREAD, _STEP_SPREAD = 0.04, 0.04, 0.05
"""Standard deviations of the take's factors."""

_THIGH, _KNEE, _OUT = (-45.0, 138.0), (0.0, 142.0), (-45.0, 95.0)
_PELVIS_TILT = (-75.0, 80.0)
_SPINE = ((-45.0, 45.0), (-45.0, 75.0), (-60.0, 60.0))
_ARM = ((-65.0, 178.0), (-65.0, 145.0))
"""Ranges of people's joints in degrees, rounded from clinical tables of active motion."""

_GAIN_IN_FLIGHT, _GAIN_OF_ARMS = 1.12, 1.2
_LEAST_TIME = 0.08
_JUMP = 0.15
"""Seconds of flight from which on it is a jump."""
_DEEPEST = 0.48
_LONGEST = 0.95
"""Of a step with the other foot on the ground, m."""


def apply(script: Script, manner: Manner, rng: np.random.Generator, noise: float = 1.0) -> tuple[Key, ...]:
    """The keys of a move, done in a manner; the same draws give the same take.

    `noise` is a factor on the spread of takes.
    Tempo divides the times of keys on the ground, and `jump` multiplies those in flight: gravity times a flight.
    """
    spread = noise * rng.normal(size=3)
    gain = manner.amplitude * (1.0 + _ANGLE_SPREAD * _held(spread[0]))
    pace = manner.tempo * (1.0 + _TIME_SPREAD * _held(spread[1]))
    length = manner.amplitude * (1.0 + _STEP_SPREAD * _held(spread[2]))
    carriage = CARRIAGE.get(manner.arms) if script.free_arms and manner.arms else None
    keys = []
    somersault = any(_whole(key.pelvis) for key in script.keys)
    height = max(manner.jump, 1.0) if somersault else manner.jump  # a somersault needs its time
    if _longest_flight(script) < _JUMP:  # the flights of a gait are no jumps
        height = 1.0
    for key in script.keys:
        time = key.time * height if key.flight else max(_LEAST_TIME, key.time / pace * _burst(key, manner.burst))
        jitter = 1.0 + 0.5 * _ANGLE_SPREAD * _held(noise * rng.normal())
        keys.append(_done(key, time, gain * jitter, length, manner, script.floor))
        if carriage is not None:
            keys[-1] = dataclasses.replace(keys[-1], left_arm=carriage[0], right_arm=carriage[1])
        if key.extreme and manner.hold > 0.0 and not key.flight:
            keys.append(Key(manner.hold, weight=key.weight, press=key.press))
    return tuple(keys)


def _longest_flight(script: Script) -> float:
    longest = time = 0.0
    for key in script.keys:
        time = time + key.time if key.flight else 0.0
        longest = max(longest, time)
    return longest


def _held(draw: float) -> float:
    return float(np.clip(draw, -2.0, 2.0))


def _burst(key: Key, burst: float) -> float:
    return 1.0 - 0.35 * burst if key.quick else 1.0 + 0.4 * burst


def _done(key: Key, time: float, gain: float, length: float, manner: Manner, floor: bool) -> Key:
    if floor:  # Poses that have to meet the floor with hands and feet are not for stretching.
        return dataclasses.replace(key, time=time)
    lean = np.degrees(manner.lean)
    if key.flight:  # gravity leaves no time for more
        gain = min(gain, _GAIN_IN_FLIGHT)
    drop = key.drop
    if drop is not None:
        scaled = REST_DROP + gain * (drop - REST_DROP) if drop > REST_DROP else drop
        drop = scaled if key.flight or drop < REST_DROP else min(scaled + manner.depth, max(_DEEPEST, drop))
    return dataclasses.replace(
        key,
        time=time,
        drop=drop,
        pelvis=_tilted(key.pelvis, gain, 0.3 * lean),
        spine=None if key.spine is None else _bent(key.spine, gain, 0.7 * lean),
        left_arm=_arm(key.left_arm, min(gain, _GAIN_OF_ARMS)),
        right_arm=_arm(key.right_arm, min(gain, _GAIN_OF_ARMS)),
        left=_foot(key.left, gain, length, key.flight),
        right=_foot(key.right, gain, length, key.flight),
    )


def _tilted(angles: Triple | None, gain: float, lean: float) -> Triple | None:
    if angles is None or _whole(angles):
        return angles  # a somersault is whole or not at all
    roll, pitch, yaw = angles
    return (gain * roll, float(np.clip(gain * pitch + lean, *_PELVIS_TILT)), gain * yaw)


def _whole(angles: Triple | None) -> bool:
    return angles is not None and max(abs(angle) for angle in angles) > 100.0


def _bent(angles: Triple, gain: float, lean: float) -> Triple:
    added = (0.0, lean, 0.0)
    bent = [float(np.clip(gain * a + b, *limits)) for a, b, limits in zip(angles, added, _SPINE, strict=True)]
    return (bent[0], bent[1], bent[2])


def _arm(arm: Arm | None, gain: float) -> Arm | None:
    if arm is None:
        return None
    raised = REST[0] + gain * (arm[0] - REST[0])
    limits = _ARM[0] if arm[0] <= _ARM[0][1] else (-360.0, 360.0)
    return (float(np.clip(raised, *limits)), float(np.clip(arm[1], *_ARM[1])), arm[2], arm[3])


def _foot(foot: Foot, gain: float, length: float, flight: bool) -> Foot:
    if isinstance(foot, Air):
        return dataclasses.replace(
            foot,
            raised=float(np.clip(gain * foot.raised, *_THIGH)),
            out=float(np.clip(foot.out, *_OUT)),
            knee=float(np.clip(foot.knee, *_KNEE)),
        )
    if isinstance(foot, Step):
        forward = length * foot.forward
        if not flight:
            forward = float(np.clip(forward, -_LONGEST, _LONGEST))
        return dataclasses.replace(foot, forward=forward, lift=min(gain, 1.3) * foot.lift)
    if isinstance(foot, Heel):
        return Heel(min(gain * foot.pitch, 62.0))
    return foot
