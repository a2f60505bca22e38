"""Detectors of the vocabulary's moves: for each frame, from 0 to 1, how much a move is being done there.

Each is a product of a few soft conditions on `signals.Signals`, with thresholds in m, s, m/s, rad and turns for a
person of 1.7 m. They tell moves of one family apart only as far as kinematics of 22 joints can: a palm strike is a
straight punch to them. Thresholds were set on single moves of the library generator and on recordings that show one
move; see docs/synthesis_filters.md for how well they do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from athena_wbc.synthesis.judges.signals import Signals, ramp
from athena_wbc.synthesis.vocabulary import Manner, Move

Detector = Callable[[Signals, Move, Manner], np.ndarray]

_TURNS = {
    "turn": 0.5, "pivot": 0.25, "spin": 1.0, "pirouette": 1.0, "turning_jump": 0.5, "spin_kick": 0.75,
}  # fmt: skip
"""Whole turns of moves that turn, where the prompt says nothing."""

_LIFTS = {"low": (0.12, 0.28), "": (0.25, 0.50), "middle": (0.25, 0.50), "high": (0.45, 0.85)}
"""Heights of the sole from which a kick begins to count, and counts in full, m."""


def detect(signals: Signals, move: Move, manner: Manner) -> np.ndarray:
    """(T,) 0 to 1 how much a move is being done in each frame."""
    return np.clip(_DETECTORS[move.move](signals, move, manner), 0.0, 1.0)


def _acting(values: np.ndarray, move: Move) -> np.ndarray:
    """(T,) of (T, 2): the side that the move names, else the better one. For `both` both count."""
    if move.side == "both":
        return values.min(axis=1)
    if move.side:
        return values[:, 0 if move.side == "left" else 1]
    return values.max(axis=1)


def _outward(values: np.ndarray) -> np.ndarray:
    """(T, 2) y of the left and of the right limb, positive away from the body."""
    return values[..., 1] * (1.0, -1.0)


def _turned(s: Signals, move: Move, manner: Manner, own: float) -> np.ndarray:
    """How much of the turn is done within its time about each frame."""
    wanted = abs(move.turns) or own
    change = s.change(s.yaw, 0.7 + 0.7 * (wanted + manner.extra_turns))
    signed = change * np.sign(move.turns) if move.turns else np.abs(change)
    return ramp(signed, 0.35 * wanted, 0.8 * wanted)


def _turning(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    return _turned(s, move, manner, _TURNS[move.move]) * ramp(s.upright, 0.4, 0.7)


def _gait(low: float, high: float, most: tuple[float, float] | None = None) -> Detector:
    def gait(s: Signals, move: Move, manner: Manner) -> np.ndarray:
        along = _along(s, move.direction or "forward")
        value = s.lasting(along, 0.5)
        found = ramp(value, low, high) * ramp(s.crouch, 0.55, 0.7)
        steps = ramp(s.spread(s.foot[:, 0, 0] - s.foot[:, 1, 0], 1.0), 0.15, 0.35)
        steps = np.maximum(steps, ramp(s.spread(s.foot[:, 0, 1] - s.foot[:, 1, 1], 1.0), 0.1, 0.25))
        return found * steps * (1.0 if most is None else ramp(value, *most))

    return gait


def _along(s: Signals, direction: str) -> np.ndarray:
    axis, sign = {"forward": (0, 1.0), "back": (0, -1.0), "left": (1, 1.0), "right": (1, -1.0)}[direction]
    return sign * s.travel[:, axis]


def _sideways(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    if move.direction:
        along = _along(s, move.direction)
    elif move.side in ("left", "right"):
        along = _along(s, move.side)
    else:
        along = np.abs(s.travel[:, 1])
    return ramp(s.lasting(along, 0.4), 0.12, 0.4) * ramp(s.upright, 0.5, 0.7)


def _backwards(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    return ramp(s.lasting(_along(s, move.direction or "back"), 0.4), 0.12, 0.4) * ramp(s.upright, 0.5, 0.7)


def _march(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    lifted = ramp(s.knee[..., 2], -0.30, -0.18)
    both = np.minimum(s.around(lifted[:, 0], 0.8), s.around(lifted[:, 1], 0.8))
    return both * ramp(s.upright, 0.7, 0.9) * ramp(s.flight, 0.2, 0.1)


def _skip(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    hops = s.around(np.maximum(ramp(s.flight, 0.05, 0.12), s.bounce), 0.4)
    return hops * ramp(s.lasting(s.speed, 0.6), 0.3, 0.8) * s.around(ramp(s.knee[..., 2].max(axis=1), -0.3, -0.18), 0.4)


def _lunge(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    apart = np.linalg.norm(s.foot[:, 0, :2] - s.foot[:, 1, :2], axis=1)
    down = ramp(s.foot_height.max(axis=1), 0.15, 0.08)
    return ramp(apart, 0.5, 0.75) * ramp(s.crouch, 0.97, 0.85) * s.around(down, 0.1) * ramp(s.upright, 0.5, 0.7)


def _crawl(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    hands = ramp(s.pelvis[:, [2]] + s.wrist[..., 2], 0.35, 0.2).max(axis=1)
    return ramp(s.crouch, 0.65, 0.5) * s.around(hands, 0.3) * ramp(s.lasting(s.speed, 0.8), 0.05, 0.2)


def _zigzag(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    way = s.rate(s.pelvis[:, :2])
    angle = np.unwrap(np.arctan2(way[:, 1], way[:, 0]))
    bends = s.around(ramp(np.abs(s.change(angle, 0.8)), 0.5, 1.1) * ramp(s.speed, 0.2, 0.5), 0.8)
    return ramp(s.lasting(s.speed, 0.8), 0.3, 0.7) * bends


def _jump(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    full = {"low": 0.15, "": 0.25, "middle": 0.25, "high": 0.38}[move.height]
    return ramp(s.flight, 0.3 * full, full) * ramp(s.upright, 0.0, 0.5)


def _leap(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    return _jump(s, Move("jump"), manner) * s.around(ramp(s.speed, 0.4, 1.0), 0.2)


def _hop(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    alone = s.around(_acting(s.alone, move), 0.4)
    return np.maximum(ramp(s.flight, 0.02, 0.12), s.bounce) * alone


def _tuck_jump(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    return _jump(s, Move("jump"), manner) * s.around(ramp(s.knee[..., 2].min(axis=1), -0.3, -0.12), 0.15)


def _straddle_jump(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    return _jump(s, Move("jump"), manner) * s.around(ramp(_spread_feet(s), 0.5, 0.9), 0.15)


def _spread_feet(s: Signals) -> np.ndarray:
    return np.abs(s.ankle[:, 0, 1] - s.ankle[:, 1, 1])


def _turning_jump(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    return s.around(ramp(s.flight, 0.05, 0.2), 0.2) * _turning(s, move, manner)


def _jumping_jack(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    overhead = ramp(s.wrist[..., 2] - s.head[:, None, 2], -0.2, 0.0).min(axis=1)
    wide = ramp(_spread_feet(s), 0.35, 0.6)
    return s.around(overhead * wide, 0.1) * s.around(np.maximum(ramp(s.flight, 0.0, 0.08), s.bounce), 0.6)


def _kick(s: Signals, move: Move, direction: np.ndarray, fast: tuple[float, float] = (1.5, 3.0)) -> np.ndarray:
    """A lifted foot that came there fast and points somewhere. Direction (T, 2) 0 to 1."""
    lifted = ramp(s.foot_height, *_LIFTS[move.height])
    leg = np.linalg.norm(s.ankle - s.hip, axis=2) / 0.8
    stretched = ramp(leg, 0.65, 0.85)
    swift = s.around(ramp(s.foot_speed, *fast), 0.25)
    other = ramp(s.foot_height - s.foot_height[:, ::-1], 0.1, 0.25)
    return _acting(lifted * stretched * swift * other * direction, move) * ramp(s.upright, 0.1, 0.4)


def _azimuth(s: Signals) -> np.ndarray:
    """(T, 2) direction of the foot from the pelvis along the ground: 0 to the front, pi/2 to its own side."""
    return np.arctan2(_outward(s.foot), s.foot[..., 0])


def _front_kick(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    return _kick(s, move, ramp(np.abs(_azimuth(s)), 1.0, 0.6))


def _side_kick(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    return _kick(s, move, ramp(np.abs(_azimuth(s) - 0.5 * np.pi), 1.2, 0.8))


def _round_kick(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    swings = s.around(ramp(np.abs(s.rate(np.unwrap(_azimuth(s), axis=0))), 2.0, 5.0), 0.2)
    return _kick(s, move, ramp(np.abs(_azimuth(s)), 2.0, 1.5) * swings)


def _back_kick(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    return _kick(s, move, ramp(np.abs(_azimuth(s)), 1.7, 2.2))


def _crescent_kick(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    sweeps = s.around(ramp(np.abs(s.rate(_outward(s.foot))), 1.0, 2.5), 0.25)
    return _kick(s, move, ramp(np.abs(_azimuth(s)), 2.0, 1.5) * sweeps)


def _axe_kick(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    drops = s.around(ramp(-s.rate(s.foot_height), 1.5, 3.0), 0.35)
    high = ramp(s.foot_height, 0.5, 0.9)
    return _kick(s, move, ramp(np.abs(_azimuth(s)), 1.3, 0.8) * drops * high)


def _spin_kick(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    return _kick(s, move, np.ones_like(s.foot_height)) * s.around(_turned(s, move, manner, _TURNS[move.move]), 0.4)


def _jump_kick(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    return _kick(s, move, np.ones_like(s.foot_height)) * s.around(ramp(s.flight, 0.08, 0.2), 0.2)


def _knee_strike(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    lifted = ramp(s.knee[..., 2], -0.28, -0.12) * ramp(s.foot_height - s.foot_height[:, ::-1], 0.05, 0.2)
    bent = ramp(np.linalg.norm(s.ankle - s.hip, axis=2) / 0.8, 0.95, 0.8)
    fast = s.around(ramp(np.linalg.norm(s.rate(s.knee), axis=2), 0.8, 1.8), 0.25)
    return _acting(lifted * bent * fast, move) * ramp(s.upright, 0.3, 0.6)


def _sweep(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    far = ramp(np.linalg.norm(s.foot[..., :2], axis=2), 0.4, 0.65)
    low = ramp(s.foot_height, 0.35, 0.2)
    fast = s.around(ramp(np.abs(s.rate(np.unwrap(_azimuth(s), axis=0))), 2.0, 4.5), 0.15)
    return _acting(far * low * fast, move) * ramp(s.crouch, 0.97, 0.85)


def _leg_lift(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    lifted = ramp(s.foot_height, *_LIFTS[move.height])
    carried = s.alone[:, ::-1]
    return _acting(np.stack([s.lasting(lifted[:, side] * carried[:, side], 0.4) for side in (0, 1)], axis=1), move)


def _strike(s: Signals, move: Move, shape: np.ndarray, fast: tuple[float, float] = (1.5, 3.0)) -> np.ndarray:
    """A hand that came fast to where `shape` (T, 2) wants it."""
    swift = s.around(ramp(s.hand_speed, *fast), 0.2)
    return _acting(shape * swift, move)


def _ahead(s: Signals) -> np.ndarray:
    """(T, 2) how much of the arm's length the hand is in front of the shoulder."""
    return s.reach[..., 0]


def _straight_punch(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    # A fighter stands sideways: the fist goes where the trunk's side points, but out and not down.
    grows = s.around(ramp(s.rate(s.extension), 1.0, 2.5), 0.2)
    level = ramp(s.reach[..., 2], -0.6, -0.35) * ramp(_ahead(s), -0.1, 0.1)
    return _strike(s, move, ramp(s.extension, 0.75, 0.92) * level * grows)


def _hook_punch(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    bent = ramp(s.extension, 0.95, 0.85)
    across = s.around(ramp(-s.rate(_outward(s.wrist - s.shoulder)), 0.8, 2.0), 0.2)
    level = ramp(np.abs(s.reach[..., 2]), 0.7, 0.4)
    return _strike(s, move, bent * across * level * ramp(_ahead(s), 0.15, 0.4))


def _uppercut(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    rises = s.around(ramp(s.rate(s.wrist[..., 2] - s.shoulder[..., 2]), 1.0, 2.2), 0.2)
    return _strike(
        s, move, rises * ramp(s.extension, 0.95, 0.85) * ramp(_ahead(s), 0.1, 0.35) * ramp(s.reach[..., 2], -0.5, -0.2)
    )


def _elbow_strike(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    raised = ramp((s.elbow - s.shoulder)[..., 2], -0.2, -0.05)
    fast = s.around(ramp(np.linalg.norm(s.rate(s.elbow - s.shoulder), axis=2), 0.7, 1.6), 0.2)
    return _acting(raised * ramp(s.extension, 0.8, 0.65) * fast, move)


def _block(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    up = ramp(s.reach[..., 2], -0.6, -0.2) if move.height != "low" else ramp(s.reach[..., 2], 0.0, -0.3)
    return _strike(s, move, up * ramp(s.extension, 1.0, 0.85) * ramp(_ahead(s), 0.1, 0.35), (0.7, 1.6))


def _throw(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    above = s.around(ramp(s.reach[..., 2], -0.1, 0.25), 0.4)
    return _strike(s, move, above * ramp(_ahead(s), 0.2, 0.5), (2.0, 3.5))


def _swing(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    return _strike(s, move, ramp(s.extension, 0.55, 0.75), (1.2, 2.5))


def _push(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    grows = s.around(ramp(s.rate(_ahead(s)), 0.5, 1.5), 0.4)
    shape = ramp(_ahead(s), 0.5, 0.75) * grows
    return shape.min(axis=1) if move.side in ("", "both") else _acting(shape, move)


def _pull(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    returns = ramp(-s.rate(_ahead(s)), 0.5, 1.5) * s.around(ramp(_ahead(s), 0.4, 0.7), 0.4)
    return returns.min(axis=1) if move.side in ("", "both") else _acting(returns, move)


def _reach(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    up = {"high": ramp(s.reach[..., 2], 0.2, 0.7), "low": ramp(s.reach[..., 2], -0.4, -0.7)}
    return _acting(ramp(s.extension, 0.8, 0.93) * up.get(move.height, ramp(s.reach[..., 2], -0.5, -0.1)), move)


def _arm_wave(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    raised = ramp(s.reach[..., 2], -0.5, -0.1)
    moves = np.stack([s.lasting(ramp(s.hand_speed[:, side], 0.2, 0.7), 0.8) for side in (0, 1)], axis=1)
    return _acting(raised * moves, move)


def _arm_circle(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    swung = np.stack([s.spread(s.reach[:, side, 2], 1.4 / s.tempo) for side in (0, 1)], axis=1)
    out = np.stack([s.around(np.linalg.norm(s.reach[:, side, :2], axis=1), 0.5) for side in (0, 1)], axis=1)
    return _acting(ramp(swung, 0.9, 1.5) * ramp(out, 0.6, 0.85) * ramp(s.extension, 0.7, 0.85), move)


def _clap(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    apart = np.linalg.norm(s.wrist[:, 0] - s.wrist[:, 1], axis=1)
    closing = s.around(ramp(-s.rate(apart), 0.5, 1.5), 0.2)
    return ramp(apart, 0.3, 0.18) * closing


def _stand(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    slow = ramp(s.lasting(s.foot_speed.max(axis=1), 0.4), 0.4, 0.15)
    return slow * ramp(s.upright, 0.75, 0.9) * ramp(s.crouch, 0.75, 0.88)


def _guard(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    up = ramp(s.reach[..., 2], -0.55, -0.25) * ramp(_ahead(s), 0.1, 0.3) * ramp(s.extension, 0.85, 0.7)
    return s.lasting(up.min(axis=1), 0.3)


def _crouch(low: float, high: float) -> Detector:
    def crouch(s: Signals, move: Move, manner: Manner) -> np.ndarray:
        return ramp(s.crouch, high, low) * ramp(s.foot_height.max(axis=1), 0.3, 0.15) * ramp(s.upright, 0.2, 0.5)

    return crouch


def _kneel(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    knees = s.pelvis[:, [2]] + s.knee[..., 2]
    return _acting(ramp(knees, 0.25, 0.14), move) * ramp(s.upright, 0.4, 0.7)


def _bow(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    return ramp(s.lean[:, 0], 0.3, 0.65) * ramp(s.crouch, 0.6, 0.75)


def _rise(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    return ramp(s.change(s.pelvis[:, 2], 1.0), 0.05, 0.18) * ramp(s.flight, 0.2, 0.1)


def _balance(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    held = np.stack([s.lasting(s.alone[:, side], 0.9) for side in (0, 1)], axis=1)
    return ramp(held, 0.5, 0.9).max(axis=1)


def _arabesque(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    behind = ramp(s.foot_height, 0.2, 0.45) * ramp(np.abs(_azimuth(s)), 1.6, 2.2)
    return _other_leg(s, behind)


def _side_scale(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    beside = ramp(s.foot_height, 0.2, 0.45) * ramp(np.abs(_azimuth(s) - 0.5 * np.pi), 1.1, 0.7)
    return _other_leg(s, beside)


def _other_leg(s: Signals, lifted: np.ndarray) -> np.ndarray:
    """A leg that is lifted (T, 2) while the other one carries. The side may be meant as either leg's."""
    held = np.stack([s.lasting(lifted[:, 1 - side] * s.alone[:, side], 0.4) for side in (0, 1)], axis=1)
    return ramp(held, 0.2, 0.7).max(axis=1)


def _sway(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    leans = s.spread(s.lean[:, 1], 1.5)
    shifts = s.spread(_between_feet(s), 1.5)
    return np.maximum(ramp(leans, 0.06, 0.2), ramp(shifts, 0.06, 0.15)) * ramp(s.upright, 0.8, 0.93)


def _between_feet(s: Signals) -> np.ndarray:
    """(T,) how far the pelvis is to the left of the middle of the feet."""
    return -s.ankle[..., 1].mean(axis=1)


def _plie(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    return ramp(s.crouch, 0.95, 0.82) * ramp(s.upright, 0.88, 0.95) * ramp(s.foot_height.max(axis=1), 0.2, 0.1)


def _side_bend(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    # The side may be meant as that of the arm that reaches over, or as that to which the trunk bends.
    return ramp(np.abs(s.lean[:, 1]), 0.08, 0.22) * ramp(s.foot_height.max(axis=1), 0.3, 0.15)


def _back_bend(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    return ramp(-s.lean[:, 0], 0.12, 0.35) * ramp(s.foot_height.max(axis=1), 0.3, 0.15)


def _duck(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    head = s.pelvis[:, 2] + s.head[:, 2]
    return ramp(-s.change(head, 0.7), 0.1, 0.3) * ramp(s.upright, 0.2, 0.4)


def _slip(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    head = s.head[:, 1] + _between_feet(s)
    aside = np.maximum(ramp(s.spread(head, 0.6), 0.08, 0.2), ramp(s.spread(s.lean[:, 1], 0.6), 0.08, 0.2))
    return aside * ramp(s.upright, 0.6, 0.8)


def _dodge(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    away = np.maximum(np.abs(s.travel[:, 1]), -s.travel[:, 0])
    along = _along(s, move.direction) if move.direction else away
    return ramp(s.lasting(along, 0.3), 0.25, 0.6) * ramp(s.upright, 0.5, 0.7)


def _sprawl(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    hands = ramp(s.pelvis[:, [2]] + s.wrist[..., 2], 0.35, 0.18).min(axis=1)
    return hands * ramp(s.crouch, 0.75, 0.5) * ramp(s.upright, 0.8, 0.5)


def _roll(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    return ramp(np.abs(s.change(s.pitch, 2.0)), 0.4, 0.75) * s.around(ramp(s.crouch, 0.6, 0.4), 0.5)


def _cartwheel(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    hands = s.around(ramp(s.pelvis[:, [2]] + s.wrist[..., 2], 0.4, 0.2).max(axis=1), 0.6)
    return ramp(np.abs(s.change(s.roll, 2.2)), 0.35, 0.7) * s.around(ramp(s.upright, 0.0, -0.6), 0.8) * hands


def _somersault(sign: float) -> Detector:
    def somersault(s: Signals, move: Move, manner: Manner) -> np.ndarray:
        turned = ramp(sign * s.change(s.pitch, 1.6), 0.4, 0.75)
        return turned * s.around(ramp(s.upright, 0.0, -0.6), 0.6) * s.around(ramp(s.flight, 0.05, 0.25), 0.6)

    return somersault


def _get_up(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    low = s.around(ramp(s.crouch, 0.65, 0.45), 1.5)
    return ramp(s.change(s.pelvis[:, 2], 1.5), 0.15, 0.4) * low


def _push_up(s: Signals, move: Move, manner: Manner) -> np.ndarray:
    hands = ramp(s.pelvis[:, [2]] + s.wrist[..., 2], 0.35, 0.18).min(axis=1)
    return hands * ramp(s.upright, 0.6, 0.4) * ramp(s.crouch, 0.75, 0.55)


_DETECTORS: Mapping[str, Detector] = {
    "walk": _gait(0.2, 0.5, (2.2, 1.7)), "run": _gait(0.9, 1.6), "sprint": _gait(1.3, 2.2), "march": _march,
    "skip": _skip, "side_step": _sideways, "shuffle": _sideways, "back_step": _backwards, "lunge": _lunge,
    "crawl": _crawl, "zigzag": _zigzag,
    "turn": _turning, "pivot": _turning, "spin": _turning, "pirouette": _turning,
    "jump": _jump, "leap": _leap, "hop": _hop, "tuck_jump": _tuck_jump, "straddle_jump": _straddle_jump,
    "turning_jump": _turning_jump, "jumping_jack": _jumping_jack,
    "front_kick": _front_kick, "side_kick": _side_kick, "round_kick": _round_kick, "back_kick": _back_kick,
    "crescent_kick": _crescent_kick, "axe_kick": _axe_kick, "spin_kick": _spin_kick, "jump_kick": _jump_kick,
    "knee_strike": _knee_strike, "sweep": _sweep, "leg_lift": _leg_lift,
    "straight_punch": _straight_punch, "hook_punch": _hook_punch, "uppercut": _uppercut,
    "elbow_strike": _elbow_strike, "palm_strike": _straight_punch, "block": _block, "throw": _throw, "swing": _swing,
    "push": _push, "pull": _pull, "reach": _reach, "arm_wave": _arm_wave, "arm_circle": _arm_circle, "clap": _clap,
    "stand": _stand, "guard": _guard, "crouch": _crouch(0.72, 0.9), "squat": _crouch(0.68, 0.88), "kneel": _kneel,
    "bow": _bow, "rise": _rise, "balance": _balance, "arabesque": _arabesque, "side_scale": _side_scale,
    "sway": _sway, "plie": _plie, "side_bend": _side_bend, "back_bend": _back_bend,
    "duck": _duck, "slip": _slip, "dodge": _dodge, "sprawl": _sprawl,
    "roll": _roll, "cartwheel": _cartwheel, "backflip": _somersault(-1.0), "front_flip": _somersault(1.0),
    "get_up": _get_up, "push_up": _push_up,
}  # fmt: skip
