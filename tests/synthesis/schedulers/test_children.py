"""Children of a prompt: which axes change, and by how much."""

from __future__ import annotations

import numpy as np
import pytest

from athena_wbc.synthesis.prompt import AXES
from athena_wbc.synthesis.schedulers.children import child_slots, draw_phrase, wanted_tiers
from tests.synthesis.toy_bank import slots_of, toy_bank

DOMAIN = toy_bank("dance").domain("dance")
EASY = dict.fromkeys(AXES, 1.0)


def test_a_step_takes_one_axis_for_each_quarter_of_a_tier():
    assert wanted_tiers(EASY, 0.25) == {"combo_action": 2.0}
    assert wanted_tiers(EASY, 0.5) == {"combo_action": 2.0, "detail": 2.0}
    assert wanted_tiers(EASY, 1.0) == dict.fromkeys(AXES, 2.0)
    assert wanted_tiers(EASY, 1.5) == EASY | {
        "combo_action": 3.0, "detail": 3.0, "speed_rhythm": 2.0, "base_action": 2.0,
    }  # fmt: skip


def test_axes_at_the_end_of_the_scale_leave_the_step_to_the_next():
    tiers = {"base_action": 1.0, "combo_action": 3.0, "detail": 3.0, "speed_rhythm": 1.0}
    assert wanted_tiers(tiers, 0.25) == {"speed_rhythm": 2.0}
    assert wanted_tiers(tiers, -0.25) == {"combo_action": 2.0}
    assert wanted_tiers(dict.fromkeys(AXES, 3.0), 1.0) == {}
    assert wanted_tiers(EASY, -0.5) == {}


def test_a_child_keeps_what_may_stay():
    parent = slots_of("1a", "1b", "1c", "1d")
    slots, changes = child_slots(DOMAIN, parent, 0.5, np.random.default_rng(0), 0.01)
    assert [change.axis for change in changes] == ["combo_action", "detail"]
    assert slots["base_action"] == parent["base_action"]
    assert slots["speed_rhythm"] == parent["speed_rhythm"]
    assert slots["combo_action"][0].startswith("combo_action 2")
    assert [(change.old_tier, change.new_tier) for change in changes] == [(1.0, 2.0), (1.0, 2.0)]


@pytest.mark.parametrize("step", [0.0, 1.0])
def test_a_child_is_never_its_parent(step: float):
    parent = slots_of("3a", "3b", "3c", "3d")
    rng = np.random.default_rng(1)
    for _ in range(50):
        slots, (change,) = child_slots(DOMAIN, parent, step, rng, 0.01)
        assert slots != parent
        assert change.axis != "base_action"
        assert change.new_tier == 3.0


def test_phrases_are_drawn_near_the_target_and_not_from_the_excluded():
    rng = np.random.default_rng(2)
    drawn = [draw_phrase(DOMAIN, "detail", 2.0, rng, 0.35, ["detail 2a"]) for _ in range(600)]
    share = sum(text.startswith("detail 2") for text in drawn) / len(drawn)
    # exp(-1 / 0.35) = 0.0574 for the tiers on either side
    assert share == pytest.approx(1.0 / (1.0 + 2.0 * 0.0574), abs=0.04)
    assert "detail 2a" not in drawn
    only = toy_bank("solo", per_tier=1).domain("solo")
    assert draw_phrase(only, "detail", 1.0, rng, 0.01, ["detail 1a", "detail 2a", "detail 3a"]) == "detail 1a"
