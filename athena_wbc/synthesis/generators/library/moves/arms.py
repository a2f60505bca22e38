"""Strikes, throws and gestures of the arms; hips, trunk and rear heel go with them."""

from __future__ import annotations

from athena_wbc.synthesis.generators.library.moves.poses import FRONT, GUARD, REST, SIDE, UP, Builder, level, settle
from athena_wbc.synthesis.generators.library.script import Arm, Heel, Key, Script, Step
from athena_wbc.synthesis.vocabulary import Move


def _stance(time: float = 0.28, **changes: object) -> Key:
    """Left foot ahead, the guard up, the right side drawn back."""
    values: dict = {
        "drop": 0.08, "left": Step(0.26, lift=0.04), "pelvis": (0, 4, -16), "spine": (0, 5, -14), "head": (0, 0, 22),
        "left_arm": GUARD, "right_arm": GUARD,
    }  # fmt: skip
    return Key(time, **(values | changes))


def _back() -> tuple[Key, Key]:
    return (
        Key(0.2, drop=0.08, pelvis=(0, 4, -10), spine=(0, 5, -10), head=(0, 0, 15), left_arm=GUARD, right_arm=GUARD,
            right=Heel(0)),
        Key(0.24, drop=0.05, left=Step(lift=0.04), pelvis=(0, 0, 0), spine=(0, 0, 0), head=(0, 0, 0)),
    )  # fmt: skip


def _strike(time: float, arm: Arm, twist: float = 30.0, **changes: object) -> Key:
    """The right side comes forwards with the right arm."""
    values: dict = {
        "drop": 0.11, "pelvis": (0, 6, 20), "spine": (0, 6, twist), "head": (0, 0, -30), "right_arm": arm,
        "right": Heel(28), "weight": 0.62, "extreme": True, "quick": True,
    }  # fmt: skip
    return Key(time, **(values | changes))


def straight_punch(move: Move) -> Script:
    """Straight to the front."""
    aim = level(move, 62, 92, 108)
    return Script((_stance(), _strike(0.16, (aim, -8, 0.99, 35)), *_back()))


def palm_strike(move: Move) -> Script:
    """The heel of the hand to the front, the elbow down."""
    aim = level(move, 70, 98, 115)
    return Script((
        _stance(right_arm=(70, 20, 0.35, 0)), _strike(0.18, (aim, -6, 0.93, -10), 26, drop=0.13), *_back()
    ))  # fmt: skip


def hook_punch(move: Move) -> Script:
    """Round from the side with the elbow bent and level."""
    aim = level(move, 68, 92, 104)
    return Script(
        (
            _stance(),
            Key(0.14, pelvis=(0, 4, -22), spine=(0, 5, -24), right_arm=(aim - 10, 75, 0.6, 70), drop=0.1),
            _strike(0.15, (aim, -28, 0.62, 85), 38),
            *_back(),
        )
    )


def uppercut(move: Move) -> Script:
    """From below, the legs push."""
    aim = level(move, 88, 108, 128)
    return Script(
        (
            _stance(drop=0.14),
            Key(0.18, drop=0.2, right_arm=(22, 10, 0.62, 0), pelvis=(-4, 10, -20), spine=(4, 10, -18)),
            _strike(0.17, (aim, -8, 0.62, -5), 26, drop=0.04, pelvis=(0, 0, 18), spine=(0, -2, 24)),
            *_back(),
        )
    )


def elbow_strike(move: Move) -> Script:
    """The bent elbow swings in level."""
    aim = level(move, 78, 95, 112)
    return Script(
        (
            _stance(),
            Key(0.14, right_arm=(85, 60, 0.42, 70), pelvis=(0, 4, -22), spine=(0, 4, -22)),
            _strike(0.15, (aim, -62, 0.42, 95), 42, left=Step(0.34, lift=0.04)),
            *_back(),
        )
    )


def block(move: Move) -> Script:
    """The forearm goes up, across or down before the body."""
    arm = {"low": (38, 22, 0.85, 25), "middle": (88, -15, 0.55, 5), "high": (138, -12, 0.62, 60)}[
        move.height or "middle"
    ]
    return Script(
        (
            _stance(right_arm=(75, -35, 0.45, 20), spine=(0, 5, 10)),
            _strike(0.2, arm, -4, drop=0.12, pelvis=(0, 2, -8), head=(0, 0, 8), right=Heel(0)),
            *_back(),
        )
    )


def throw(move: Move) -> Script:
    """Overhand: the arm is drawn back, the left foot steps, the arm whips over."""
    return Script((
        Key(0.38, drop=0.07, right_arm=(70, 140, 0.7, 30), left_arm=(80, 10, 0.95, 10), pelvis=(0, -4, -28),
            spine=(4, -8, -28), head=(0, 0, 45), weight=0.25),
        Key(0.26, drop=0.11, left=Step(0.5), right_arm=(120, 110, 0.62, 20), pelvis=(0, 2, -5), spine=(0, -6, -15)),
        _strike(0.17, (112, 0, 0.97, 10), 26, drop=0.14, left_arm=(30, 40, 0.7, 20), pelvis=(0, 12, 22),
                spine=(-6, 14, 22), weight=0.75),
        Key(0.2, drop=0.13, right_arm=(40, -25, 0.92, 10), spine=(-4, 22, 22), head=(0, -10, -20)),
        Key(0.34, drop=0.07, left=Step(), right=Heel(0), pelvis=(0, 0, 0), spine=(0, 0, 0), left_arm=REST,
            right_arm=REST, head=(0, 0, 0)),
    ))  # fmt: skip


def swing(move: Move) -> Script:
    """Both hands together from one side to the other, as with a bat."""
    aim = level(move, 55, 78, 95)
    return Script((
        Key(0.4, drop=0.1, left=Step(0.0, 0.14), right_arm=(aim + 15, 40, 0.6, 20), left_arm=(aim + 5, -55, 0.8, 20),
            pelvis=(0, 4, -30), spine=(0, 6, -38), head=(0, 0, 55), weight=0.25),
        _strike(0.22, (aim, -22, 0.95, 10), 12, left_arm=(aim, 8, 0.95, 10), head=(0, 0, -10), pelvis=(0, 4, 14)),
        Key(0.2, pelvis=(0, 2, 32), spine=(0, 4, 38), right_arm=(aim + 25, -55, 0.85, 20), quick=True,
            left_arm=(aim + 35, 45, 0.6, 20), head=(0, 0, -45)),
        Key(0.38, drop=0.06, left=Step(), right=Heel(0), pelvis=(0, 0, 0), spine=(0, 0, 0), left_arm=REST,
            right_arm=REST, head=(0, 0, 0)),
    ))  # fmt: skip


def push(move: Move) -> Script:
    """Both hands from the chest to the front with a step."""
    aim = level(move, 70, 88, 118)
    bent, long = (68, 12, 0.38, 30), (aim, 4, 0.97, 25)
    return Script((
        Key(0.34, drop=0.09, left_arm=bent, right_arm=bent, spine=(0, -4, 0), pelvis=(0, -2, 0), weight=0.4),
        Key(0.26, drop=0.14, left=Step(0.42), left_arm=long, right_arm=long, spine=(0, 10, 0), pelvis=(0, 10, 0),
            right=Heel(20), weight=0.65, extreme=True, quick=True),
        Key(0.3, drop=0.07, left_arm=bent, right_arm=bent, spine=(0, 0, 0), pelvis=(0, 0, 0)),
        settle(0.4, left=Step(), right=Heel(0)),
    ))  # fmt: skip


def pull(move: Move) -> Script:
    """Hands reach out, and come back to the body with the weight."""
    aim = level(move, 55, 85, 110)
    long, bent = (aim, 5, 0.95, 10), (18, 18, 0.5, 10)
    return Script((
        Key(0.36, drop=0.09, left=Step(0.3), left_arm=long, right_arm=long, spine=(0, 14, 0), pelvis=(0, 8, 0),
            weight=0.65),
        Key(0.24, drop=0.16, left_arm=bent, right_arm=bent, spine=(0, -10, 0), pelvis=(0, -6, 0), weight=0.3,
            extreme=True, quick=True),
        settle(0.42, left=Step()),
    ))  # fmt: skip


def reach(move: Move) -> Script:
    """The right hand goes far out, where height and direction say."""
    aim = {"low": 55, "middle": 95, "high": 162}[move.height or "middle"]
    out = {"forward": 0, "left": -35, "right": 85, "back": 125}[move.direction or "forward"]
    spine = {
        "forward": (0, 16, 12), "left": (-10, 8, 25), "right": (16, 0, -10), "back": (0, -8, -30),
    }[move.direction or "forward"]  # fmt: skip
    drop, heels = (0.22, 0) if move.height == "low" else (0.01, 28) if move.height == "high" else (0.05, 0)
    return Script((
        Key(0.5, drop=drop, right_arm=(aim, out, 0.99, 10), spine=spine, left=Heel(heels), right=Heel(heels),
            press=0.03 if heels else 0.0, extreme=True),
        settle(0.5, left=Heel(0), right=Heel(0)),
    ))  # fmt: skip


def arm_wave(move: Move) -> Script:
    """The raised hand waves from side to side."""
    aim = level(move, 95, 125, 160)
    keys = [Key(0.4, right_arm=(aim, 50, 0.78, 30), drop=0.03, extreme=True)]
    for _ in range(1 + move.count):
        keys += [
            Key(0.2, right_arm=(aim + 8, 85, 0.85, 30), spine=(3, 0, 0)),
            Key(0.2, right_arm=(aim + 8, 30, 0.72, 30), spine=(-3, 0, 0)),
        ]
    keys.append(settle(0.4))
    return Script(tuple(keys))


def arm_circle(move: Move) -> Script:
    """Both arms in front, overhead, and down at the sides."""
    keys = []
    for _ in range(move.count):
        keys += [
            Key(0.28, left_arm=FRONT, right_arm=FRONT, drop=0.05),
            Key(0.28, left_arm=UP, right_arm=UP, drop=0.0, extreme=True),
            Key(0.28, left_arm=SIDE, right_arm=SIDE, drop=0.03),
            Key(0.28, left_arm=(10, 60, 0.97, 10), right_arm=(10, 60, 0.97, 10), drop=0.06),
        ]
    keys.append(settle(0.3))
    return Script(tuple(keys))


def clap(move: Move) -> Script:
    """Hands meet before the chest, or overhead."""
    aim = level(move, 70, 88, 165)
    open_, shut = (aim, 45, 0.8, 30), (aim, -17 if aim < 150 else -6, 0.72, 25)
    keys = []
    for _ in range(1 + move.count):
        keys += [
            Key(0.22, left_arm=open_, right_arm=open_, drop=0.04),
            Key(0.15, left_arm=shut, right_arm=shut, drop=0.05, quick=True, extreme=True),
        ]
    keys.append(settle(0.4))
    return Script(tuple(keys))


MOVES: dict[str, Builder] = {
    "straight_punch": straight_punch, "hook_punch": hook_punch, "uppercut": uppercut, "elbow_strike": elbow_strike,
    "palm_strike": palm_strike, "block": block, "throw": throw, "swing": swing, "push": push, "pull": pull,
    "reach": reach, "arm_wave": arm_wave, "arm_circle": arm_circle, "clap": clap,
}  # fmt: skip
