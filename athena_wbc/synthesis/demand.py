"""How demanding a plan is, on the scale of tiers, from its words alone: before anything was generated.

It sorts; it does not measure. What a motion really asks of a tracker is measured on the motion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from athena_wbc.synthesis.vocabulary import FAMILY, Manner, Move

LEVELS: Mapping[int, tuple[str, ...]] = {
    1: (
        "walk", "march", "side_step", "back_step", "turn", "straight_punch", "palm_strike", "elbow_strike",
        "hook_punch", "uppercut", "block", "throw", "swing", "push", "pull", "reach", "arm_wave", "arm_circle", "clap",
        "stand", "guard", "crouch", "squat", "kneel", "bow", "rise", "sway", "plie", "side_bend", "slip",
    ),
    2: (
        "run", "skip", "shuffle", "lunge", "crawl", "zigzag", "pivot", "spin", "pirouette", "hop", "jump",
        "jumping_jack", "front_kick", "side_kick", "round_kick", "back_kick", "crescent_kick", "axe_kick",
        "knee_strike", "sweep", "leg_lift", "balance", "arabesque", "side_scale", "back_bend", "duck", "dodge",
        "push_up",
    ),
    3: (
        "sprint", "leap", "tuck_jump", "straddle_jump", "turning_jump", "spin_kick", "jump_kick",
        "sprawl", "roll", "cartwheel", "backflip", "front_flip", "get_up",
    ),
}  # fmt: skip
"""Tier -> moves. 1: both feet near the floor, no hurry; 2: one leg, a hop, or speed; 3: flight, whirl, floor."""

_LEVEL = {move: level for level, moves in LEVELS.items() for move in moves}
_RAISED = ("legs", "jumping")
_PER_OTHER = 0.15
_HEIGHT = {"low": -0.5, "high": 0.5}
_AT_REST = 1.75
"""Demand of :data:`~athena_wbc.synthesis.vocabulary.PLAIN`, between basic and intermediate."""


def move_demand(move: Move) -> float:
    """Level of one move, higher for high kicks and jumps and for turns beyond the first."""
    demand = float(_LEVEL[move.move])
    if FAMILY[move.move] in _RAISED:
        demand += _HEIGHT.get(move.height, 0.0)
    return demand + 0.75 * max(abs(move.turns) - 1.0, 0.0)


def plan_demand(moves: Sequence[Move]) -> float:
    """The hardest move, and a little of each other one: a chain is harder than its parts. No moves are 1."""
    if not moves:
        return 1.0
    demands = sorted((move_demand(move) for move in moves), reverse=True)
    return demands[0] + _PER_OTHER * sum(demands[1:])


def manner_demand(manner: Manner) -> float:
    """Rises with speed, suddenness, excursions, height and depth; falls with rests."""
    return (
        _AT_REST
        + 2.5 * (manner.tempo - 1.0)
        + 3.0 * (manner.amplitude - 1.0)
        + 2.0 * (manner.jump - 1.0)
        + 3.0 * manner.depth
        + 0.6 * manner.extra_turns
        + 0.6 * manner.burst
        + 0.5 * abs(manner.lean)
        - 0.8 * manner.pause
        - 0.8 * manner.hold
    )


def tier_of(moves: Sequence[Move], manner: Manner) -> float:
    """Tier of a plan without a bank: the mean of its moves' and its manner's, each within 1 to 3."""
    return (_bounded(plan_demand(moves)) + _bounded(manner_demand(manner))) / 2.0


def _bounded(demand: float) -> float:
    return min(max(demand, 1.0), 3.0)
