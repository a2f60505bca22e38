"""Arm poses and angles that moves share, in degrees."""

from __future__ import annotations

from collections.abc import Callable

from athena_wbc.synthesis.generators.library.script import Arm, Key, Script
from athena_wbc.synthesis.generators.library.timeline import REST_ARM, REST_DROP
from athena_wbc.synthesis.vocabulary import Move

Builder = Callable[[Move], Script]

REST: Arm = REST_ARM
GUARD: Arm = (112.0, -8.0, 0.52, 5.0)
SIDE: Arm = (88.0, 88.0, 0.97, 10.0)
UP: Arm = (168.0, 20.0, 0.97, 10.0)
FRONT: Arm = (88.0, 5.0, 0.95, 15.0)
BACK: Arm = (-48.0, 15.0, 0.97, 0.0)
HIPS: Arm = (12.0, 55.0, 0.72, 75.0)
CLOSE: Arm = (62.0, -12.0, 0.55, 35.0)
ROUND: Arm = (62.0, 20.0, 0.78, 55.0)

CARRIAGE: dict[str, tuple[Arm, Arm]] = {
    "guard": (GUARD, GUARD),
    "wide": (SIDE, SIDE),
    "overhead": (UP, UP),
    "hips": (HIPS, HIPS),
    "close": (CLOSE, CLOSE),
    "reach": (FRONT, FRONT),
}
"""Manner of the arms -> left and right arm."""


def level(move: Move, low: float, middle: float, high: float) -> float:
    """What a height stands for."""
    return {"low": low, "middle": middle, "high": high}[move.height or "middle"]


def way(move: Move, forward: float) -> tuple[float, float]:
    """(forward, left) of a length in the direction of a move."""
    return {
        "forward": (forward, 0.0),
        "back": (-0.6 * forward, 0.0),
        "left": (0.0, 0.7 * forward),
        "right": (0.0, -0.7 * forward),
    }[move.direction or "forward"]


def settle(time: float = 0.35, **changes: object) -> Key:
    """Quiet stance again; feet have to be side by side already, or are named in the changes."""
    values: dict = {
        "drop": REST_DROP, "pelvis": (0, 0, 0), "spine": (0, 0, 0), "head": (0, 0, 0), "left_arm": REST,
        "right_arm": REST,
    }  # fmt: skip
    return Key(time, **(values | changes))
