"""Difficulty from 1 to 10 by numbers alone, calibrated on recordings, and what there is to say about it.

Six sides of a motion are each rated from 0 to 1 on a scale whose marks are quantiles of 58 recordings of people (how
they were made is told in docs/synthesis_filters.md), and combined by a power mean: one side that is extreme makes a
motion hard, whatever the others are.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from athena_wbc.synthesis.human_features import HumanFeatures
from athena_wbc.synthesis.prompt import Prompt

QUANTILES = (10.0, 25.0, 50.0, 75.0, 90.0, 100.0)
RATINGS = (0.05, 0.12, 0.25, 0.40, 0.65, 1.0)
"""Rating of a value at each of the quantiles. Half of the recordings are slow: the scale is stretched at its top."""

SPEED = (0.66, 1.16, 1.84, 2.52, 4.33, 6.78)
"""`joint_speed_p95` at the quantiles, m/s."""

ACCELERATION = (4.6, 7.8, 14.9, 22.8, 45.2, 104.9)
"""`joint_acc_p95` at the quantiles, m/s^2."""

AIRTIME = ((0.0, 0.0), (0.1, 0.25), (0.25, 0.5), (0.4, 0.75), (0.55, 1.0))
"""Longest flight in s, and its rating: of the third of the recordings that fly, half do so for 0.35 s and more."""

ROTATION = ((0.0, 0.0), (0.25, 0.2), (0.75, 0.5), (1.0, 0.65), (2.0, 1.0))
"""Turns about the vertical in six seconds, and twice what is turned beyond a quarter about the other axes."""

SUPPORT = ((0.5, 0.05), (0.8, 0.2), (1.3, 0.4), (3.0, 0.75), (5.0, 1.0))
"""Longest stand on one leg in s; half of the recordings stay below 0.5, walks below 1.3."""

SEGMENTS = ((1.0, 0.1), (3.0, 0.4), (6.0, 0.65), (12.0, 1.0))
"""Bursts of speed in six seconds."""

WEIGHTS: Mapping[str, float] = {
    "speed": 0.22, "acceleration": 0.22, "airtime": 0.18, "rotation": 0.18, "support": 0.10, "segments": 0.10,
}  # fmt: skip
POWER = 3.0

_USUAL = 6.0
"""Length in s of the motions of CLAIMS; counts of longer ones are taken for so long."""

_WORDS = ("low", "moderate", "high", "very high")


def ratings(features: HumanFeatures) -> dict[str, float]:
    """The six sides of difficulty, each from 0 to 1."""
    share = min(1.0, _USUAL / max(features.duration, 1e-6))
    over = max(0.0, features.pitch_turned - 0.25) + max(0.0, features.roll_turned - 0.25)
    return {
        "speed": _rated(features.joint_speed_p95, SPEED),
        "acceleration": _rated(features.joint_acc_p95, ACCELERATION),
        "airtime": _marked(features.longest_flight, AIRTIME),
        "rotation": _marked(share * features.yaw_turned + 2.0 * over, ROTATION),
        "support": _marked(features.longest_single_support, SUPPORT),
        "segments": _marked(share * features.bursts, SEGMENTS),
    }


def difficulty(features: HumanFeatures) -> float:
    """1 (basic) to 10 (elite): 1 + 9 (sum of weight * rating^3)^(1/3)."""
    total = sum(WEIGHTS[side] * rating**POWER for side, rating in ratings(features).items())
    return round(1.0 + 9.0 * float(total) ** (1.0 / POWER), 2)


def analysis(features: HumanFeatures, prompt: Prompt, shown: str) -> dict[str, str]:
    """Texts by `records.DESCRIPTORS`, made of numbers.

    Args:
        shown: which moves were found, in words.
    """
    f, rated = features, ratings(features)
    over = max(f.pitch_turned, f.roll_turned)
    inverted = f", upside down for {f.inverted * f.duration:.1f} s" if f.inverted else ""
    flights = f"{f.flights} free flight(s), the longest of {f.longest_flight:.2f} s" if f.flights else "no free flight"
    return {
        "action_sequence": (
            f"{len(prompt.moves)} move(s) asked for: {shown}. {f.bursts} burst(s) of speed in {f.duration:.1f} s."
        ),
        "technical_complexity": (
            f"{_word(rated['rotation'])}: {f.yaw_turned:.1f} turns about the vertical, {over:.2f} over head or side"
            f"{inverted}; {flights}."
        ),
        "movement_intensity": (
            f"{_word(max(rated['speed'], rated['acceleration']))}: joints at {f.joint_speed_mean:.2f} m/s in the mean, "
            f"{f.joint_speed_p95:.2f} at the 95th percentile, with {f.joint_acc_p95:.0f} m/s^2; feet up to "
            f"{f.foot_speed_max:.1f} m/s, hands up to {f.hand_speed_max:.1f}."
        ),
        "balance_requirement": (
            f"{_word(max(rated['support'], rated['airtime']))}: {f.single_support:.0%} of the time on one leg, "
            f"{f.longest_single_support:.1f} s at most; the pelvis between {f.height_min:.2f} and {f.height_max:.2f} "
            f"m, a foot up to {f.foot_height_max:.2f} m."
        ),
        "continuity": (
            f"{f.contact_switches} change(s) of foot contact, still for {f.still:.0%} of the time, {f.path_length:.1f} "
            f"m of way; jerk {f.joint_jerk_mean:.0f} m/s^3 in the mean."
        ),
    }


def _rated(value: float, marks: tuple[float, ...]) -> float:
    return float(np.interp(value, (0.0, *marks), (0.0, *RATINGS)))


def _marked(value: float, marks: tuple[tuple[float, float], ...]) -> float:
    at, rating = zip(*((0.0, 0.0), *marks), strict=True)
    return float(np.interp(value, at, rating))


def _word(rating: float) -> str:
    return _WORDS[int(np.searchsorted((0.25, 0.5, 0.75), rating, side="right"))]
