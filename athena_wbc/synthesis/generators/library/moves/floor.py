"""Moves that leave the feet: somersaults in flight here, what touches the floor with more than the feet too."""

from __future__ import annotations

import dataclasses

from athena_wbc.synthesis.generators.library.moves.poses import BACK, REST, Builder, settle
from athena_wbc.synthesis.generators.library.script import Air, Heel, Key, Script, Step
from athena_wbc.synthesis.generators.library.timeline import REST_DROP
from athena_wbc.synthesis.vocabulary import Move

_STAND: dict = {
    "pelvis": (0, 0, 0), "spine": (0, 0, 0), "head": (0, 0, 0), "left_arm": REST, "right_arm": REST,
    "left": Air(6, 0, 12, point=-6), "right": Air(6, 0, 12, point=-6), "drop": REST_DROP,
}  # fmt: skip


def _both(leg: Air) -> dict[str, Air]:
    return {"left": leg, "right": leg}


def _arms(arm: tuple) -> dict[str, tuple]:
    return {"left_arm": arm, "right_arm": arm}


def _up(time: float = 0.45) -> tuple[Key, Key]:
    """From a deep squat to the stance; the feet stay flat."""
    return (
        Key(0.5 * time, pelvis=(0, 28, 0), spine=(0, 16, 0), head=(0, -15, 0), **_both(Air(62, 5, 88, point=-2)),
            **_arms((50, 10, 0.85, 15))),
        Key(0.5 * time, **_STAND),
    )  # fmt: skip


def _flip(sign: float) -> Script:
    """Sign 1 is forwards. The body is tucked in the air, opened before the landing."""
    tuck = Air(118, 6, 135, point=30)
    reach = Air(40, 3, 50, point=10)
    time = 0.7
    arm = (50, 5, 0.55, 20)
    return Script((
        Key(0.34, drop=0.28, pelvis=(0, 26, 0), spine=(0, 18, 0), head=(0, -15, 0), **_arms(BACK)),
        Key(0.2, drop=-0.06, pelvis=(0, 12 * sign, 0), spine=(0, 0, 0), head=(0, 0, 0), **_arms((105, 8, 0.95, 10)),
            left=Heel(45), right=Heel(45), quick=True),
        Key(0.24 * time, flight=True, drop=0.0, pelvis=(0, 44 * sign, 0), spine=(0, 20, 0),
            **_both(Air(80, 5, 95, point=30)), **_arms((90, 5, 0.7, 15)), quick=True),
        Key(0.42 * time, flight=True, drop=0.0, pelvis=(0, 255 * sign, 0), spine=(0, 34, 0), head=(0, 20, 0),
            **_both(tuck), **_arms(arm), quick=True),
        Key(0.19 * time, flight=True, drop=0.02, pelvis=(0, 332 * sign, 0), spine=(0, 10, 0), head=(0, 0, 0),
            **_both(reach), **_arms((60, 20, 0.8, 10)), quick=True),
        Key(0.15 * time, flight=True, drop=0.1, pelvis=(0, 372 * sign if sign > 0 else -350, 0), spine=(0, 10, 0),
            left=Step(0.12 * sign), right=Step(0.12 * sign), quick=True),
        Key(0.2, drop=0.3, pelvis=(0, 382 if sign > 0 else -332, 0), spine=(0, 18, 0), **_arms((70, 15, 0.9, 10))),
        settle(0.5, pelvis=(0, 360 * sign, 0)),
    ))  # fmt: skip


def backflip(move: Move) -> Script:
    """One tucked somersault backwards from the stand."""
    del move
    return _flip(-1.0)


def front_flip(move: Move) -> Script:
    """One tucked somersault forwards from the stand."""
    del move
    return _flip(1.0)


def roll(move: Move) -> Script:
    """Over hands, shoulders and back onto the feet; forwards, or back where the direction says."""
    forward = move.direction != "back"
    keys = (
        Key(0.45, pelvis=(0, 38, 0), spine=(0, 30, 0), head=(0, 10, 0), **_both(Air(112, 8, 128, point=-14)),
            **_arms((70, 5, 0.8, 20))),
        Key(0.26, pelvis=(0, 95, 0), spine=(0, 55, 0), head=(0, 40, 0), **_both(Air(100, 8, 105, point=10)),
            **_arms((120, 10, 0.75, 30))),
        Key(0.22, pelvis=(0, 165, 0), spine=(0, 70, 0), head=(0, 45, 0), **_both(Air(115, 8, 110, point=20)),
            **_arms((100, 12, 0.6, 30))),
        Key(0.2, pelvis=(0, 235, 0), spine=(0, 65, 0), head=(0, 40, 0), **_both(Air(120, 8, 130, point=20)),
            **_arms((70, 5, 0.6, 20))),
        Key(0.24, pelvis=(0, 320, 0), spine=(0, 48, 0), head=(0, 25, 0), **_both(Air(122, 8, 138, point=-5)),
            **_arms((85, 5, 0.85, 15))),
        Key(0.25, pelvis=(0, 390, 0), spine=(0, 38, 0), head=(0, 0, 0), **_both(Air(110, 8, 128, point=-12)),
            **_arms((80, 5, 0.9, 15))),
        Key(0.3, pelvis=(0, 384, 0), spine=(0, 18, 0), head=(0, -10, 0), **_both(Air(66, 6, 90, point=0)),
            **_arms((50, 10, 0.9, 15))),
        Key(0.25, **(_STAND | {"pelvis": (0, 360, 0)})),
    )  # fmt: skip
    return Script(keys if forward else _reversed(keys, 360.0), floor=True)


def _reversed(keys: tuple[Key, ...], turn: float) -> tuple[Key, ...]:
    """The same poses backwards in time, from and to the stance; `turn` is the pitch at the end of `keys`, degrees."""
    poses = keys[-2::-1]
    times = [key.time for key in keys][::-1]
    turned = []
    for key, time in zip(poses, times, strict=False):
        roll_, pitch, yaw = key.pelvis or (0.0, 0.0, 0.0)
        turned.append(dataclasses.replace(key, time=time, pelvis=(roll_, pitch - turn, yaw)))
    return (*turned, Key(times[-1], **(_STAND | {"pelvis": (0, -turn, 0)})))


def cartwheel(move: Move) -> Script:
    """Sideways over the hands, to the right."""
    del move
    wide, arms = 42, (172, 60, 0.98, 10)
    left, right = Air(wide, 88, 6, point=25), Air(wide, 88, 6, point=25)
    keys = (
        Key(0.35, pelvis=(0, 0, 0), **_arms((165, 70, 0.97, 10)), left=Air(10, 60, 8), right=Air(35, 60, 20)),
        Key(0.28, pelvis=(55, 10, 0), spine=(18, 8, 0), **_arms(arms), left=Air(wide + 15, 88, 6, point=25),
            right=Air(wide, 70, 40)),
        Key(0.24, pelvis=(125, 10, 0), spine=(10, 4, 0), **_arms(arms), left=left, right=right),
        Key(0.2, pelvis=(180, 0, 0), spine=(0, 0, 0), **_arms(arms), left=Air(50, 88, 6, point=25),
            right=Air(50, 88, 6, point=25)),
        Key(0.22, pelvis=(240, 0, 0), spine=(-8, 4, 0), **_arms(arms), left=Air(wide, 88, 6, point=0), right=right),
        Key(0.24, pelvis=(312, 0, 0), spine=(-14, 6, 0), **_arms((150, 70, 0.97, 10)), left=Air(30, 80, 25, point=-10),
            right=Air(wide, 88, 8)),
        Key(0.3, pelvis=(358, 0, 0), spine=(0, 0, 0), **_arms((90, 80, 0.97, 10)), left=Air(18, 70, 22, point=-10),
            right=Air(22, 75, 14, point=-5)),
        Key(0.35, **(_STAND | {"pelvis": (360, 0, 0)})),
    )  # fmt: skip
    return Script(keys, floor=True)


_SQUAT = {
    "pelvis": (0, 40, 0), "spine": (0, 28, 0), "head": (0, -20, 0), **_both(Air(118, 8, 132, point=-10)),
    **_arms((72, 5, 0.9, 10)),
}  # fmt: skip
_PLANK = {
    "pelvis": (0, 76, 0), "spine": (0, 2, 0), "head": (0, -20, 0), **_both(Air(6, 4, 4, point=-55)),
    **_arms((82, 8, 0.985, 10)),
}  # fmt: skip
_LOW_PLANK = {
    "pelvis": (0, 84, 0), "spine": (0, 2, 0), "head": (0, -20, 0), **_both(Air(6, 4, 4, point=-55)),
    **_arms((70, 30, 0.5, 40)),
}  # fmt: skip
_ALL_FOURS = {
    "pelvis": (0, 80, 0), "spine": (0, 4, 0), "head": (0, -30, 0), **_both(Air(78, 4, 92, point=30)),
    **_arms((84, 4, 0.97, 10)),
}  # fmt: skip


def push_up(move: Move) -> Script:
    """Down to the hands, feet back, arms bend and stretch, and up again."""
    keys = [Key(0.4, **_SQUAT), Key(0.4, **_PLANK)]
    for _ in range(move.count):
        keys += [Key(0.4, **_LOW_PLANK, extreme=True), Key(0.35, **_PLANK)]
    keys += [Key(0.38, **_SQUAT), *_up()]
    return Script(tuple(keys), floor=True)


def sprawl(move: Move) -> Script:
    """Legs shoot back, hips go down, and up again at once."""
    del move
    return Script((
        Key(0.26, **_SQUAT, quick=True), Key(0.22, **_PLANK, quick=True),
        Key(0.2, **(_LOW_PLANK | {"pelvis": (0, 80, 0), "spine": (0, -14, 0)}), extreme=True),
        Key(0.22, **_PLANK), Key(0.3, **_SQUAT), *_up(0.4),
    ), floor=True)  # fmt: skip


def get_up(move: Move) -> Script:
    """Down onto hands and knees, flat, and up over one foot."""
    del move
    return Script((
        Key(0.35, **_SQUAT), Key(0.35, **_ALL_FOURS), Key(0.3, **(_LOW_PLANK | {"pelvis": (0, 86, 0)}), extreme=True),
        Key(0.4, **_ALL_FOURS),
        Key(0.4, pelvis=(0, 52, 0), spine=(0, 24, 0), head=(0, -20, 0), left=Air(118, 6, 118, point=-15),
            right=Air(42, 4, 100, point=20), **_arms((78, 8, 0.9, 10))),
        Key(0.36, **_SQUAT), *_up(0.5),
    ), floor=True)  # fmt: skip


def crawl(move: Move) -> Script:
    """On hands and knees, the opposite ones together."""
    keys = [Key(0.35, **_SQUAT), Key(0.35, **_ALL_FOURS)]
    count = 4 if move.count == 1 else move.count
    near, far = (68, 4, 0.97, 10), (104, 4, 0.95, 10)
    for number in range(count):
        ahead, behind = Air(98, 4, 96, point=30), Air(62, 4, 84, point=30)
        odd = number % 2 == 1
        keys.append(
            Key(0.34, left_arm=near if odd else far, right_arm=far if odd else near, left=ahead if odd else behind,
                right=behind if odd else ahead, spine=(0, 4, 8 if odd else -8))
        )  # fmt: skip
    keys += [Key(0.3, **_ALL_FOURS), Key(0.34, **_SQUAT), *_up(0.45)]
    return Script(tuple(keys), floor=True)


MOVES: dict[str, Builder] = {
    "roll": roll, "cartwheel": cartwheel, "backflip": backflip, "front_flip": front_flip, "get_up": get_up,
    "push_up": push_up, "sprawl": sprawl, "crawl": crawl,
}  # fmt: skip
