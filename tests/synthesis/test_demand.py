from __future__ import annotations

import pytest

from athena_wbc.synthesis.demand import LEVELS, manner_demand, move_demand, plan_demand, tier_of
from athena_wbc.synthesis.vocabulary import FAMILY, PLAIN, Manner, Move


def test_every_move_has_one_level() -> None:
    moves = [move for level in LEVELS.values() for move in level]
    assert sorted(moves) == sorted(FAMILY)


def test_height_and_further_turns_add() -> None:
    assert move_demand(Move("front_kick")) == 2.0
    assert move_demand(Move("front_kick", height="high")) == 2.5
    assert move_demand(Move("jump", height="low")) == 1.5
    assert move_demand(Move("reach", height="high")) == 1.0
    assert move_demand(Move("spin", turns=1.0)) == 2.0
    assert move_demand(Move("spin", turns=-3.0)) == 3.5


def test_a_chain_is_its_hardest_move_and_a_little_of_the_rest() -> None:
    assert plan_demand(()) == 1.0
    assert plan_demand((Move("walk"), Move("backflip"), Move("jump"))) == pytest.approx(3.0 + 0.15 * (2.0 + 1.0))


@pytest.mark.parametrize(
    "harder", [{"tempo": 1.2}, {"amplitude": 1.2}, {"jump": 1.2}, {"depth": 0.1}, {"extra_turns": 1.0}, {"burst": 0.5},
               {"lean": -0.3}]
)  # fmt: skip
def test_manners_that_are_harder(harder: dict[str, float]) -> None:
    assert manner_demand(Manner(**harder)) > manner_demand(PLAIN) == 1.75


@pytest.mark.parametrize("easier", [{"tempo": 0.8}, {"amplitude": 0.8}, {"pause": 0.3}, {"hold": 0.3}])
def test_manners_that_are_easier(easier: dict[str, float]) -> None:
    assert manner_demand(Manner(**easier)) < manner_demand(PLAIN)


def test_tiers_stay_within_their_scale() -> None:
    assert tier_of((), Manner(tempo=0.5, amplitude=0.5)) == 1.0
    assert tier_of((Move("backflip"), Move("backflip")), Manner(tempo=2.0)) == 3.0
    assert tier_of((Move("jump"),), PLAIN) == (2.0 + 1.75) / 2.0
