"""The controls: uniform draws, and all clips at once."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from athena_wbc.errors import AthenaError
from athena_wbc.synthesis.schedulers.one_shot import OneShotConfig, OneShotScheduler
from athena_wbc.synthesis.schedulers.random_choice import RandomConfig, RandomScheduler
from tests.synthesis.toy_bank import seen, toy_bank

BANK = toy_bank("dance", "sport")


def test_observations_move_nothing_but_the_rehearsal():
    first = RandomScheduler().first(BANK, 10, 0)
    good = [seen(prompt, f"c{i:02d}", 1.0) for i, prompt in enumerate(first.prompts)]
    bad = [seen(prompt, f"c{i:02d}", 0.0) for i, prompt in enumerate(first.prompts)]
    one = RandomScheduler().next(good, first.state, BANK, 10, 1, 0)
    assert one == RandomScheduler().next(bad, first.state, BANK, 10, 1, 0)
    assert len(one.rehearsal) == 4
    assert not {prompt.text for prompt in first.prompts} & {prompt.text for prompt in one.prompts}


def test_draws_are_uniform():
    prompts = RandomScheduler().first(toy_bank("dance"), 240, 0).prompts
    tiers = Counter(prompt.slots["detail"][0][7] for prompt in prompts)
    assert all(count == pytest.approx(80, abs=1) for count in tiers.values())
    assert np.mean([prompt.tier for prompt in prompts]) == pytest.approx(2.0, abs=0.01)


def test_one_shot_draws_the_prompts_of_all_loops_from_the_first_distribution():
    scheduler = OneShotScheduler(OneShotConfig(loops=3))
    first = scheduler.first(BANK, 10, 0)
    assert Counter(prompt.domain for prompt in first.prompts) == {"dance": 30, "sport": 30}
    assert len({prompt.text for prompt in first.prompts}) == 60
    assert np.mean([prompt.tier for prompt in first.prompts]) == pytest.approx(1.5, abs=0.2)
    wide = OneShotScheduler(OneShotConfig(loops=3, start_tier=None)).first(BANK, 10, 0)
    assert np.mean([prompt.tier for prompt in wide.prompts]) == pytest.approx(2.0, abs=0.1)
    later = scheduler.next([seen(first.prompts[0], "b"), seen(first.prompts[1], "a")], first.state, BANK, 10, 1, 0)
    assert later.prompts == ()
    assert later.rehearsal == ("a", "b")


def test_one_shot_does_not_guess_the_number_of_loops():
    with pytest.raises(AthenaError, match="one_shot: loops: is null"):
        OneShotScheduler().first(BANK, 10, 0)


def test_settings_out_of_range_are_refused():
    with pytest.raises(AthenaError, match="rehearsal: must be"):
        RandomScheduler(RandomConfig(rehearsal=2.0))
    with pytest.raises(AthenaError, match="loops: must be"):
        OneShotScheduler(OneShotConfig(loops=0))
    with pytest.raises(AthenaError, match="start_tier: must be"):
        OneShotScheduler(OneShotConfig(start_tier=4.0))
