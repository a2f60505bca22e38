"""From keys to functions of time: all angles, places of the feet and what stands on the ground."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from scipy.interpolate import PchipInterpolator

from athena_wbc.motion.builtin.curves import bump, minimum_jerk
from athena_wbc.synthesis.generators.library.script import Air, Heel, Key, Pivot, Step
from athena_wbc.synthesis.generators.library.skeleton import INDEX, OFFSETS, SIDES, SIGNS
from athena_wbc.synthesis.motion import FPS

PELVIS, DROP, SPINE, HEAD = slice(0, 3), 3, slice(4, 7), slice(7, 10)
ARM = (slice(10, 14), slice(14, 18))
LEG = (slice(18, 23), slice(23, 28))
AIR = (28, 29)
BALL = (slice(30, 33), slice(33, 36))
"""x, y and yaw."""
PITCH = (36, 37)
HEADING, WEIGHT, PRESS = 38, 39, 40
CHANNELS = 41

_DEGREES = [*range(3), *range(4, 12), 13, 14, 15, 17, *range(18, 28)]
"""Channels that keys give in degrees."""

REST_LEG = (0.0, 0.0, 12.0, 0.0, 0.0)
REST_ARM = (4.0, 60.0, 0.97, 10.0)
REST_DROP = 0.008

BALL_PLACE = tuple(
    sum(OFFSETS[INDEX[f"{side}_{part}"], :2] for part in ("hip", "knee", "ankle", "foot")) for side in SIDES
)
"""(2,) each: ball of the foot in the rest pose relative to the pelvis, m."""
HALF_WIDTH = float(BALL_PLACE[0][1])
_PEEL = 0.06
"""Clearance of a foot on its way from the ground into the air, m."""
MID_FOOT = 0.07
"""Of the middle of the foot behind its ball, m."""


@dataclasses.dataclass(frozen=True)
class Footing:
    """Where a person stands."""

    balls: np.ndarray
    """(2, 2) m."""
    yaws: np.ndarray
    """(2,) rad."""
    heading: float = 0.0


def standing(at: np.ndarray | tuple[float, float] = (0.0, 0.0), heading: float = 0.0) -> Footing:
    """Feet side by side, under a pelvis at a place (2,)."""
    turn = _turn(heading)
    balls = np.stack([np.asarray(at) + turn @ place for place in BALL_PLACE])
    return Footing(balls, np.full(2, heading), heading)


@dataclasses.dataclass(frozen=True)
class Timeline:
    """Functions of time at N + 1 keys, the start being the first."""

    times: np.ndarray
    values: np.ndarray
    """(N + 1, CHANNELS)"""
    grounded: np.ndarray
    """(N + 1, 2) bool: whether a foot is on the ground at a key."""
    planted: np.ndarray
    """(N, 2) bool: whether it stays where it is between two keys."""
    lifts: np.ndarray
    """(N, 2) clearance of steps, m."""
    flight: np.ndarray
    """(N,) bool."""
    end: Footing

    @property
    def frames(self) -> int:
        """Frames from the first key to the last."""
        return max(2, round(float(self.times[-1]) * FPS) + 1)


@dataclasses.dataclass(frozen=True)
class Samples:
    """A timeline at frames."""

    times: np.ndarray
    values: np.ndarray
    """(T, CHANNELS)"""
    segment: np.ndarray
    """(T,) between which keys a frame is."""
    planted: np.ndarray
    """(T, 2) bool"""
    lift: np.ndarray
    """(T, 2) m"""
    flight: np.ndarray
    """(T,) bool"""


def plan(keys: list[Key], start: Footing, first: np.ndarray | None = None) -> Timeline:
    """Walk through keys from a place where one stands quietly.

    Args:
        keys: with times as they shall be.
        start: where the feet are.
        first: (CHANNELS,) pose at the start; None is the rest pose.
    """
    count = len(keys)
    values = np.zeros((count + 1, CHANNELS))
    values[0] = _rest(start) if first is None else first
    grounded = np.ones((count + 1, 2), dtype=bool)
    planted = np.zeros((count, 2), dtype=bool)
    lifts = np.zeros((count, 2))
    balls, yaws, heading = start.balls.copy(), start.yaws.copy(), start.heading
    for number, key in enumerate(keys, start=1):
        row = values[number]
        row[:] = values[number - 1]
        row[WEIGHT], row[PRESS] = 0.5 if key.weight is None else key.weight, key.press
        heading += math.radians(key.turn)
        row[HEADING] = heading
        _pose(row, key)
        centre, both = balls.mean(axis=0), isinstance(key.left, Step) and isinstance(key.right, Step)
        before = balls.copy()
        for side, foot in enumerate((key.left, key.right)):
            was = grounded[number - 1, side]
            stays = was and not key.flight
            grounded[number, side] = was
            if isinstance(foot, Air):
                row[LEG[side]] = np.radians((foot.raised, foot.out, foot.knee, foot.turn, foot.point))
                grounded[number, side] = stays = False
                lifts[number - 1, side] = _PEEL if was and not key.flight else 0.0
            elif isinstance(foot, Step):
                width = SIGNS[side] * HALF_WIDTH * (1.0 if both else 2.0)
                base = centre if both else before[1 - side]
                if foot.own:
                    base, width = before[side], 0.0
                offset = np.array((foot.forward, foot.left + width))
                balls[side] = base + _turn(heading) @ offset
                yaws[side] = heading + math.radians(foot.turn)
                lifts[number - 1, side] = 0.0 if key.flight else foot.lift
                grounded[number, side] = True
                stays = False
                row[PITCH[side]] = 0.0
            elif isinstance(foot, Pivot):
                yaws[side] = heading + math.radians(foot.turn)
            elif isinstance(foot, Heel):
                row[PITCH[side]] = math.radians(foot.pitch)
            row[BALL[side]] = (*balls[side], yaws[side])
            planted[number - 1, side] = stays
    for side in (0, 1):
        values[:, AIR[side]] = ~grounded[:, side]
        _fill_legs(values[:, LEG[side]], grounded[:, side])
    times = np.concatenate(([0.0], np.cumsum([key.time for key in keys])))
    flight = np.array([key.flight for key in keys])
    end = Footing(balls, yaws, heading)
    return Timeline(times, values, grounded, planted, lifts, flight, end)


def sample(line: Timeline) -> Samples:
    """The timeline at the frames of the generator's rate: monotone cubics, which rest where keys are extremes."""
    times = np.minimum(np.arange(line.frames) / FPS, line.times[-1])
    values = PchipInterpolator(line.times, line.values, axis=0)(times)
    segment = np.clip(np.searchsorted(line.times, times, side="right") - 1, 0, len(line.planted) - 1)
    fraction = (times - line.times[segment]) / np.diff(line.times)[segment]
    for side in (0, 1):
        values[:, BALL[side]] = _places(line, side, segment, fraction, values[:, BALL[side]])
    lift = line.lifts[segment] * bump(np.clip(fraction, 0.0, 1.0))[:, None]
    inside = (fraction > 1e-6) & (fraction < 1.0 - 1e-6)
    # At a key itself a foot that is on the ground has arrived, or has not left yet.
    at_key = line.grounded[segment + (fraction > 0.5)]
    planted = np.where(inside[:, None], line.planted[segment], at_key)
    flight = np.where(inside, line.flight[segment], False)
    return Samples(times, values, segment, planted, lift, flight)


def _pose(row: np.ndarray, key: Key) -> None:
    if key.pelvis is not None:
        row[PELVIS] = np.radians(key.pelvis)
    if key.drop is not None:
        row[DROP] = key.drop
    if key.spine is not None:
        row[SPINE] = np.radians(key.spine)
    if key.head is not None:
        row[HEAD] = np.radians(key.head)
    for side, arm in enumerate((key.left_arm, key.right_arm)):
        if arm is not None:
            row[ARM[side]] = (math.radians(arm[0]), math.radians(arm[1]), arm[2], math.radians(arm[3]))


def _places(line: Timeline, side: int, segment: np.ndarray, fraction: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """(T, 3) place and yaw of a foot: on its way into the air that which it leaves, from the air the next one."""
    before, after = line.values[segment, BALL[side]], line.values[segment + 1, BALL[side]]
    share = minimum_jerk(np.clip(fraction, 0.0, 1.0))[:, None]
    stepped = np.concatenate((before[:, :2] + share * (after - before)[:, :2], drawn[:, 2:]), axis=1)
    rises = line.grounded[segment, side] & ~line.grounded[segment + 1, side]
    return np.where(rises[:, None], before, np.where(line.grounded[segment, side][:, None], stepped, after))


def _rest(start: Footing) -> np.ndarray:
    row = np.zeros(CHANNELS)
    row[DROP], row[WEIGHT], row[HEADING] = REST_DROP, 0.5, start.heading
    for side in (0, 1):
        row[ARM[side]] = REST_ARM
        row[LEG[side]] = REST_LEG
        row[ARM[side]][[0, 1, 3]] = np.radians(np.array(REST_ARM)[[0, 1, 3]])
        row[LEG[side]] = np.radians(REST_LEG)
        row[BALL[side]] = (*start.balls[side], start.yaws[side])
    return row


def _fill_legs(angles: np.ndarray, grounded: np.ndarray) -> None:
    """While a foot stands its leg's angles mean nothing: take those of the next key in the air, else of the last."""
    air = np.flatnonzero(~grounded)
    if not len(air):
        return
    for number in np.flatnonzero(grounded):
        after = air[air > number]
        before = air[air < number]
        if len(after) and after[0] == number + 1:
            angles[number] = angles[after[0]]
        elif len(before):
            angles[number] = angles[before[-1]]
        else:
            angles[number] = angles[after[0]]


def _turn(angle: float) -> np.ndarray:
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.array(((cosine, -sine), (sine, cosine)))
