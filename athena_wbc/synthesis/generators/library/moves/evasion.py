"""Getting out of the way."""

from __future__ import annotations

from athena_wbc.synthesis.generators.library.moves.poses import GUARD, Builder, settle
from athena_wbc.synthesis.generators.library.script import Key, Script, Step
from athena_wbc.synthesis.vocabulary import Move


def duck(move: Move) -> Script:
    """Down under something, and up."""
    del move
    return Script((
        Key(0.22, drop=0.06, left_arm=GUARD, right_arm=GUARD),
        Key(0.24, drop=0.34, pelvis=(0, 26, 0), spine=(0, 22, 0), head=(0, -15, 0), quick=True, extreme=True),
        Key(0.3, drop=0.08, pelvis=(0, 4, 0), spine=(0, 4, 0), head=(0, 0, 0)),
        settle(0.35),
    ))  # fmt: skip


def slip(move: Move) -> Script:
    """The head goes off the line, to the right or where the direction says, the knees give."""
    sign = -1.0 if move.direction == "left" else 1.0
    return Script((
        Key(0.2, drop=0.07, left_arm=GUARD, right_arm=GUARD),
        Key(0.2, drop=0.15, pelvis=(6 * sign, 8, -10 * sign), spine=(20 * sign, 10, -16 * sign),
            weight=0.5 - 0.25 * sign, quick=True, extreme=True),
        Key(0.24, drop=0.07, pelvis=(0, 4, 0), spine=(0, 4, 0)),
        settle(0.3),
    ))  # fmt: skip


def dodge(move: Move) -> Script:
    """A quick step to the right, or where the direction says."""
    goal = move.direction or "right"
    step = {"right": (0.0, -0.46), "left": (0.0, 0.46), "back": (-0.48, 0.0), "forward": (0.42, 0.0)}[goal]
    lead, trail = ("left", "right") if goal == "left" else ("right", "left")
    lean = {"right": (12, 4, 0), "left": (-12, 4, 0), "back": (0, -6, 0), "forward": (0, 14, 0)}[goal]
    return Script((
        Key(0.18, drop=0.1, left_arm=GUARD, right_arm=GUARD, weight=0.75 if lead == "right" else 0.25),
        Key(0.22, drop=0.16, spine=lean, quick=True, **{lead: Step(*step, lift=0.04)}),
        Key(0.1, drop=0.15, extreme=True, weight=0.3 if lead == "right" else 0.7),
        Key(0.22, drop=0.1, spine=(0, 4, 0), **{trail: Step(lift=0.04)}),
        settle(0.35),
    ))  # fmt: skip


MOVES: dict[str, Builder] = {"duck": duck, "slip": slip, "dodge": dodge}
