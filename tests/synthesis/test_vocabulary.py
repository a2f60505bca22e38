from __future__ import annotations

import pytest

from athena_wbc.synthesis.vocabulary import FAMILY, MANNER_RANGES, MOVES, Manner


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
