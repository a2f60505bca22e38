"""Gaits: alternating steps with the timing and the lengths that people have."""

from __future__ import annotations

from athena_wbc.synthesis.generators.library.moves.poses import GUARD, Builder, settle, way
from athena_wbc.synthesis.generators.library.script import Air, Arm, Foot, Heel, Key, Script, Step
from athena_wbc.synthesis.vocabulary import Move

_NARROW = 0.12
"""By how much feet come closer to the line of progression in gaits."""


def _two(side: int, swing: Foot, stance: Foot = None) -> dict[str, Foot]:
    """Feet by name, `side` (0 left, 1 right) swings."""
    return {"left": swing, "right": stance} if side == 0 else {"left": stance, "right": swing}


def _arms(side: int, ahead: Arm, behind: Arm) -> dict[str, Arm]:
    """The arm of the other side goes with the leg."""
    return {"left_arm": behind, "right_arm": ahead} if side == 0 else {"left_arm": ahead, "right_arm": behind}


def _in(side: int, narrow: float = _NARROW) -> float:
    return -narrow if side == 0 else narrow


def _steps(move: Move, default: int) -> int:
    return default if move.count == 1 else move.count


def _yaw(side: int, angle: float) -> float:
    """Of a pelvis whose `side` is ahead."""
    return -angle if side == 0 else angle


def walk(move: Move) -> Script:
    """Steps of 0.5 s and 0.65 m."""
    forward, left = way(move, 0.65)
    return _walk(_steps(move, 4), forward, left)


def back_step(move: Move) -> Script:
    """Walking backwards in small steps."""
    return _walk(_steps(move, 3), -0.38, 0.0, swing=0.42)


def zigzag(move: Move) -> Script:
    """Pairs of steps to the left and to the right of the way."""
    count = max(4, _steps(move, 6))
    turns = [0.0] * count
    for number in range(count):
        if number % 2 == 0:
            turns[number] = 35.0 if number == 0 else (-70.0 if number % 4 == 2 else 70.0)
    turns.append(-sum(turns))
    return _walk(count, 0.55, 0.0, turns=turns, swing=0.34)


def _walk(
    count: int, forward: float, left: float, turns: list[float] | None = None, swing: float = 0.4
) -> Script:  # fmt: skip
    keys = []
    straight = left == 0.0
    for number in range(count):
        side = 1 - number % 2
        gain = 0.6 if number == 0 else 1.0
        sway = _in(side) if straight else 0.0
        ahead = _yaw(side, 6.0 if straight else 0.0) * (1 if forward >= 0 else -1)
        keys.append(
            Key(
                swing, drop=0.045, pelvis=(0, 3, ahead), spine=(0, 2, -1.6 * ahead), head=(0, 0, 0.6 * ahead),
                turn=0.0 if turns is None else turns[number],
                **_arms(side, (26, 8, 0.93, 5), (-24, 12, 0.97, 5)),
                **_two(side, Step(gain * forward, gain * left + sway, lift=0.07), Heel(18 if forward > 0 else 0)),
            )
        )  # fmt: skip
        keys.append(Key(0.1, drop=0.05, weight=0.35 if side == 0 else 0.65))
    last = 1 - count % 2
    keys.append(settle(0.45, turn=0.0 if turns is None else turns[-1], **_two(last, Step(lift=0.06), Heel(0))))
    return Script(tuple(keys), free_arms=True)


def run(move: Move) -> Script:
    """Steps of 0.33 s with 0.1 s of flight, 0.85 m each."""
    return _run(_steps(move, 5), way(move, 0.85), flight=0.1, contact=0.22, knee=95, lean=8, arm=38)


def sprint(move: Move) -> Script:
    """Steps of 0.27 s with 0.12 s of flight, up to 1.25 m."""
    return _run(_steps(move, 6), way(move, 1.05), flight=0.12, contact=0.16, knee=112, lean=14, arm=45)


def _run(
    count: int, length: tuple[float, float], flight: float, contact: float, knee: float, lean: float, arm: float
) -> Script:
    keys = [Key(0.22, drop=0.1, pelvis=(0, lean, 0), right=Air(25, 0, 60), spine=(0, lean / 2, 0), press=0.05)]
    keys.append(Key(0.16, drop=0.03, left=Heel(30), right=Air(45, 0, 45)))
    for number in range(count):
        side = 1 - number % 2
        gain = min(1.0, 0.55 + 0.25 * number)
        if number == count - 1:
            gain *= 0.7
        ahead = _yaw(side, 9.0)
        carry = _arms(side, (arm, -5, 0.72, 8), (-arm, 12, 0.75, 8))
        other = Air(-22, 0, 0.42 * knee, point=35)
        forward, left = gain * length[0], gain * length[1] + _in(side, 0.16)
        keys.append(
            Key(flight, drop=0.05, flight=True, pelvis=(0, lean, ahead), spine=(0, lean / 2, -1.7 * ahead),
                head=(0, -lean, 0.7 * ahead), **carry, **_two(side, Step(forward, left), other))
        )  # fmt: skip
        keys.append(Key(0.45 * contact, drop=0.1, pelvis=(0, lean, 0), **_two(1 - side, Air(28, 0, knee, point=30))))
        if number < count - 1:
            keys.append(
                Key(0.55 * contact, drop=0.03, **_two(1 - side, Air(0.58 * knee, 0, 0.66 * knee, point=5), Heel(35)))
            )
    last = 1 - count % 2
    keys.append(Key(0.28, drop=0.08, pelvis=(0, 2, 0), **_two(last, Step(0.25, _in(last)), Heel(0))))
    keys.append(settle(0.4, **_two(1 - last, Step())))
    return Script(tuple(keys), free_arms=True)


def march(move: Move) -> Script:
    """Steps with the thigh lifted to the level."""
    keys = []
    count = _steps(move, 4)
    forward, left = way(move, 0.4)
    for number in range(count):
        side = 1 - number % 2
        carry = _arms(side, (60, 0, 0.8, 10), (-30, 10, 0.9, 10))
        keys.append(Key(0.26, drop=0.03, spine=(0, 0, 0), **carry, **_two(side, Air(84, 0, 88, point=15))))
        keys.append(Key(0.2, drop=0.04, **_two(side, Step(forward, left + _in(side, 0.08)))))
        keys.append(Key(0.06, weight=0.4 if side == 0 else 0.6))
    last = 1 - count % 2
    keys.append(settle(0.4, **_two(last, Step(lift=0.06))))
    return Script(tuple(keys), free_arms=True)


def skip(move: Move) -> Script:
    """Step and hop on every foot, the other knee high."""
    keys = []
    count = _steps(move, 4)
    forward, left = way(move, 0.45)
    for number in range(count):
        side = 1 - number % 2
        carry = _arms(1 - side, (70, 0, 0.8, 10), (-40, 10, 0.9, 10))
        keys.append(Key(0.24, drop=0.09, pelvis=(0, 4, 0), **_two(side, Step(forward, left + _in(side)))))
        lifted = (
            {"left": Heel(40), "right": Air(75, 0, 85)} if side == 0 else {"left": Air(75, 0, 85), "right": Heel(40)}
        )
        keys.append(Key(0.18, drop=0.0, pelvis=(0, 2, 0), **carry, **lifted))
        hop = Step(0.9 * forward, 0.9 * left, own=True)
        keys.append(Key(0.16, drop=0.04, flight=True, **_two(side, hop, Air(60, 0, 80))))
        keys.append(Key(0.12, drop=0.08))
    last = 1 - count % 2
    keys.append(Key(0.3, drop=0.06, **_two(last, Step(0.2, _in(last)))))
    keys.append(settle(0.4, **_two(1 - last, Step())))
    return Script(tuple(keys), free_arms=True)


def _sideways(
    count: int, length: float, to_left: bool, drop: float, arm: Arm, time: float
) -> Script:  # fmt: skip
    keys = [Key(0.25, drop=drop, left_arm=arm, right_arm=arm, pelvis=(0, 5, 0), spine=(0, 5, 0))]
    lead = 0 if to_left else 1
    sign = 1.0 if to_left else -1.0
    for _ in range(count):
        keys.append(Key(time, drop=drop, **_two(lead, Step(0.0, sign * length, lift=0.05))))
        keys.append(Key(0.06, weight=0.8 if to_left else 0.2))
        keys.append(Key(time, drop=drop - 0.02, **_two(1 - lead, Step(0.0, 0.0, lift=0.05))))
        keys.append(Key(0.06))
    keys.append(settle(0.4))
    return Script(tuple(keys), free_arms=True)


def side_step(move: Move) -> Script:
    """To the right, or where the direction says: one foot opens, the other closes."""
    return _sideways(_steps(move, 2), 0.36, move.direction == "left", 0.07, (28, 70, 0.9, 10), 0.28)


def shuffle(move: Move) -> Script:
    """Low and quick steps with the guard up."""
    if move.direction in ("forward", "back"):
        sign = 1.0 if move.direction == "forward" else -1.0
        keys = [Key(0.3, drop=0.12, left_arm=GUARD, right_arm=GUARD, left=Step(0.3), pelvis=(0, 6, -12))]
        first, second = (0, 1) if sign > 0 else (1, 0)
        for _ in range(_steps(move, 3)):
            gap = 0.58 if sign > 0 else -0.58
            keys.append(Key(0.17, drop=0.13, **_two(first, Step(gap, lift=0.03))))
            keys.append(Key(0.17, drop=0.11, **_two(second, Step(-0.3 * sign, lift=0.03))))
        keys.append(settle(0.4, right=Step()))
        return Script(tuple(keys), free_arms=True)
    return _sideways(_steps(move, 3), 0.3, move.direction == "left", 0.14, GUARD, 0.17)


def lunge(move: Move) -> Script:
    """One long step with both knees bent, and back."""
    forward, left = way(move, 0.78)
    keys: list[Key] = []
    for number in range(move.count):
        side = 1 - number % 2
        keys += [
            Key(0.5, drop=0.3, pelvis=(0, 4, 0), **_arms(side, (45, 0, 0.7, 10), (-20, 10, 0.8, 10)),
                **_two(side, Step(forward, left, lift=0.1), Heel(45 if left == 0.0 else 0))),
            Key(0.28, drop=0.36, extreme=True, weight=0.45 if side == 0 else 0.55),
            Key(0.2, drop=0.26),
            settle(0.45, **_two(side, Step(lift=0.08), Heel(0))),
        ]  # fmt: skip
    return Script(tuple(keys), free_arms=True)


MOVES: dict[str, Builder] = {
    "walk": walk, "run": run, "sprint": sprint, "march": march, "skip": skip, "side_step": side_step,
    "shuffle": shuffle, "back_step": back_step, "lunge": lunge, "zigzag": zigzag,
}  # fmt: skip
