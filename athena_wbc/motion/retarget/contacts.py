"""When feet are planted, and where planted feet stay."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
from scipy.ndimage import gaussian_filter1d

from athena_wbc.motion.retarget.person import Person

ON_HEIGHT, OFF_HEIGHT = 0.035, 0.06
"""A point of the foot comes to stand below the first height above its usual one, and leaves above the second, m."""

ON_SPEED, OFF_SPEED = 0.35, 0.6
"""As for the heights, m/s. Both hold for a leg of 0.8 m and grow with its length."""

SHORTEST = 0.06
"""Contacts and gaps shorter than this are none, s."""

LEAST_RISE = 0.25
"""Rise of the shin from ankle to knee, as a share of its length, below which the leg lies and does not stand."""

_USUAL_LEG = 0.8


@dataclasses.dataclass(frozen=True)
class Contacts:
    """Feet on the ground over T frames; left before right."""

    heel: np.ndarray
    toe: np.ndarray
    """(T, 2) bool: the part stands still on the ground. Without toes in the source both are the ankle."""
    clearance: np.ndarray
    """(T, 2) height of the lower of heel and toe above where it usually stands, m, in the person's size."""

    @property
    def planted(self) -> np.ndarray:
        """(T, 2) bool: any part of the foot stands."""
        return self.heel | self.toe

    @property
    def flat(self) -> np.ndarray:
        """(T, 2) bool: the whole sole stands."""
        return self.heel & self.toe


def find_contacts(person: Person) -> Contacts:
    """Contacts from height and speed of ankle and toe, with hysteresis.

    The ground is where the feet themselves usually stand: a source may lie a little above or below z = 0, and ankles
    stand at another height in every skeleton.
    """
    size = person.leg / _USUAL_LEG
    below_knee = person.knee[..., 2] - person.ankle[..., 2] > 0.6 * 0.5 * person.leg
    parts = []
    for points in (person.ankle, person.toe if person.toe is not None else person.ankle):
        speed = _speed(points, person.fps)
        still = (speed < ON_SPEED * size) & below_knee
        height = points[..., 2] - _standing_height(points[..., 2], still)
        stands = np.stack(
            [
                _hysteresis(
                    (height[:, side] < ON_HEIGHT * size) & (speed[:, side] < ON_SPEED * size),
                    (height[:, side] < OFF_HEIGHT * size) & (speed[:, side] < OFF_SPEED * size),
                )
                for side in (0, 1)
            ],
            axis=1,
        )
        parts.append((stands, height))
    (heel, heel_height), (toe, toe_height) = parts
    # A leg that lies on the ground does not stand on its foot.
    shin = person.knee - person.ankle
    planted = (heel | toe) & (shin[..., 2] > LEAST_RISE * np.linalg.norm(shin, axis=2))
    # A foot that points down stands on its toes, one that points up on its heel, however low the rest is.
    points_down = heel_height - toe_height
    heel, toe = planted & (points_down < ON_HEIGHT * size), planted & (points_down > -ON_HEIGHT * size)
    frames = max(1, round(SHORTEST * person.fps))
    for side in (0, 1):
        kept = _without_short(planted[:, side], frames)
        heel[:, side] &= kept
        toe[:, side] &= kept
        # A short gap is bridged by what stood before it.
        gap = kept & ~(heel[:, side] | toe[:, side])
        heel[gap, side], toe[gap, side] = points_down[gap, side] < 0.0, points_down[gap, side] >= 0.0
    return Contacts(heel, toe, np.minimum(heel_height, toe_height))


def intervals(mask: np.ndarray) -> list[tuple[int, int]]:
    """Runs of true frames in (T,), as [start, stop)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return [(int(start), int(stop)) for start, stop in zip(edges[0::2], edges[1::2], strict=True)]


def smoothstep(x: np.ndarray) -> np.ndarray:
    """Minimum-jerk rise from 0 to 1 over x in [0, 1], constant outside."""
    x = np.clip(x, 0.0, 1.0)
    return x**3 * (10.0 + x * (6.0 * x - 15.0))


def fade(planted: np.ndarray, frames: float) -> np.ndarray:
    """(T,) 1 while planted, falling to 0 over a number of frames before and after."""
    weight = np.zeros(len(planted))
    index = np.arange(len(planted))
    for start, stop in intervals(planted):
        distance = np.maximum(np.maximum(start - index, index - (stop - 1)), 0)
        weight = np.maximum(weight, smoothstep(1.0 - distance / (frames + 1.0)))
    return weight


def lock(ankle: np.ndarray, rotation: np.ndarray, sole: np.ndarray, planted: np.ndarray, fps: float) -> np.ndarray:
    """Ankle positions (T, 3) of a foot whose sole rolls on the ground without slip while it is planted.

    In a contact the lowest point of the sole stays where it is, and the foot turns about it; the height is that at
    which this point touches the ground. Each contact lies where it moves the foot least; between two contacts what
    they moved the foot by fades over, and before the first and behind the last one it dies away.

    Args:
        ankle: (T, 3) where the foot would be without its contacts, m.
        rotation: (T, 3, 3) axes of the foot.
        sole: (P, 3) contact points from the ankle, in the foot's axes, m.
        planted: (T,) bool.
    """
    points = np.einsum("tij,pj->tpi", rotation, sole)
    lowest = points[..., 2].min(axis=1)
    moved = np.full_like(ankle, np.nan)
    # Where the sole touches: the mean of its points, each with the weight of being lowest.
    weight = np.exp(-(points[..., 2] - lowest[:, None]) / 0.004)
    touch = np.einsum("tp,pj->tj", weight / weight.sum(axis=1, keepdims=True), sole)
    step = -np.einsum("tij,tj->ti", rotation[1:] - rotation[:-1], 0.5 * (touch[1:] + touch[:-1]))
    for start, stop in intervals(planted):
        path = np.concatenate((np.zeros((1, 3)), np.cumsum(step[start : stop - 1], axis=0)))
        path += (ankle[start:stop] - path).mean(axis=0)
        path[:, 2] = -lowest[start:stop]
        moved[start:stop] = path - ankle[start:stop]
    return ankle + _between(moved, planted, fps)


def _between(moved: np.ndarray, planted: np.ndarray, fps: float) -> np.ndarray:
    """Fill what lies between the contacts."""
    runs = intervals(planted)
    if not runs:
        return np.zeros_like(moved)
    out = moved.copy()
    dying = round(0.4 * fps)
    first, last = runs[0][0], runs[-1][1]
    before, after = np.arange(first)[:, None], np.arange(last, len(moved))[:, None]
    out[:first] = moved[first] * smoothstep(1.0 - (first - before) / dying)
    out[last:] = moved[last - 1] * smoothstep(1.0 - (after - (last - 1)) / dying)
    for (_, start), (stop, _) in itertools.pairwise(runs):
        share = smoothstep(np.arange(1, stop - start + 1) / (stop - start + 1))[:, None]
        out[start:stop] = (1.0 - share) * moved[start - 1] + share * moved[stop]
    return out


def _speed(points: np.ndarray, fps: float) -> np.ndarray:
    """(T, 2) speed of two points, m/s, over 60 ms: single noisy frames do not end a contact."""
    smooth = gaussian_filter1d(points, 0.015 * fps, axis=0, mode="nearest")
    return np.linalg.norm(np.gradient(smooth, 1.0 / fps, axis=0), axis=2)


def _standing_height(height: np.ndarray, still: np.ndarray) -> float:
    """Height at which a part of the foot stands: a low value of the frames in which it is still below the knee."""
    if still.mean() > 0.03:
        return float(np.percentile(height[still], 20.0))
    return float(np.percentile(height.min(axis=1), 5.0))


def _hysteresis(enter: np.ndarray, stay: np.ndarray) -> np.ndarray:
    """Runs of `stay` in which `enter` holds at least once."""
    out = np.zeros_like(stay)
    for start, stop in intervals(stay):
        out[start:stop] = enter[start:stop].any()
    return out


def _without_short(mask: np.ndarray, frames: int) -> np.ndarray:
    out = mask.copy()
    for start, stop in intervals(~out):
        if stop - start < frames and start > 0 and stop < len(out):
            out[start:stop] = True
    for start, stop in intervals(out):
        if stop - start < frames and stop - start < len(out):
            out[start:stop] = False
    return out
