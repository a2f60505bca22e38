"""Turns on the ground."""

from __future__ import annotations

import math

from athena_wbc.synthesis.generators.library.moves.poses import ROUND, SIDE, Builder, settle
from athena_wbc.synthesis.generators.library.script import Air, Heel, Key, Pivot, Script, Step
from athena_wbc.synthesis.vocabulary import Move


def turn(move: Move) -> Script:
    """In steps of at most an eighth of a turn a foot, half a turn where nothing is said."""
    angle = 360.0 * (move.turns or 0.5)
    pairs = max(1, math.ceil(abs(angle) / 95.0))
    keys = []
    for _ in range(pairs):
        part = angle / pairs
        first = "left" if angle > 0 else "right"
        second = "right" if angle > 0 else "left"
        keys.append(Key(0.3, drop=0.05, turn=0.6 * part, head=(0, 0, 0.25 * part), **{first: Step(lift=0.05)}))
        keys.append(Key(0.3, drop=0.04, turn=0.4 * part, head=(0, 0, 0), **{second: Step(lift=0.05)}))
        keys.append(Key(0.14, **{first: Pivot()}))
    keys.append(settle(0.3))
    return Script(tuple(keys), free_arms=True)


def pivot(move: Move) -> Script:
    """On the ball of the left foot, the right one is set down beside it; half a turn where nothing is said."""
    angle = 360.0 * (move.turns or 0.5)
    return Script((
        Key(0.22, drop=0.08, pelvis=(0, 0, -math.copysign(12, angle)), spine=(0, 0, -math.copysign(18, angle)),
            weight=0.8),
        Key(0.32, drop=0.05, turn=0.75 * angle, left=Pivot(), right=Air(22, 8, 45), pelvis=(0, 0, 0), spine=(0, 0, 0),
            quick=True),
        Key(0.26, drop=0.06, turn=0.25 * angle, left=Pivot(), right=Step()),
        settle(0.3),
    ), free_arms=True)  # fmt: skip


def _rotations(angle: float, time: float, leg: Air, left: Pivot) -> list[Key]:
    """Keys of a turn on one foot, a half turn each; `time` is that of one, and less the more of them there are."""
    halves = max(1, math.ceil(abs(angle) / 180.0 - 1e-6))
    time = time / (1.0 + 0.06 * max(0.0, abs(angle) / 180.0 - 2.0))
    return [Key(time * abs(angle) / halves / 180.0, turn=angle / halves, left=left, right=leg) for _ in range(halves)]


def spin(move: Move) -> Script:
    """A quick turn on the left foot, one where nothing is said."""
    angle = 360.0 * (move.turns or 1.0)
    arm = (55, -10, 0.5, 35)
    back = -math.copysign(1.0, angle)
    into, out = math.copysign(min(0.12 * abs(angle), 50.0), angle), math.copysign(min(0.06 * abs(angle), 30.0), angle)
    return Script((
        Key(0.3, drop=0.1, pelvis=(0, 0, 15 * back), spine=(0, 0, 25 * back), left_arm=SIDE, right_arm=SIDE,
            weight=0.8),
        Key(0.14, drop=0.03, turn=into, left=Pivot(), right=Air(30, 25, 70), pelvis=(0, 0, 0), spine=(0, 0, 0),
            left_arm=arm, right_arm=arm),
        *_rotations(angle - into - out, 0.24, Air(32, 25, 78), Pivot()),
        Key(0.24, drop=0.08, turn=out, left=Pivot(), right=Step(), left_arm=SIDE, right_arm=SIDE),
        settle(0.4),
    ))  # fmt: skip


def pirouette(move: Move) -> Script:
    """On the raised left foot, the right one at the knee, arms rounded in front; one turn where nothing is said."""
    angle = 360.0 * (move.turns or 1.0)
    leg = Air(62, 58, 118, turn=42, point=50)
    back = -math.copysign(1.0, angle)
    return Script((
        Key(0.45, drop=0.13, right=Step(-0.12, 0.02), pelvis=(0, 0, 8 * back), spine=(0, 0, 12 * back),
            left_arm=(85, 80, 0.95, 20), right_arm=(80, 10, 0.85, 30)),
        Key(0.24, drop=-0.045, turn=0.15 * angle, left=Heel(45), right=leg, pelvis=(0, 0, 0), spine=(0, 0, 0),
            left_arm=ROUND, right_arm=ROUND, extreme=True),
        *_rotations(0.85 * angle, 0.27, leg, Pivot()),
        Key(0.3, drop=0.08, left=Heel(0), right=Step(-0.1), left_arm=(70, 70, 0.95, 20), right_arm=(70, 70, 0.95, 20)),
        settle(0.45, right=Step()),
    ))  # fmt: skip


MOVES: dict[str, Builder] = {"turn": turn, "pivot": pivot, "spin": spin, "pirouette": pirouette}
