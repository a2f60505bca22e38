from __future__ import annotations

import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.vocabulary import FAMILY, MANNER_RANGES, MOVES, Manner, Move, manner_from, move_from


def test_no_move_stands_in_two_families():
    assert len(FAMILY) == sum(len(moves) for moves in MOVES.values())


def test_factors_multiply_lengths_add_and_the_last_arms_win():
    both = Manner(tempo=1.2, depth=0.1, arms="wide").then(Manner(tempo=1.5, depth=0.05, arms="guard", hold=0.5))
    assert both.tempo == pytest.approx(1.8)
    assert both.depth == pytest.approx(0.15)
    assert both.hold == 0.5
    assert both.arms == "guard"
    assert Manner(arms="wide").then(Manner()).arms == "wide"


def test_combined_manners_stay_within_their_ranges():
    wild = Manner(tempo=2.0, amplitude=1.5, depth=0.3, lean=-0.5)
    assert wild.then(wild) == wild
    assert Manner(tempo=0.5).then(Manner(tempo=0.5)).tempo == MANNER_RANGES["tempo"][0]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("front_kik", "bank.yaml: move: unknown 'front_kik'; did you mean 'front_kick'?"),
        ("somersalt", "bank.yaml: move: unknown 'somersalt'; did you mean 'roll'? (all 71 moves: docs/synthesis_bank"),
        ("Front Kick", "did you mean 'front_kick'?"),
        ("roundhouse", "did you mean 'round_kick'?"),
        ("xyzzy", "bank.yaml: move: unknown 'xyzzy'; (all 71 moves: docs/synthesis_bank.md)"),
        ({"move": "jump", "turns": 9}, "bank.yaml: move 'jump': turns: must be from -4 to 4, is 9"),
        ({"move": "jump", "count": 1.5}, "bank.yaml: count: must be a number, is '1.5'"),
        ({"move": "jump", "side": 3}, "bank.yaml: side: must be a text, is '3'"),
        ({"move": "jump", "side": "lft"}, "did you mean 'left'?"),
        ({"move": "jump", "sde": "left"}, "bank.yaml: key unknown 'sde'; did you mean 'side'?"),
        ({"side": "left"}, "bank.yaml: has no key 'move'"),
        (["jump"], "bank.yaml: takes keys and values"),
        ({"move": "jump", "count": float("inf")}, "bank.yaml: count: must be a number, is 'inf'"),
        ({"move": "jump", "count": float("nan")}, "bank.yaml: count: must be a number, is 'nan'"),
        ({"move": "jump", "count": 10**400}, "bank.yaml: count: must be a number, is '1000000"),
        ({"move": "spin", "turns": 10**400}, "bank.yaml: turns: must be a number, is '1000000"),
    ],
)
def test_a_wrong_move_is_told_in_one_line(value, message):
    with pytest.raises(AthenaError) as caught:
        move_from(value, "bank.yaml")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "value", [{"tempo": 3.0}, {"tempo": float("nan")}, {"tempo": 10**400}, {"tempo": True}, {"arms": "wings"}, "fast"]
)
def test_a_wrong_manner_is_refused(value):
    with pytest.raises(AthenaError, match=r"^bank\.yaml: "):
        manner_from(value, "bank.yaml")


def test_moves_and_manners_come_back_from_plain_values():
    assert move_from({"move": "spin", "turns": 2, "count": 3.0}, "x") == Move("spin", turns=2, count=3)
    assert manner_from({"tempo": 1, "arms": "wide"}, "x") == Manner(tempo=1.0, arms="wide")
