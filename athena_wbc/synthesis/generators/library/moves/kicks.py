"""Strikes with the leg: chamber, extension, recoil, and the foot down again."""

from __future__ import annotations

import dataclasses
import math

from athena_wbc.synthesis.generators.library.moves.poses import BACK, GUARD, SIDE, Builder, level, settle
from athena_wbc.synthesis.generators.library.script import Air, Heel, Key, Pivot, Script, Step
from athena_wbc.synthesis.vocabulary import Move

_READY = {"left_arm": GUARD, "right_arm": GUARD, "drop": 0.06}


def _ready(time: float = 0.25, **changes: object) -> Key:
    return Key(time, **(_READY | {"weight": 0.8} | changes))


def _down(time: float = 0.28, **changes: object) -> Key:
    values: dict = {"pelvis": (0, 0, 0), "spine": (0, 0, 0), "head": (0, 0, 0), "right": Step(), "drop": 0.05}
    return Key(time, **(values | changes))


def front_kick(move: Move) -> Script:
    """Knee up, shank out to the front."""
    high = level(move, 62, 92, 118)
    return Script((
        _ready(),
        Key(0.24, drop=0.06, right=Air(92, 4, 118, point=10), pelvis=(0, -6, 8), spine=(0, 10, 0), quick=True),
        Key(0.15, drop=0.04, right=Air(high, 0, 6, point=5), pelvis=(0, -18, 14), spine=(0, 16, -8),
            right_arm=(20, 30, 0.8, 20), extreme=True, quick=True),
        Key(0.2, drop=0.06, right=Air(84, 4, 112, point=10), pelvis=(0, -6, 4), right_arm=GUARD),
        _down(),
    ))  # fmt: skip


def side_kick(move: Move) -> Script:
    """To the right: knee up in front, foot thrust out sideways, trunk leaning away."""
    high = level(move, 58, 84, 105)
    tilt = level(move, -12, -28, -42)
    return Script((
        _ready(),
        Key(0.28, drop=0.06, right=Air(95, 30, 125, point=-5), pelvis=(-6, 0, 10), left=Pivot(25), head=(0, 0, -50),
            quick=True),
        Key(0.17, drop=0.04, right=Air(high, 92, 5, point=-10), pelvis=(tilt, 0, 30), left=Pivot(60),
            spine=(tilt / 3, 0, -15), head=(0, 0, -70), right_arm=(40, 80, 0.9, 10), extreme=True, quick=True),
        Key(0.22, drop=0.06, right=Air(90, 30, 120, point=0), pelvis=(-8, 0, 10), right_arm=GUARD, head=(0, 0, -40)),
        _down(left=Pivot(0)),
    ))  # fmt: skip


def round_kick(move: Move) -> Script:
    """The leg comes round from the side, the hips and the standing foot turn with it."""
    high = level(move, 55, 86, 112)
    tilt = level(move, -8, -22, -38)
    return Script((
        _ready(pelvis=(0, 0, -10)),
        Key(0.28, drop=0.06, right=Air(72, 62, 115, point=30), left=Pivot(45), pelvis=(-10, 0, 28),
            spine=(0, 5, -20), quick=True),
        Key(0.2, drop=0.04, right=Air(high, 42, 8, turn=-35, point=40), left=Pivot(85), pelvis=(tilt, 0, 75),
            spine=(tilt / 3, 5, -35), head=(0, 0, -25), right_arm=(-10, 60, 0.9, 10), extreme=True, quick=True),
        Key(0.22, drop=0.07, right=Air(80, 30, 110, point=25), left=Pivot(55), pelvis=(-8, 0, 40), spine=(0, 5, -10),
            right_arm=GUARD),
        _down(0.3, left=Pivot(0)),
    ))  # fmt: skip


def back_kick(move: Move) -> Script:
    """Straight back, the trunk forwards and down, looking over the shoulder."""
    pitch = level(move, 30, 52, 68)
    return Script((
        _ready(head=(0, 0, -45), spine=(0, 5, -20)),
        Key(0.26, drop=0.08, right=Air(70, 0, 118, point=-10), pelvis=(0, 12, 0), head=(0, -10, -60), quick=True),
        Key(0.17, drop=0.06, right=Air(-26, 5, 6, point=-15), pelvis=(0, pitch, -12), spine=(0, 12, -15),
            head=(0, -25, -60), left_arm=(60, 20, 0.7, 20), right_arm=(50, 50, 0.7, 20), extreme=True, quick=True),
        Key(0.24, drop=0.08, right=Air(60, 0, 110), pelvis=(0, 14, 0), left_arm=GUARD, right_arm=GUARD),
        _down(),
    ))  # fmt: skip


def crescent_kick(move: Move) -> Script:
    """The straight leg draws an arc from across the body over the front to its own side."""
    high = level(move, 70, 98, 120)
    return Script((
        _ready(),
        Key(0.24, drop=0.05, right=Air(0.75 * high, -38, 25, point=5), pelvis=(0, -4, 16), spine=(0, 8, -8),
            quick=True),
        Key(0.14, drop=0.03, right=Air(high, 5, 4, point=0), pelvis=(-6, -14, 5), spine=(0, 14, -5), extreme=True,
            quick=True),
        Key(0.15, drop=0.04, right=Air(0.72 * high, 68, 6, point=5), pelvis=(-12, -4, -10), quick=True),
        Key(0.16, drop=0.05, right=Air(28, 35, 45), pelvis=(-4, 0, 0)),
        _down(0.24),
    ))  # fmt: skip


def axe_kick(move: Move) -> Script:
    """The straight leg goes up in front and comes down hard."""
    high = level(move, 95, 118, 138)
    return Script((
        _ready(),
        Key(0.28, drop=0.03, right=Air(high, 8, 8, point=0), pelvis=(0, -14, 6), spine=(0, 14, 0), extreme=True),
        Key(0.2, drop=0.06, right=Air(32, 0, 4, point=25), pelvis=(0, 6, 4), spine=(0, 14, 0), quick=True),
        Key(0.12, drop=0.12, right=Step(0.32), pelvis=(0, 8, 0), quick=True),
        _down(0.35),
    ))  # fmt: skip


def spin_kick(move: Move) -> Script:
    """A whole turn backwards over the left foot, the right heel sweeping round at the end of a straight leg."""
    high = level(move, 52, 74, 92)
    more = max(0.0, abs(move.turns) - 1.0)
    halves = math.ceil(2.0 * more)
    folded = Air(40, 10, 80)
    keys = [
        _ready(left=Pivot(15), pelvis=(0, 0, 12), spine=(0, 5, 12)),
        Key(0.24, turn=-150, left=Pivot(-15), right=folded, drop=0.09, pelvis=(0, 8, -10), head=(0, 0, -50),
            left_arm=GUARD, right_arm=GUARD),
        *(Key(0.22, turn=-360.0 * more / halves, left=Pivot(-15), right=folded) for _ in range(halves)),
        Key(0.16, turn=-90, left=Pivot(-10), right=Air(high, 85, 10, turn=10), drop=0.05, pelvis=(-32, 6, 0),
            spine=(-10, 4, -10), right_arm=(45, 80, 0.9, 10), quick=True),
        Key(0.14, turn=-90, left=Pivot(-10), right=Air(high, 80, 6, turn=10), drop=0.05, pelvis=(-30, 4, 0),
            extreme=True, quick=True),
        Key(0.18, turn=-30, left=Pivot(), right=Air(55, 45, 75), drop=0.07, pelvis=(-8, 4, 0), spine=(0, 4, 0),
            head=(0, 0, 0)),
        _down(0.3, left_arm=GUARD, right_arm=GUARD, left=Pivot()),
    ]  # fmt: skip
    return Script(tuple(keys))


def jump_kick(move: Move) -> Script:
    """Off both feet, the left knee first, the right leg kicks in the air."""
    high = level(move, 70, 92, 112)
    return Script((
        Key(0.28, drop=0.22, left_arm=BACK, right_arm=BACK, pelvis=(0, 16, 0), spine=(0, 12, 0)),
        Key(0.18, drop=-0.04, left_arm=(100, 0, 0.6, 10), right_arm=GUARD, pelvis=(0, 0, 0), spine=(0, 4, 0),
            left=Heel(40), right=Heel(40), quick=True),
        Key(0.16, drop=0.0, flight=True, left=Air(75, 0, 95), right=Air(high - 20, 0, 80), pelvis=(0, -8, 8),
            quick=True),
        Key(0.15, drop=0.0, flight=True, left=Air(48, 0, 85), right=Air(high, 0, 12), pelvis=(0, -14, 14),
            spine=(0, 18, 0), quick=True),
        Key(0.12, drop=0.0, flight=True, left=Air(25, 0, 50), right=Air(48, 0, 55), pelvis=(0, -4, 4)),
        Key(0.12, drop=0.05, flight=True, left=Step(0.25), right=Step(0.25), pelvis=(0, 0, 0)),
        Key(0.2, drop=0.2, pelvis=(0, 12, 0), spine=(0, 10, 0), left_arm=GUARD, right_arm=GUARD),
        settle(0.4),
    ))  # fmt: skip


def knee_strike(move: Move) -> Script:
    """Hands pull down while the knee comes up."""
    high = level(move, 85, 108, 122)
    return Script((
        _ready(0.28, left_arm=(125, -8, 0.8, 10), right_arm=(125, -8, 0.8, 10), right=Heel(20)),
        Key(0.2, drop=0.02, left=Heel(18), right=Air(high, -4, 125, point=30), pelvis=(0, -14, 12), spine=(0, 18, 0),
            left_arm=(48, -5, 0.55, 15), right_arm=(40, 0, 0.55, 15), extreme=True, quick=True),
        _down(0.3, left=Heel(0), left_arm=GUARD, right_arm=GUARD),
    ))  # fmt: skip


def sweep(move: Move) -> Script:
    """Crouched on the left foot, the right leg sweeps over the floor in half a turn or more."""
    turn = 360.0 * (move.turns or 0.6)
    low = {"left_arm": (60, 30, 0.7, 20), "right_arm": (50, 60, 0.7, 20)}
    return Script((
        Key(0.35, drop=0.4, pelvis=(0, 24, 0), spine=(0, 20, -10), weight=0.85, left=Heel(30), **low),
        Key(0.22, drop=0.46, right=Air(62, 80, 10, point=10), pelvis=(0, 20, -20), turn=0.1 * turn, left=Pivot()),
        Key(0.26, drop=0.46, right=Air(63, 62, 6, point=10), pelvis=(0, 20, 0), turn=0.5 * turn, left=Pivot(),
            quick=True),
        Key(0.24, drop=0.45, right=Air(62, 40, 12, point=10), pelvis=(0, 20, 10), turn=0.4 * turn, left=Pivot(),
            quick=True, extreme=True),
        Key(0.3, drop=0.32, right=Step(), pelvis=(0, 22, 0)),
        settle(0.5, left=Heel(0)),
    ))  # fmt: skip


def leg_lift(move: Move) -> Script:
    """The straight leg is raised slowly, to the front or where the direction says, and lowered."""
    high = level(move, 45, 70, 95)
    lift = {
        "forward": (Air(high, 0, 4, point=30), (0, -6, 0)),
        "right": (Air(0.85 * high, 85, 4, point=30), (-12, 0, 0)),
        "left": (Air(0.85 * high, 85, 4, point=30), (-12, 0, 0)),
        "back": (Air(-20, 5, 6, point=35), (0, 0.45 * high, 0)),
    }
    leg, pelvis = lift[move.direction or "forward"]
    return Script((
        Key(0.3, drop=0.02, left_arm=SIDE, right_arm=SIDE, weight=0.9),
        Key(0.6, right=leg, pelvis=pelvis, extreme=True),
        Key(0.35, right=dataclasses.replace(leg, raised=0.35 * leg.raised, knee=22), pelvis=(0, 0.3 * pelvis[1], 0)),
        Key(0.3, right=Step(), pelvis=(0, 0, 0)),
        settle(0.3),
    ), free_arms=True)  # fmt: skip


MOVES: dict[str, Builder] = {
    "front_kick": front_kick, "side_kick": side_kick, "round_kick": round_kick, "back_kick": back_kick,
    "crescent_kick": crescent_kick, "axe_kick": axe_kick, "spin_kick": spin_kick, "jump_kick": jump_kick,
    "knee_strike": knee_strike, "sweep": sweep, "leg_lift": leg_lift,
}  # fmt: skip
