"""Postures that are taken, held and left; balances on one leg put the centre of mass over the foot."""

from __future__ import annotations

import dataclasses

from athena_wbc.synthesis.generators.library.moves.poses import GUARD, REST, ROUND, SIDE, UP, Builder, level, settle
from athena_wbc.synthesis.generators.library.script import Air, Heel, Key, Script, Step
from athena_wbc.synthesis.generators.library.timeline import REST_DROP
from athena_wbc.synthesis.vocabulary import Move


def stand(move: Move) -> Script:
    """Quietly, with a little sway."""
    del move
    return Script((
        Key(0.45, drop=REST_DROP, spine=(1, 1, 0), head=(0, 0, 6), weight=0.55),
        Key(0.45, spine=(-1, 0, 0), head=(0, 0, -4), weight=0.45, extreme=True),
        settle(0.3),
    ), free_arms=True)  # fmt: skip


def guard(move: Move) -> Script:
    """Left foot ahead, hands up, light on the feet."""
    keys = [
        Key(0.35, drop=0.1, left=Step(0.28, lift=0.04), pelvis=(0, 4, -18), spine=(0, 6, -12), head=(0, 0, 22),
            left_arm=GUARD, right_arm=GUARD, right=Heel(15)),
    ]  # fmt: skip
    for _ in range(1 + move.count):
        keys += [Key(0.18, drop=0.07, weight=0.6), Key(0.18, drop=0.12, weight=0.4, extreme=True)]
    keys.append(settle(0.4, left=Step(lift=0.04), right=Heel(0)))
    return Script(tuple(keys))


def crouch(move: Move) -> Script:
    """Low and compact."""
    drop = level(move, 0.45, 0.36, 0.25)
    return Script((
        Key(0.5, drop=drop, pelvis=(0, 26, 0), spine=(0, 26, 0), head=(0, -25, 0), left=Heel(18), right=Heel(18),
            left_arm=(55, 5, 0.7, 20), right_arm=(55, 5, 0.7, 20), press=0.02, extreme=True),
        settle(0.5, left=Heel(0), right=Heel(0)),
    ), free_arms=True)  # fmt: skip


def squat(move: Move) -> Script:
    """Thighs to the level, arms in front for balance."""
    drop = level(move, 0.46, 0.38, 0.25)
    keys = []
    for _ in range(move.count):
        keys += [
            Key(0.6, drop=drop, pelvis=(0, 30, 0), spine=(0, 16, 0), head=(0, -20, 0), left_arm=(85, 5, 0.97, 10),
                right_arm=(85, 5, 0.97, 10), extreme=True),
            settle(0.55),
        ]  # fmt: skip
    return Script(tuple(keys), free_arms=True)


def kneel(move: Move) -> Script:
    """On the right knee, and up again."""
    del move
    return Script((
        Key(0.45, drop=0.25, left=Step(0.5), right=Heel(40), pelvis=(0, 8, 0), spine=(0, 6, 0)),
        Key(0.4, drop=0.455, right=Heel(58), pelvis=(0, 2, 0), spine=(0, 4, 0), weight=0.55,
            left_arm=(35, 5, 0.75, 15), right_arm=(15, 15, 0.9, 10), extreme=True),
        Key(0.4, drop=0.26, pelvis=(0, 12, 0), spine=(0, 12, 0), weight=0.7),
        settle(0.45, left=Heel(0), right=Step()),
    ), free_arms=True)  # fmt: skip


def bow(move: Move) -> Script:
    """From the hips, the hips going back."""
    angle = level(move, 1.35, 1.0, 0.6)
    return Script((
        Key(0.55, drop=0.03, pelvis=(0, 42 * angle, 0), spine=(0, 26 * angle, 0), head=(0, 10, 0),
            left_arm=(28 * angle, 5, 0.97, 10), right_arm=(28 * angle, 5, 0.97, 10), extreme=True),
        settle(0.6),
    ), free_arms=True)  # fmt: skip


def rise(move: Move) -> Script:
    """Onto the toes, arms overhead."""
    del move
    return Script((
        Key(0.35, drop=0.08, left_arm=(30, 60, 0.95, 10), right_arm=(30, 60, 0.95, 10)),
        Key(0.5, drop=-0.07, left=Heel(48), right=Heel(48), left_arm=UP, right_arm=UP, press=0.06, extreme=True),
        Key(0.2, press=0.06),
        settle(0.45, left=Heel(0), right=Heel(0)),
    ), free_arms=True)  # fmt: skip


def _balance(leg: Air, arm: tuple, other: tuple, high: float = 0.0, **pose: object) -> Script:
    """On the left leg: the weight goes over, the right leg up, stillness, and back."""
    return Script((
        Key(0.4, drop=REST_DROP, weight=0.95, left_arm=SIDE, right_arm=SIDE),
        Key(0.6, drop=high, right=leg, left_arm=arm, right_arm=other, **pose),
        Key(0.35, extreme=True),
        Key(0.4, drop=0.03, right=dataclasses.replace(leg, raised=0.35 * leg.raised, knee=max(25.0, 0.4 * leg.knee)),
            pelvis=(0, 0, 0), spine=(0, 0, 0), head=(0, 0, 0)),
        Key(0.3, right=Step()),
        settle(0.35),
    ), free_arms=True)  # fmt: skip


def balance(move: Move) -> Script:
    """On the left leg, the right knee up."""
    return _balance(Air(level(move, 45, 75, 95), 0, level(move, 60, 85, 100), point=25), SIDE, SIDE, 0.01)


def arabesque(move: Move) -> Script:
    """On the left leg, the right one straight behind, the trunk forwards."""
    pitch = level(move, 25, 45, 68)
    return _balance(Air(-24, 4, 4, turn=12, point=45), (120, 10, 0.98, 10), (85, 80, 0.98, 10), 0.01,
                    pelvis=(0, pitch, 0), spine=(0, -6, 0), head=(0, -22, 0))  # fmt: skip


def side_scale(move: Move) -> Script:
    """On the left leg, the right one straight to the side, the trunk leaning away from it."""
    high = level(move, 55, 75, 95)
    tilt = level(move, -16, -30, -45)
    return _balance(Air(high, 84, 4, point=40), (100, 88, 0.98, 10), (120, 88, 0.98, 10), 0.01,
                    pelvis=(tilt, 0, 0), spine=(-4, 0, 0), head=(15, 0, 0))  # fmt: skip


def sway(move: Move) -> Script:
    """The weight goes from side to side, hips and arms with it."""
    keys = []
    for _ in range(1 + move.count):
        keys += [
            Key(0.36, drop=0.06, weight=0.78, pelvis=(-7, 0, 6), spine=(12, 0, -8), left_arm=(40, 80, 0.9, 20),
                right_arm=(70, 20, 0.8, 30)),
            Key(0.36, drop=0.06, weight=0.22, pelvis=(7, 0, -6), spine=(-12, 0, 8), left_arm=(70, 20, 0.8, 30),
                right_arm=(40, 80, 0.9, 20)),
        ]  # fmt: skip
    keys.append(settle(0.4))
    return Script(tuple(keys), free_arms=True)


def plie(move: Move) -> Script:
    """Knees bend outwards over turned-out feet, the trunk upright."""
    drop = level(move, 0.34, 0.24, 0.15)
    keys = [
        Key(0.3, left=Step(0, 0.08, turn=32, lift=0.03), left_arm=ROUND, right_arm=ROUND),
        Key(0.3, right=Step(0, 0.0, turn=-32, lift=0.03)),
    ]
    for _ in range(move.count):
        keys += [
            Key(0.5, drop=drop, left_arm=(60, 78, 0.9, 30), right_arm=(60, 78, 0.9, 30), extreme=True),
            Key(0.45, drop=0.03, left_arm=ROUND, right_arm=ROUND),
        ]
    keys += [Key(0.25, left=Step(0, 0, lift=0.03), left_arm=REST, right_arm=REST), settle(0.3, right=Step(lift=0.03))]
    return Script(tuple(keys), free_arms=True)


def side_bend(move: Move) -> Script:
    """The trunk bends to the left, the right arm over the head; or where the direction says."""
    sign = 1.0 if move.direction == "right" else -1.0
    over, hip = (172, -10, 0.97, 20), (12, 55, 0.72, 75)
    return Script((
        Key(0.55, spine=(32 * sign, 0, 0), pelvis=(-6 * sign, 0, 0), head=(10 * sign, 0, 0),
            right_arm=over if sign < 0 else hip, left_arm=hip if sign < 0 else over, weight=0.5 + 0.1 * sign,
            extreme=True),
        settle(0.55),
    ))  # fmt: skip


def back_bend(move: Move) -> Script:
    """The trunk arches back, the hips go forwards, arms overhead."""
    angle = level(move, 1.25, 1.0, 0.7)
    return Script((
        Key(0.35, left_arm=UP, right_arm=UP),
        Key(0.6, drop=0.08, pelvis=(0, -14 * angle, 0), spine=(0, -34 * angle, 0), head=(0, -18, 0), extreme=True),
        settle(0.6),
    ))  # fmt: skip


MOVES: dict[str, Builder] = {
    "stand": stand, "guard": guard, "crouch": crouch, "squat": squat, "kneel": kneel, "bow": bow, "rise": rise,
    "balance": balance, "arabesque": arabesque, "side_scale": side_scale, "sway": sway, "plie": plie,
    "side_bend": side_bend, "back_bend": back_bend,
}  # fmt: skip
