"""Jumps: crouch, take-off with the speed that the flight needs, and a landing that gives way."""

from __future__ import annotations

from athena_wbc.synthesis.generators.library.moves.poses import BACK, REST, Builder, level, settle, way
from athena_wbc.synthesis.generators.library.script import Air, Arm, Heel, Key, Script, Step
from athena_wbc.synthesis.vocabulary import Move

_BOTH = {"left": Heel(42), "right": Heel(42)}


def _crouch(time: float = 0.32, drop: float = 0.26, **changes: object) -> Key:
    values: dict = {"left_arm": BACK, "right_arm": BACK, "pelvis": (0, 24, 0), "spine": (0, 18, 0), "head": (0, -20, 0)}
    return Key(time, drop=drop, **(values | changes))


def _push(arm: Arm = (98, 10, 0.9, 10), **changes: object) -> Key:
    values: dict = {"left_arm": arm, "right_arm": arm, "pelvis": (0, 4, 0), "spine": (0, 0, 0), "head": (0, 0, 0)}
    return Key(0.2, drop=-0.05, quick=True, **(values | _BOTH | changes))


def _land(time: float, length: tuple[float, float] = (0.0, 0.0), **changes: object) -> Key:
    step = Step(*length)
    values: dict = {"left": step, "right": step, "pelvis": (0, 6, 0), "drop": 0.04}
    return Key(time, flight=True, **(values | changes))


def _absorb(**changes: object) -> Key:
    arm = (45, 30, 0.85, 15)
    values: dict = {"drop": 0.2, "pelvis": (0, 20, 0), "spine": (0, 14, 0), "left_arm": arm, "right_arm": arm}
    return Key(0.2, **(values | changes))


def _plain(air: tuple[Air, Air], time: float, length: tuple[float, float], turn: float = 0.0, **pose: object) -> Script:
    """A jump from and to both feet with one pose in the middle of the flight."""
    return Script((
        _crouch(),
        _push(),
        Key(0.5 * time, flight=True, left=air[0], right=air[1], drop=0.0, turn=0.5 * turn, quick=True, **pose),
        _land(0.5 * time, length, turn=0.5 * turn, spine=(0, 0, 0), quick=True),
        _absorb(),
        settle(0.38),
    ))  # fmt: skip


def jump(move: Move) -> Script:
    """Off both feet, onto both feet."""
    relaxed = Air(14, 4, 32)
    length = way(move, 0.35) if move.direction else (0.1, 0.0)
    return _plain((relaxed, relaxed), level(move, 0.36, 0.46, 0.56), length, pelvis=(0, 0, 0),
                  left_arm=(135, 10, 0.92, 10), right_arm=(135, 10, 0.92, 10))  # fmt: skip


def tuck_jump(move: Move) -> Script:
    """Knees to the chest in the air."""
    tuck = Air(112, 6, 125, point=30)
    arm = (60, 10, 0.7, 20)
    return _plain((tuck, tuck), level(move, 0.46, 0.52, 0.58), way(move, 0.1) if move.direction else (0, 0),
                  pelvis=(0, 4, 0), spine=(0, 22, 0), left_arm=arm, right_arm=arm)  # fmt: skip


def straddle_jump(move: Move) -> Script:
    """Straight legs to the sides in the air."""
    leg = Air(82, 58, 5, point=40)
    arm = (75, 50, 0.97, 10)
    return _plain((leg, leg), level(move, 0.46, 0.52, 0.58), (0.0, 0.0), pelvis=(0, 6, 0), spine=(0, 22, 0),
                  left_arm=arm, right_arm=arm)  # fmt: skip


def turning_jump(move: Move) -> Script:
    """A turn in the air, half a one where nothing is said."""
    turn = 360.0 * (move.turns or 0.5)
    legs = Air(8, 0, 22, point=35)
    arm = (70, -10, 0.45, 25)
    return _plain((legs, legs), max(level(move, 0.4, 0.48, 0.56), abs(turn) / 360.0 * 0.42), (0.0, 0.0), turn=turn,
                  pelvis=(0, 0, 0), left_arm=arm, right_arm=arm)  # fmt: skip


def leap(move: Move) -> Script:
    """From the left foot to the right, the legs split in the air."""
    split = level(move, 52, 68, 84)
    forward = 0.95
    time = level(move, 0.34, 0.42, 0.5)
    return Script((
        Key(0.36, drop=0.1, left=Step(0.5, -0.12), pelvis=(0, 6, -5), left_arm=BACK, right_arm=BACK, press=0.04),
        Key(0.14, drop=0.14, right=Air(20, 0, 60)),
        Key(0.18, drop=-0.02, left=Heel(42), right=Air(split, 0, 35), pelvis=(0, 4, 5), left_arm=(80, 20, 0.95, 10),
            right_arm=(70, 80, 0.95, 10), quick=True),
        Key(0.5 * time, flight=True, drop=0.0, left=Air(-0.75 * split, 0, 12, point=40),
            right=Air(split, 0, 8, point=40), pelvis=(0, 8, 5), quick=True),
        Key(0.5 * time, flight=True, drop=0.04, left=Air(-30, 0, 40), right=Step(forward, 0.12), quick=True),
        Key(0.2, drop=0.17, left=Air(0, 0, 70), pelvis=(0, 12, 0), spine=(0, 8, 0)),
        Key(0.3, drop=0.08, left=Step(0.25, -0.05), pelvis=(0, 5, 0), left_arm=REST, right_arm=REST),
        settle(0.35, right=Step()),
    ), free_arms=True)  # fmt: skip


def hop(move: Move) -> Script:
    """On the right foot."""
    time = level(move, 0.2, 0.28, 0.36)
    length = way(move, 0.3)
    arm = (35, 55, 0.85, 15)
    keys = [Key(0.3, drop=0.06, left=Air(15, 0, 75), left_arm=arm, right_arm=arm)]
    for _ in range(max(2, move.count)):
        keys += [
            Key(0.16, drop=0.13, pelvis=(0, 8, 0), spine=(0, 6, 0), right=Heel(0)),
            Key(0.14, drop=0.0, pelvis=(0, 4, 0), right=Heel(38), left_arm=(75, 50, 0.8, 15),
                right_arm=(75, 50, 0.8, 15), quick=True),
            Key(time, flight=True, drop=0.05, right=Step(*length, own=True), left=Air(25, 0, 80), quick=True),
            Key(0.14, drop=0.13, left_arm=arm, right_arm=arm, left=Air(15, 0, 75)),
        ]  # fmt: skip
    keys += [Key(0.3, drop=0.05, left=Step()), settle(0.3)]
    return Script(tuple(keys), free_arms=True)


def jumping_jack(move: Move) -> Script:
    """Legs apart and arms overhead, and together again."""
    keys = [Key(0.2, drop=0.1)]
    wide, together = 0.24, 0.0
    for number in range(2 * move.count):
        opens = number % 2 == 0
        arm = (165, 78, 0.97, 10) if opens else (8, 78, 0.97, 10)
        spread = wide if opens else together
        keys += [
            Key(0.12, drop=0.02, left=Heel(25), right=Heel(25), quick=True),
            Key(0.18, flight=True, drop=0.05, left=Step(0, spread), right=Step(0, -spread), left_arm=arm, right_arm=arm,
                quick=True),
            Key(0.13, drop=0.12),
        ]  # fmt: skip
    keys.append(settle(0.35))
    return Script(tuple(keys))


MOVES: dict[str, Builder] = {
    "jump": jump, "leap": leap, "hop": hop, "tuck_jump": tuck_jump, "straddle_jump": straddle_jump,
    "turning_jump": turning_jump, "jumping_jack": jumping_jack,
}  # fmt: skip
