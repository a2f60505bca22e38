from __future__ import annotations

import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.vocabulary import Manner, Move
from athena_wbc.synthesis.vocabulary_file import manner_from, move_from


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
