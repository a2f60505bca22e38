"""Moves that would be faster than people are: more time for what is on the ground, smaller excursions in flight."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from athena_wbc.synthesis.generators.library.script import Air, Arm, Foot, Key
from athena_wbc.synthesis.generators.library.skeleton import Track
from athena_wbc.synthesis.motion import FPS

FASTEST = 10.5
"""m/s of any joint: about the foot in a fast kick, the hand in a fast throw."""
JERKIEST = 2.2
"""Greatest change of the pelvis' velocity between two frames, halved, m/s: about that of a hard landing."""
_MARGIN = 1.05
_SLOWEST, _SMALLEST = 4.0, 0.75
"""Greatest factor on the time of a key, and greatest share of an excursion in flight that is taken away."""
_HANGING = Air(10.0, 0.0, 25.0)


@dataclasses.dataclass
class Ease:
    """What has been taken from the keys of a move so far."""

    times: np.ndarray
    """(K,) factors on their times; those of a flight leave it as long as it was."""
    excursions: np.ndarray
    """(K,) share of the way to the mean of the neighbours, in flight."""

    @staticmethod
    def none(count: int) -> Ease:
        """Nothing yet."""
        return Ease(np.ones(count), np.zeros(count))

    @property
    def slowed(self) -> float:
        """The largest factor on a time."""
        return float(self.times.max(initial=1.0))


def haste(track: Track) -> np.ndarray:
    """(T - 1,) how often the fastest joint is faster than it may be between two frames, or the pelvis more abrupt."""
    fast = np.linalg.norm(np.diff(track.positions, axis=0), axis=-1).max(axis=1) * FPS / FASTEST
    steps = np.diff(track.root, axis=0)
    change = 0.5 * np.linalg.norm(np.diff(steps, axis=0), axis=1) * FPS / JERKIEST
    return np.maximum(fast, np.maximum(np.append(change, 0.0), np.insert(change, 0, 0.0)))


def ease_further(ease: Ease, keys: Sequence[Key], start: float, pace: float, hurry: np.ndarray) -> float:
    """Take more from keys during which a motion was too fast; returns when they ended, s.

    Args:
        ease: what was taken when the motion was made; changed in place.
        keys: of the move, at their own times.
        start: when the move began, s. pace: by which times on the ground were divided.
        hurry: (T - 1,) of the motion, from :func:`haste`.
    """
    flight = np.array([key.flight for key in keys], dtype=bool)
    times = np.array([key.time for key in keys]) * ease.times / np.where(flight, 1.0, pace)
    ends = start + np.cumsum(times)
    need = np.ones(len(keys))
    for index, (end, time) in enumerate(zip(ends, times, strict=True)):
        need[index] = hurry[int((end - time) * FPS) : int(np.ceil(end * FPS))].max(initial=0.0)
    need = np.where(need > 1.0, _MARGIN * need, 1.0)
    before = ease.times * [key.time for key in keys]
    ease.times = np.minimum(ease.times * need, np.maximum(_SLOWEST, ease.times))
    ease.excursions = np.where(
        flight & (need > 1.0), np.minimum(ease.excursions + 0.2 * need, _SMALLEST), ease.excursions
    )
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flight.astype(int), [0]))))
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        part = slice(first, last)
        now = ease.times[part] * [key.time for key in keys[part]]
        ease.times[part] *= before[part].sum() / now.sum()
    return float(ends[-1])


def eased(keys: Sequence[Key], ease: Ease) -> tuple[Key, ...]:
    """The keys with what has been taken from them."""
    feet = [[_HANGING, _HANGING]]
    for key in keys:
        feet.append([_air(foot, before) for foot, before in zip((key.left, key.right), feet[-1], strict=True)])
    feet.append([_HANGING, _HANGING])
    out = []
    for number, (key, time, share) in enumerate(zip(keys, ease.times, ease.excursions, strict=True)):
        changes: dict = {"time": key.time * float(time)}
        if share > 0.0:
            for side, name in enumerate(("left", "right")):
                foot = getattr(key, name)
                if isinstance(foot, Air):
                    changes[name] = _towards(foot, feet[number][side], feet[number + 2][side], float(share))
                arms = [
                    getattr(keys[at], f"{name}_arm") for at in range(max(number - 1, 0), min(number + 2, len(keys)))
                ]
                if len(arms) == 3 and None not in arms:
                    changes[f"{name}_arm"] = _arm_towards(arms, float(share))
        out.append(dataclasses.replace(key, **changes))
    return tuple(out)


def _air(foot: Foot, before: Air) -> Air:
    return foot if isinstance(foot, Air) else before if foot is None else _HANGING


def _towards(own: Air, before: Air, after: Air, share: float) -> Air:
    values = (dataclasses.astuple(foot) for foot in (own, before, after))
    return Air(*(mine + share * (0.5 * (one + two) - mine) for mine, one, two in zip(*values, strict=True)))


def _arm_towards(arms: list[Arm], share: float) -> Arm:
    before, own, after = arms
    raised, out, reach, turn = (
        mine + share * (0.5 * (one + two) - mine) for mine, one, two in zip(own, before, after, strict=True)
    )
    return raised, out, reach, turn
